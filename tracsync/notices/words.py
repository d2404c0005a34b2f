"""What a notice says: a title, the sentence, the figures and the link, in the language that is active."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from destinations.insight import destination_status, statistics, status_words
from destinations.models import Destination, Health
from tracsync.common import times
from tracsync.common.numbers import grouped
from tracsync.models import Event, Incident, Notice

Content = dict[str, Any]
Figures = list[tuple[str, str]]
MOST_LISTED = 50  # destinations of a summary


def content(incident: Incident, phase: str, sentence: str, now: datetime) -> Content:
    """As JSON. `sentence`: what the incident's is in this language."""
    is_over = phase == Notice.Phase.CLOSED
    destination = _destination(incident)
    return {
        "type": f"{incident.event}.{phase}",
        "incident": incident.pk,
        "title": _title(incident, destination, is_over),
        "sentence": _over(incident, destination, sentence, now) if is_over else sentence,
        "figures": list(_figures(incident, destination, now)),
        "link": link(incident),
        "destination": destination and _named(destination),
        "opened_at": incident.opened_at.isoformat(),
        "closed_at": incident.closed_at and incident.closed_at.isoformat(),
    }


def _named(destination: Destination) -> dict[str, Any]:
    return {"id": destination.pk, "slug": destination.slug, "name": destination.name}


def of_test(name: str, now: datetime) -> Content:
    """What a test sends."""
    return {
        "type": "test",
        "incident": None,
        "title": _("A test"),
        "sentence": _("This is a test of the channel %(name)s. Nothing has happened.") % {"name": name},
        "figures": [],
        "link": _absolute(reverse("admin:index")),
        "destination": None,
        "opened_at": now.isoformat(),
        "closed_at": now.isoformat(),
    }


def as_text(content: Content) -> str:
    """For people, a line each."""
    figures = "\n".join(f"{label}: {value}" for label, value in content["figures"])
    return "\n\n".join(filter(None, (content["sentence"], figures, content["link"]))) + "\n"


def subject(content: Content) -> str:
    """In one line."""
    return " ".join(f"[tracsync] {content['title']}".split())


def _destination(incident: Incident) -> Destination | None:
    rows = Destination.objects.select_related("resource", "health").prefetch_related("resource__accounts")
    return rows.filter(pk=incident.destination_id).first() if incident.destination_id else None


def _title(incident: Incident, destination: Destination | None, is_over: bool) -> str:
    name = destination.name if destination else incident.about.get("name", "")
    opened = {
        Event.BROKEN: _("%(name)s is held or stopped"),
        Event.REJECTED: _("%(name)s rejects too much"),
        Event.WAITING: _("A change for %(name)s waits too long"),
        Event.STALLED: _("Nothing is being sent"),
        Event.EXPIRING: _("%(name)s: a token or certificate ends soon"),
        Event.ENDED: _("%(name)s: a job has ended"),
        Event.DAILY: _("Summary of the day"),
        Event.WEEKLY: _("Summary of the week"),
    }
    closed = {
        Event.BROKEN: _("%(name)s is no longer held or stopped"),
        Event.REJECTED: _("%(name)s no longer rejects too much"),
        Event.WAITING: _("Nothing waits too long for %(name)s any more"),
        Event.STALLED: _("Changes are being sent again"),
        Event.EXPIRING: _("%(name)s: no token or certificate ends soon any more"),
    }
    texts: dict[Any, str] = closed if is_over else opened
    return texts[Event(incident.event)] % {"name": name}


def _over(incident: Incident, destination: Destination | None, sentence: str, now: datetime) -> str:
    """How it is now, how long it was otherwise, and what was said of it."""
    duration = times.duration((incident.closed_at or now) - incident.opened_at)
    so_long = _("It was so for %(duration)s: %(sentence)s") % {"duration": duration, "sentence": sentence}
    as_it_is = ""
    if destination is not None:
        status = status_words.status(destination, now)
        as_it_is = _("It is now: %(status)s.") % {"status": status.sentence or status.label}
    return " ".join(filter(None, (as_it_is, so_long)))


def _figures(incident: Incident, destination: Destination | None, now: datetime) -> Iterator[tuple[str, str]]:
    if incident.event == Event.ENDED:
        yield from _counts(incident.about.get("counts", {}))
    elif incident.event in (Event.DAILY, Event.WEEKLY):
        period = statistics.DAY if incident.event == Event.DAILY else statistics.WEEK
        yield from summary(period, now)
    elif destination is not None:
        yield from _of_destination(destination, now)


def _counts(counts: dict[str, int]) -> Figures:
    labels = {
        "created": _("created"),
        "changed": _("changed"),
        "unchanged": _("unchanged"),
        "refused": _("refused"),
    }
    return [(labels[name], grouped(count)) for name, count in counts.items()]


def _of_destination(destination: Destination, now: datetime) -> Figures:
    counts = statistics.for_destination(destination, statistics.HOUR, now)
    row = destination_status.with_waiting(Destination.objects.filter(pk=destination.pk)).get()
    health: Health | None = getattr(destination, "health", None)
    failures = max(health.failures, health.refusals) if health else 0
    return [
        (_("sent in the last hour"), grouped(counts.sent)),
        (_("accepted of these"), grouped(counts.counts["accepted"])),
        (_("rejected of these"), grouped(counts.counts["rejected"])),
        (_("waiting"), str(destination_status.counted(row.waiting))),
        (_("failures in a row"), grouped(failures)),
    ]


def summary(period: statistics.Period, now: datetime) -> Figures:
    """A line for each destination; what is not well comes first."""
    rows = Destination.objects.select_related("resource", "health").prefetch_related("resource__accounts")
    found = []
    counted = statistics.by_destination(period, now)
    for one in destination_status.with_waiting(rows):
        status = status_words.status(one, now, one.oldest_change, one.rejected)
        counts = counted.get(one.pk, statistics.Figures())
        text = _("%(status)s; %(sent)s sent, %(rejected)s rejected, %(waiting)s waiting") % {
            "status": f"{status.label} ({status.sentence})" if status.sentence else status.label,
            "sent": grouped(counts.sent),
            "rejected": grouped(counts.counts["rejected"]),
            "waiting": destination_status.counted(one.waiting),
        }
        found.append((status.is_well, one.name, text))
    found.sort(key=lambda one: one[:2])
    lines = [(name, text) for _is_well, name, text in found[:MOST_LISTED]]
    more = len(found) - len(lines)
    return [*lines, (_("and more"), grouped(more))] if more else lines


def link(incident: Incident) -> str:
    """Where to look."""
    return _absolute(_path(incident))


def _path(incident: Incident) -> str:
    about = incident.about
    if incident.event == Event.ENDED:
        return reverse(f"admin:{about['job']}_change", args=[about["pk"]])
    if incident.destination_id:
        return reverse("admin:destinations_destination_change", args=[incident.destination_id])
    if incident.event == Event.EXPIRING:
        is_ours = about["what"] == "api_token"
        label = "tracsync_apitoken" if is_ours else "destinations_resource"
        return reverse(f"admin:{label}_change", args=[about["pk"]])
    return reverse("admin:index")


def _absolute(path: str) -> str:
    return f"{settings.TRACSYNC_URL.rstrip('/')}{path}"
