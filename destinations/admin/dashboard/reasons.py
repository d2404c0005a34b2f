"""Why profiles were not sent to a destination, or not accepted: ranked reasons as the funnel shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from destinations.admin.base.links import listing
from destinations.admin.dashboard import charts
from destinations.insight import attempt_search, reasons
from destinations.insight.attempt_search import FAILED
from destinations.models import DeliveryAttempt, Destination, ProfileSync
from tracsync.common.numbers import grouped
from tracsync.common.translation import translated

MOST_TEXT = 300  # characters of one reason
State = ProfileSync.State


@dataclass(frozen=True, slots=True)
class Reason:
    """`kind`: code and field, "" where the destination gave none; `url` lists all that have them. `samples`:
    profiles with their pages.
    """

    text: str
    kind: str
    url: str
    count: int
    share: str
    samples: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Shown:
    """A ranking with its title; `url` lists its rows. `named`: what profiles are called, by id."""

    title: str
    url: str
    ranking: reasons.Ranking
    page: str  # the address of a sample, by name
    named: Mapping[str, str] = field(default_factory=dict)

    @property
    def profiles(self) -> list[str]:
        """The ids of all samples."""
        return [sample.profile for reason in self.ranking.reasons for sample in reason.samples]

    @property
    def rows(self) -> list[Reason]:
        return [self._row(reason) for reason in self.ranking.reasons]

    def _row(self, reason: reasons.Reason) -> Reason:
        text = " ".join(translated(reason.text).split()) or _("no reason was given")
        asked = {"code": reason.code} | ({"field": reason.field} if reason.field else {})
        return Reason(
            text if len(text) <= MOST_TEXT else f"{text[: MOST_TEXT - 1]}…",
            ": ".join(filter(None, (reason.code, reason.field))),
            f"{self.url}&{urlencode(asked)}" if reason.code else "",
            reason.count,
            charts.percent(reason.count / self.ranking.read),
            [(self.named.get(id, id), reverse(self.page, args=[pk])) for pk, id in reason.samples],
        )

    @property
    def looked_at(self) -> str:
        """How much of it this is."""
        read, more = grouped(self.ranking.read), self.ranking.more
        if self.ranking.is_all:
            text = ngettext(
                "%(read)s was looked at, and that is all.", "All %(read)s were looked at.", self.ranking.read
            )
        else:
            text = _("%(read)s of them were looked at; there are more.")
        further = ngettext("%(count)s further reason is rarer.", "%(count)s further reasons are rarer.", more)
        sentences = [text % {"read": read}, further % {"count": more} if more else ""]
        return " ".join(filter(None, sentences))


def as_of_now(destination: Destination) -> list[Shown]:
    """Of the rows as they are now."""
    titles = {
        State.SKIPPED: _("Prerequisites not met, as of now"),
        State.REJECTED: _("Rejected, as of now"),
        State.RETRYING: _("To be tried again, as of now"),
    }
    page = "admin:destinations_profilesync_change"
    return [
        Shown(
            title,
            listing("profilesync", destination, state__exact=state),
            reasons.as_of_now(destination, state),
            page,
        )
        for state, title in titles.items()
    ]


def failed(destination: Destination, since: datetime) -> Shown:
    """Of the attempts since a moment that were not accepted; the latest ones where there are many."""
    rows = failed_attempts().filter(destination=destination, at__gte=since).order_by("-at")
    url = listing("deliveryattempt", destination, at__gte=since.isoformat(), outcome__exact=FAILED)
    title, page = _("Attempts that failed in this time"), "admin:destinations_deliveryattempt_change"
    return Shown(title, url, reasons.ranked(rows), page)


def failed_attempts() -> QuerySet[DeliveryAttempt]:
    return attempt_search.failed(DeliveryAttempt.objects.all())
