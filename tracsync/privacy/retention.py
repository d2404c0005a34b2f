"""Everything that grows and is kept for a while: how long, what decides it, and what there is now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django_q.models import Failure

from destinations.models import (
    Arrival,
    Audit,
    AuthorisationRequest,
    Backfill,
    DeliveryAttempt,
    DestinationVersion,
    Replay,
    ResourceVersion,
    Tally,
)
from profiles.imports.models import ImportJob
from profiles.models import Profile
from profiles.search.models import IndexJob
from tracsync.common.bounded_lists import count
from tracsync.models import Erasure, Incident, KeptAnswer, TrailEntry

ATTEMPTS, HISTORY, BODIES = "TRACSYNC_ATTEMPT_DAYS", "TRACSYNC_HISTORY_DAYS", "TRACSYNC_ATTEMPT_BODIES"
TRAIL = "TRACSYNC_TRAIL_DAYS"
MOST_COUNTED = 10_000

Text = str | Promise


@dataclass(frozen=True, slots=True)
class Kept:
    """Rows, and what says how old each is ("": numbers of moments). `variable`: the setting that says for how
    many days; `fixed`: how long, in words, where no setting does."""

    label: Text
    rows: QuerySet[Any]
    moment: str
    variable: str = ""
    fixed: Text = ""

    @property
    def days(self) -> int | None:
        return getattr(settings, self.variable) if self.variable else None

    @property
    def count(self) -> int:
        """Bounded: see AtLeast."""
        return count(self.rows, MOST_COUNTED)

    @property
    def oldest(self) -> datetime | None:
        """Of what has been dated; that of very many is found where there is an index of it."""
        if not self.moment:
            return None
        dated = self.rows.exclude(**{self.moment: None}).order_by(self.moment)
        found: datetime | None = dated.values_list(self.moment, flat=True).first()
        return found


def everything() -> Iterator[Kept]:
    yield Kept(
        _("Delivery log, with what is kept of requests and answers"),
        DeliveryAttempt.objects.all(),
        "at",
        ATTEMPTS,
    )
    for label, model in (
        (_("Backfills that have ended"), Backfill),
        (_("Replays that have ended"), Replay),
        (_("Audits that have ended"), Audit),
        (_("Imports that have ended"), ImportJob),
        (_("Indexing that has ended"), IndexJob),
    ):
        ended = model._default_manager.exclude(finished_at=None)
        yield Kept(label, ended, "finished_at", HISTORY)
    yield Kept(_("Versions of destinations, but the newest"), DestinationVersion.objects.all(), "at", HISTORY)
    yield Kept(_("Versions of resources, but the newest"), ResourceVersion.objects.all(), "at", HISTORY)
    yield Kept(_("The trail of who did what"), TrailEntry.objects.all(), "at", TRAIL)
    yield Kept(_("That profiles were deleted"), Profile.with_deleted.filter(digest=""), "deleted_at", HISTORY)
    yield Kept(_("What earlier releases noted of the admin"), LogEntry.objects.all(), "action_time", HISTORY)
    yield Kept(_("Incidents that are over"), Incident.objects.exclude(closed_at=None), "closed_at", HISTORY)
    yield Kept(_("Counts of what happened"), Tally.objects.all(), "", fixed=_("8 days"))
    yield Kept(_("Tasks that failed"), Failure.objects.all(), "stopped", fixed=_("7 days"))
    yield Kept(
        _("Answers for repeated requests of the API"),
        KeptAnswer.objects.all(),
        "begun_at",
        fixed=_("24 hours"),
    )
    uploaded = ImportJob.objects.filter(chunks__isnull=False).distinct()
    yield Kept(_("Uploaded files"), uploaded, "created_at", fixed=_("until they are imported, or a day"))
    yield Kept(_("The receiver page"), Arrival.objects.all(), "at", fixed=_("10 minutes"))
    yield Kept(
        _("Sign-ins to other systems that nobody ended"),
        AuthorisationRequest.objects.all(),
        "expires_at",
        fixed=_("a day"),
    )
    yield Kept(_("Sessions"), Session.objects.all(), "", fixed=_("until they expire, two weeks"))
    wrong = AccessAttempt.objects.all()
    yield Kept(
        _("Wrong passwords"),
        wrong,
        "attempt_time",
        fixed=_("until somebody signs in a quarter of an hour later"),
    )
    yield Kept(
        _("Receipts of erasures"),
        Erasure.objects.all(),
        "asked_at",
        fixed=_("for ever: nothing of a person is in them"),
    )
    yield Kept(
        _("Profiles, and what destinations know of them"),
        Profile.objects.all(),
        "created_at",
        fixed=_("until they are deleted"),
    )
