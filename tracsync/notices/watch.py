"""A look at all that may be worth telling. Processes take turns: who has the turn looks for all of them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain

from django.conf import settings
from django.db import DatabaseError
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from destinations.insight import status_words
from destinations.insight.destination_status import with_waiting
from destinations.models import Destination
from tracsync.models import OF_DESTINATIONS, Event, Incident, NoticeChannel, NoticeWatch
from tracsync.notices import channels, expiring, findings, incidents
from tracsync.notices.findings import Finding

logger = logging.getLogger(__name__)

EVERY = timedelta(seconds=15)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
SUMMARY_HOUR = 8  # in the installation's time zone
SUMMARY_UNTIL = 20  # where nothing ran at that hour; later the next one will do


def look(now: datetime) -> bool:
    """Look, if it is this process's turn; whether it was. A destination's events are looked for each time,
    what is slower each minute, and what ends each hour."""
    if not _take_turn(now):
        return False
    watch = NoticeWatch.objects.get(pk=1)
    minutely, hourly = _is_time(watch.minutely_at, MINUTE, now), _is_time(watch.hourly_at, HOUR, now)
    opened = {one.key: one for one in Incident.objects.filter(closed_at=None)}
    found, checked = _findings(now, minutely, hourly, set(opened))
    for finding in found.values():
        if not _follows(finding, found, opened):
            incidents.take(finding, opened.get(finding.key), now)
    for incident in opened.values():
        if incident.event in checked and incident.key not in found:
            incidents.leave(incident, now)
    if hourly:
        channels.make_personal()
        forget(now)
    done = {"minutely_at": now} if minutely else {}
    if minutely or hourly:
        NoticeWatch.objects.filter(pk=1).update(**done, **({"hourly_at": now} if hourly else {}))
    return True


def _take_turn(now: datetime) -> bool:
    """One statement; a turn that lies in the future, of a clock that was ahead, counts as over."""
    is_over = Q(looked_at=None) | Q(looked_at__lte=now - EVERY) | Q(looked_at__gt=now + EVERY)
    return bool(NoticeWatch.objects.filter(is_over, pk=1).update(looked_at=now))


def _is_time(last: datetime | None, every: timedelta, now: datetime) -> bool:
    return last is None or last <= now - every or last > now + every


def _findings(
    now: datetime, minutely: bool, hourly: bool, opened: set[str]
) -> tuple[dict[str, Finding], set[str]]:
    """By their keys, and the events that were looked for: one that cannot be keeps nobody from the others."""
    sources: dict[Event, Iterator[Finding]] = {
        Event.BROKEN: findings.broken(now),
        Event.STALLED: findings.stalled(now, thoroughly=minutely or "stalled" in opened),
    }
    if minutely:
        sources |= {
            Event.REJECTED: findings.rejected(now),
            Event.WAITING: findings.waiting(now),
            Event.ENDED: findings.ended(now),
            Event.DAILY: _summaries(now),
        }
    if hourly:
        sources[Event.EXPIRING] = expiring.expiring(now)
    found: dict[str, Finding] = {}
    looked_for = set()
    for event, source in sources.items():
        try:
            found |= {one.key: one for one in source}
        except DatabaseError:
            raise
        except Exception as error:
            logger.error("could not look for %s (%s: %s)", event, type(error).__name__, error)
        else:
            looked_for.add(str(event))
    return found, looked_for


def _follows(finding: Finding, found: dict[str, Finding], opened: dict[str, Incident]) -> bool:
    """Whether it only follows from something else that is told: rejections and delays of a destination that
    is held, delays where nothing runs."""
    if finding.event == Event.BROKEN or finding.event not in OF_DESTINATIONS or finding.key in opened:
        return False
    assert finding.destination is not None
    is_broken = f"broken:{finding.destination.pk}" in found
    return is_broken or (finding.event == Event.WAITING and "stalled" in found)


def _summaries(now: datetime) -> Iterator[Finding]:
    """Those of today, where anybody wants them."""
    local = timezone.localtime(now, timezone.get_default_timezone())
    if not SUMMARY_HOUR <= local.hour < SUMMARY_UNTIL:
        return
    since = local.replace(hour=SUMMARY_HOUR, minute=0, second=0, microsecond=0)
    events = [Event.DAILY, *([Event.WEEKLY] if local.isoweekday() == 1 else [])]
    chosen = NoticeChannel.objects.filter(enabled=True).values_list("events", flat=True)
    wanted = set(chain.from_iterable(chosen))
    for event in events:
        if event in wanted and not Incident.objects.filter(key=event, opened_at=since).exists():
            yield Finding(str(event), event, since, lambda: _verdict(now))


def _verdict(now: datetime) -> str:
    rows = Destination.objects.select_related("resource", "health").prefetch_related("resource__accounts")
    all_of_them = (
        status_words.status(one, now, one.oldest_change, one.rejected) for one in with_waiting(rows)
    )
    well = [status.is_well for status in all_of_them]
    opened = Incident.objects.filter(closed_at=None, told_at__isnull=False).count()
    more = _("Open incidents: %(count)s.") % {"count": opened} if opened else ""
    return f"{status_words.verdict(well)} {more}".rstrip()


def forget(now: datetime) -> None:
    """Incidents that ended longer ago than history is kept, and their notices."""
    Incident.objects.filter(closed_at__lt=now - timedelta(days=settings.TRACSYNC_HISTORY_DAYS)).delete()
