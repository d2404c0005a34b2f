"""Incidents begin, are told, and end: once each, whoever looks and however often."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone, translation

from tracsync.common import trail
from tracsync.common.trail import Action
from tracsync.common.translation import read_by
from tracsync.models import ONCE, Event, Incident, Notice
from tracsync.models.notices import UNSAID
from tracsync.notices import channels, words
from tracsync.notices.findings import Finding

# How long something is so before it is told: what mends itself within a minute wakes nobody.
PATIENCE = {
    Event.BROKEN: timedelta(seconds=60),
    Event.STALLED: timedelta(seconds=60),
    Event.WAITING: timedelta(minutes=5),  # what waited is sent first when a destination is back
}
CALM = timedelta(seconds=30)  # that it is well before it is over
BETWEEN = timedelta(minutes=15)  # two notices that the same has begun


def take(finding: Finding, incident: Incident | None, now: datetime) -> None:
    """What was found is so. `incident`: the open one of it, if there is one."""
    if finding.event in ONCE:
        _happened(finding, now)
        return
    incident = incident or _open(finding, now)
    if incident is None:
        return
    if incident.well_since is not None:
        Incident.objects.filter(pk=incident.pk).update(well_since=None)
    if incident.told_at is None and _is_to_be_told(incident, now):
        # Of a longer time the sentence may have changed, such as a rest that goes on.
        incident.sentences = _sentences(finding.sentence)
        tell(incident, now)


def leave(incident: Incident, now: datetime) -> None:
    """It is not so any more."""
    if incident.well_since is None:
        Incident.objects.filter(pk=incident.pk).update(well_since=now)
    elif not _is_within(CALM, incident.well_since, now):
        _close(incident, now)


def acknowledge(incident: Incident, by: str) -> None:
    """Somebody takes care of it. What has not been sent yet of its beginning is not sent any more."""
    now = timezone.now()
    with transaction.atomic():
        rows = Incident.objects.filter(pk=incident.pk, acknowledged_at=None)
        if rows.update(acknowledged_at=now, acknowledged_by=by):
            trail.note(Action.ACKNOWLEDGED, incident)
        _drop(incident)
    incident.refresh_from_db()


def mute(incident: Incident, until: datetime | None, by: str) -> None:
    """Nothing is sent of it, and of the same again, until then; None ends that."""
    with transaction.atomic():
        Incident.objects.filter(pk=incident.pk).update(muted_until=until, muted_by=by if until else "")
        trail.note(Action.MUTED, incident, changes={"muted_until": [None, until and until.isoformat()]})
        if until is not None:
            _drop(incident)
    incident.refresh_from_db()


def _open(finding: Finding, now: datetime) -> Incident | None:
    muted = Incident.objects.filter(key=finding.key, muted_until__gt=now).order_by("-muted_until").first()
    incident = Incident(
        key=finding.key,
        event=finding.event,
        destination=finding.destination,
        about=finding.about,
        sentences=_sentences(finding.sentence),
        opened_at=min(finding.since, now),
        muted_until=muted.muted_until if muted else None,
        muted_by=muted.muted_by if muted else "",
    )
    try:
        with transaction.atomic():
            incident.save()
    except IntegrityError:  # another process has just opened it, or the destination is gone
        return None
    return incident


def _is_to_be_told(incident: Incident, now: datetime) -> bool:
    patience = PATIENCE.get(Event(incident.event), timedelta(0))
    if _is_within(patience, incident.opened_at, now) or incident.is_muted(now) or incident.acknowledged_at:
        return False
    told = Incident.objects.filter(key=incident.key, told_at__gt=now - BETWEEN, told_at__lte=now)
    return not told.exclude(pk=incident.pk).exists()


def _is_within(span: timedelta, since: datetime, now: datetime) -> bool:
    """A moment in the future is that of a clock that was ahead: its span counts as over."""
    return since <= now < since + span


def _happened(finding: Finding, now: datetime) -> None:
    """Once: an incident that is over."""
    if Incident.objects.filter(key=finding.key, opened_at=finding.since).exists():
        return
    incident = Incident(
        key=finding.key,
        event=finding.event,
        destination=finding.destination,
        about=finding.about,
        sentences=_sentences(finding.sentence),
        opened_at=finding.since,
        closed_at=finding.since,
    )
    try:
        with transaction.atomic():
            incident.save()
            tell(incident, now)
    except IntegrityError:  # another process has just told it
        return


def tell(incident: Incident, now: datetime) -> None:
    """Queue a notice for each channel that wants it; whoever else does so at this moment queues none."""
    with transaction.atomic():
        untold = Incident.objects.filter(pk=incident.pk, told_at=None)
        if untold.update(told_at=now, sentences=incident.sentences):
            channels.make_personal()
            _queue(incident, Notice.Phase.OPENED, now, channels.wanting(incident))


def _close(incident: Incident, now: datetime) -> None:
    with transaction.atomic():
        rows = Incident.objects.filter(pk=incident.pk, closed_at=None)
        if incident.told_at is None:  # it was over before anybody was told
            rows.filter(told_at=None).delete()
            return
        if not rows.update(closed_at=now):
            return
        incident.closed_at = now
        _drop(incident)
        if incident.is_muted(now):
            return
        told = {one.channel_id for one in incident.notices.filter(phase=Notice.Phase.OPENED)}
        wanting = [one for one in channels.wanting(incident) if one.pk in told]
        _queue(incident, Notice.Phase.CLOSED, now, wanting)


def _queue(incident: Incident, phase: str, now: datetime, wanting: list[channels.NoticeChannel]) -> None:
    contents: dict[str, words.Content] = {}
    notices = []
    for channel in wanting:
        language = channels.language_of(channel)
        if language not in contents:
            contents[language] = _content(incident, phase, language, now)
        content = contents[language]
        notices.append(
            Notice(
                incident=incident, channel=channel, phase=phase, content=content, created_at=now, next_at=now
            )
        )
    Notice.objects.bulk_create(notices, ignore_conflicts=True)


def _content(incident: Incident, phase: str, language: str, now: datetime) -> words.Content:
    with translation.override(language):
        sentence = incident.sentences.get(language, str(incident))
        content = words.content(incident, phase, sentence, now)
        return {**content, "subject": words.subject(content)}


def _drop(incident: Incident) -> None:
    """What waits to be sent of its beginning."""
    waiting = incident.notices.filter(phase=Notice.Phase.OPENED, state=Notice.State.WAITING)
    waiting.update(state=Notice.State.DROPPED, next_at=None)


def _sentences(sentence: Callable[[], str]) -> dict[str, str]:
    """In each language, and without what other systems say."""
    found = {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            found[language] = sentence()
            with read_by(lambda: False):
                unsaid = sentence()
        if unsaid != found[language]:
            found[UNSAID + language] = unsaid
    return found
