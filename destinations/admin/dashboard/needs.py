"""What needs a person, and what went wrong lately: each a sentence with one button."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from destinations.admin.base.links import Link, called, listing, may_see_names, pair_url
from destinations.admin.jobs.base import ShownJob
from destinations.insight import destination_status, status_words
from destinations.insight.destination_status import Kind
from destinations.models import DeliveryAttempt, ProfileSync
from destinations.scheduler.worker_status import Liveness
from profiles import personal
from tracsync.common import times
from tracsync.common.translation import translated

MOST_WORDS = 300  # characters of a reason
BADGES = {  # which of the five kinds of badges a state has
    Kind.RUNNING: "fine",
    Kind.LIMITED: "working",
    Kind.RESTING: "working",
    Kind.BEHIND: "needs",
    Kind.BROKEN: "needs",
    Kind.REJECTED: "needs",
    Kind.REFUSING: "stopped",
    Kind.STOPPED: "stopped",
    Kind.PAUSED: "off",
    Kind.OFF: "off",
    Kind.RESOURCE_OFF: "off",
}
ACTED_ON = (
    Kind.STOPPED,
    Kind.REFUSING,
    Kind.BROKEN,
    Kind.BEHIND,
)  # the others end by themselves, or are wanted


@dataclass(frozen=True, slots=True)
class Need:
    """`badge` is one of the five kinds, `detail` what else is known, `command` what to run; "" if nothing."""

    badge: str
    label: str
    sentence: str
    detail: str = ""
    link: Link | None = None
    command: str = ""


def of_engine(liveness: Liveness) -> Iterator[Need]:
    if not liveness.ok:
        url = f"{reverse('admin:documentation', args=['operations'])}"
        how = Link(_("How to run it"), url)
        yield Need("stopped", _("Stopped"), liveness.verdict, liveness.advice, how, liveness.command)


def of_jobs(jobs: Iterable[ShownJob]) -> Iterator[Need]:
    """Those that wait for somebody."""
    for job in jobs:
        if job.next_url:
            text = _("%(job)s waits for you.") % {"job": job.title}
            next_step = Link(job.next_label, job.next_url)
            yield Need("needs", _("Waits"), text, _capital(job.progress.summary), next_step)


def of_destination(destination: Any, now: datetime, request: HttpRequest) -> Iterator[Need]:
    """What holds it up and does not end by itself, and which profiles it refuses."""
    sees_syncs = request.user.has_perm("destinations.view_profilesync")
    found = next(destination_status.conditions(destination, now, destination.oldest_change))
    if found.kept_out:
        yield _kept_out(destination, found, now, request)
    elif found.kind in ACTED_ON:
        yield _held(destination, found, now, sees_syncs)
    if destination.rejected:
        yield _rejected(destination, sees_syncs)


def _held(destination: Any, found: destination_status.Condition, now: datetime, sees_syncs: bool) -> Need:
    sentences = {
        Kind.STOPPED: _("%(name)s is stopped."),
        Kind.REFUSING: _("%(name)s refuses what is sent."),
        Kind.BROKEN: _("%(name)s has to be mended."),
        Kind.BEHIND: _("%(name)s is behind."),
    }
    page = _page(destination)
    links = {
        Kind.STOPPED: Link(_("See why, and start it"), page),
        Kind.REFUSING: Link(_("Look at it"), page),
        Kind.BROKEN: Link(_("Mend it"), page),
        Kind.BEHIND: Link(_("See what waits"), listing("profilesync", destination, owed="yes"))
        if sees_syncs
        else Link(_("Look at it"), page),
    }
    return _need(destination, found, now, sentences[found.kind], links[found.kind])


def _kept_out(
    destination: Any, found: destination_status.Condition, now: datetime, request: HttpRequest
) -> Need:
    """Its credentials are those of its resource, which is where they are mended."""
    link = Link(_("Look at it"), _page(destination))
    if request.user.has_perm("destinations.change_resource"):
        resource = reverse("admin:destinations_resource_change", args=[destination.resource_id])
        link = Link(_("Mend the credentials"), resource)
    return _need(destination, found, now, _("%(name)s does not let us in."), link)


def _need(
    destination: Any, found: destination_status.Condition, now: datetime, sentence: str, link: Link
) -> Need:
    status = status_words.status(destination, now, destination.oldest_change)
    return Need(
        BADGES[found.kind],
        _capital(status.label),
        sentence % {"name": destination.name},
        _said(status.told),
        link,
    )


def _rejected(destination: Any, sees_syncs: bool) -> Need:
    count = destination_status.counted(destination.rejected)
    words = {"count": count, "name": destination.name}
    text = ngettext(
        "%(name)s has rejected %(count)s profile.",
        "%(name)s has rejected %(count)s profiles.",
        destination.rejected,
    )
    label = ngettext("See the profile", "See the %(count)s profiles", destination.rejected) % words
    rejected = listing("profilesync", destination, state__exact=ProfileSync.State.REJECTED)
    link = Link(label, rejected) if sees_syncs else Link(_("Look at it"), _page(destination))
    detail = _("Correct the profiles or the mapping, then send them again.")
    return Need("needs", _("Rejected"), text % words, detail, link)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that went wrong, and where it is explained."""

    when: str
    destination: str
    url: str
    text: str
    profile: str
    link: Link


def latest(destinations: Iterable[Any], since: datetime, most: int, request: HttpRequest) -> list[Problem]:
    """The last failed attempt of each destination since then, the newest first.

    `destinations` say it as `failed_pk`, which an index finds for each.
    """
    ids = [one.failed_pk for one in destinations if one.failed_pk]
    rows = DeliveryAttempt.objects.filter(pk__in=ids, at__gt=since).select_related("destination", "profile")
    shown = ("at", "reason", "destination__name", "profile__id", "profile__name")
    names = may_see_names(request)
    may_ask = personal.may_view(request.user)
    return [_problem(one, names, may_ask) for one in rows.only(*shown).order_by("-at")[:most]]


def _problem(attempt: DeliveryAttempt, names: bool, may_ask: bool) -> Problem:
    why = pair_url(attempt.profile_id, attempt.destination_id)
    page = reverse("admin:destinations_deliveryattempt_change", args=[attempt.pk])
    return Problem(
        times.shown(attempt.at),
        attempt.destination.name,
        _page(attempt.destination),
        _said(translated(attempt.reason)) or _("no reason was given"),
        called(attempt.profile, by_name=names),
        Link(_("Why?"), why) if may_ask else Link(_("Open it"), page),
    )


def _page(destination: Any) -> str:
    return reverse("admin:destinations_destination_change", args=[destination.pk])


def _said(text: str) -> str:
    return Truncator(" ".join(text.split())).chars(MOST_WORDS)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
