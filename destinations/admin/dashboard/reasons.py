"""Why profiles were not sent to a destination, or not accepted: reasons ranked, with samples."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import BooleanField, QuerySet
from django.db.models.expressions import RawSQL
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from destinations.admin.base.links import listing
from destinations.admin.dashboard import charts
from destinations.insight.attempt_search import FAILED
from destinations.models import DeliveryAttempt, Destination, ProfileSync
from tracsync.common.numbers import grouped
from tracsync.common.translation import translated

MOST_READ = 2000  # rows of one kind
MOST_REASONS = 10
MOST_TEXT = 300  # characters of one reason
SAMPLES = 3
State = ProfileSync.State


@dataclass(slots=True)
class Reason:
    """`samples` are ids of profiles, each with its page's address."""

    text: str
    count: int = 0
    share: str = ""
    samples: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Ranking:
    """The reasons of the `read` rows that were looked at; `is_all`: there are no others. `url` lists them."""

    title: str
    reasons: list[Reason]
    read: int
    is_all: bool
    more: int
    url: str

    @property
    def looked_at(self) -> str:
        """How much of it this is."""
        read = grouped(self.read)
        if self.is_all:
            text = ngettext(
                "%(read)s was looked at, and that is all.", "All %(read)s were looked at.", self.read
            )
        else:
            text = _("%(read)s of them were looked at; there are more.")
        reasons = ngettext(
            "%(count)s further reason is rarer.", "%(count)s further reasons are rarer.", self.more
        )
        sentences = [text % {"read": read}, reasons % {"count": self.more} if self.more else ""]
        return " ".join(filter(None, sentences))


def as_of_now(destination: Destination) -> list[Ranking]:
    """Of the rows as they are now."""
    titles = {
        State.SKIPPED: _("Prerequisites not met, as of now"),
        State.REJECTED: _("Rejected, as of now"),
        State.RETRYING: _("To be tried again, as of now"),
    }
    rows = ProfileSync.objects.filter(destination=destination).order_by()
    return [
        _ranking(title, rows.filter(state=state), listing("profilesync", destination, state__exact=state))
        for state, title in titles.items()
    ]


def failed(destination: Destination, since: datetime) -> Ranking:
    """Of the attempts since a moment that were not accepted; the latest ones where there are many."""
    rows = failed_attempts().filter(destination=destination, at__gte=since).order_by("-at")
    url = listing("deliveryattempt", destination, at__gte=since.isoformat(), outcome__exact=FAILED)
    return _ranking(_("Attempts that failed in this time"), rows, url)


def failed_attempts() -> QuerySet[DeliveryAttempt]:
    """In the words of the indexes of failed attempts: SQLite takes a partial index for nothing else."""
    condition = RawSQL("NOT (outcome = 'accepted')", (), output_field=BooleanField())
    return DeliveryAttempt.objects.filter(condition)


def _ranking(title: str, rows: QuerySet[Any], url: str) -> Ranking:
    found = list(rows.values_list("reason", "pk", "profile_id")[: MOST_READ + 1])
    read = found[:MOST_READ]
    page = f"admin:{rows.model._meta.app_label}_{rows.model._meta.model_name}_change"
    by_text: dict[str, Reason] = {}
    for text, pk, profile_id in read:
        short = " ".join(translated(text).split()) or _("no reason was given")
        short = short if len(short) <= MOST_TEXT else f"{short[: MOST_TEXT - 1]}…"
        reason = by_text.setdefault(short, Reason(short))
        reason.count += 1
        if len(reason.samples) < SAMPLES and profile_id not in dict(reason.samples):
            reason.samples.append((profile_id, reverse(page, args=[pk])))
    ranked = sorted(by_text.values(), key=lambda reason: -reason.count)
    for reason in ranked:
        reason.share = charts.percent(reason.count / len(read))
    is_all = len(found) == len(read)
    return Ranking(title, ranked[:MOST_REASONS], len(read), is_all, max(0, len(ranked) - MOST_REASONS), url)
