"""What people ask for that takes long: backfills and replays."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from destinations.models.destinations import Destination
from profiles.models import Profile
from tracsync.common.jobs import Job
from tracsync.common.numbers import grouped


class Backfill(Job):
    """Bringing all profiles, or those changed since a moment, up to date at one destination.

    The scheduler works through it in batches; `after` is the id of the last profile that was handed over.
    """

    destination = models.ForeignKey(
        Destination, models.CASCADE, related_name="backfills", verbose_name=_("destination")
    )
    changed_since = models.DateTimeField(null=True)
    after = models.CharField(max_length=255, blank=True)

    class Meta(Job.Meta):
        verbose_name = _("backfill")
        verbose_name_plural = _("backfills")

    def __str__(self) -> str:
        return _("backfill %(number)s of destination %(id)s") % {"number": self.pk, "id": self.destination_id}

    @classmethod
    def request(
        cls, destination: Destination, changed_since: datetime | None = None, asked_by: str = ""
    ) -> Backfill:
        """Have the scheduler bring all profiles, or those changed since a moment, up to date."""
        backfill = cls(destination=destination, changed_since=changed_since, asked_by=asked_by)
        backfill.total = backfill.wanted(Profile.objects.all()).count()
        backfill.save()
        return backfill

    def wanted(self, profiles: models.QuerySet[Profile, Any]) -> models.QuerySet[Profile, Any]:
        """Those of the profiles that it brings up to date."""
        since = self.changed_since
        return profiles if since is None else profiles.filter(changed_at__gte=since)

    @property
    def amount(self) -> str:
        return handed_over(self)


class Replay(Job):
    """Sending what was chosen at one destination again; `after` says where to go on (see sync/choices.py).

    A retry sends again what was not accepted as it is now; a replay even that. With `over` it is handed over
    evenly within that time, else as fast as the destination takes it.
    """

    class Kind(models.TextChoices):
        REPLAY = "replay", _("replay")
        RETRY = "retry", _("retry")

    destination = models.ForeignKey(
        Destination, models.CASCADE, related_name="replays", verbose_name=_("destination")
    )
    choice = models.JSONField(default=dict)  # see sync/choices.py
    kind = models.CharField(_("kind"), max_length=6, choices=Kind.choices, default=Kind.REPLAY)
    after = models.JSONField(null=True)
    over = models.DurationField(null=True)

    class Meta(Job.Meta):
        verbose_name = _("replay")
        verbose_name_plural = _("replays")
        default_permissions = ("view",)

    def __str__(self) -> str:
        return _("replay %(number)s at destination %(id)s") % {"number": self.pk, "id": self.destination_id}

    def share(self, now: datetime) -> int | None:
        """How many are to be handed over by now and are not; None: as many as the destination takes."""
        if self.over is None or now >= self.created_at + self.over:
            return None
        passed = max(0.0, (now - self.created_at) / self.over)
        return max(0, math.ceil(passed * self.total) - self.done)

    @property
    def amount(self) -> str:
        return handed_over(self)


def handed_over(job: Job) -> str:
    if job.done > job.total > 0:
        said = {"done": grouped(job.done), "more": grouped(job.done - job.total)}
        return _("%(done)s handed over, %(more)s of which came meanwhile") % said
    return _("%(done)s of %(total)s handed over") % {"done": grouped(job.done), "total": grouped(job.total)}
