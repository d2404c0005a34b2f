"""One step of an audit, a task of its own: read some profiles, compare them, and note what was found.

Reads count for the limits of the destination and its account, and take no more than half of each, so that
what changes meanwhile is still sent.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from destinations.connectors import registry
from destinations.connectors.base import ConnectorError, Delivery
from destinations.insight.payloads import held
from destinations.models import Audit, AuditFinding, Destination, ProfileSync, Replay
from destinations.notation import NotationError, parse_condition, parse_template
from destinations.operations import actions
from destinations.sync import health, sessions, settle
from destinations.sync.limits import accounts, rates
from profiles.models import Profile
from tracsync.common.encryption import UndecryptableValue
from tracsync.common.jobs import NOTED
from tracsync.common.messages import message

BATCH = 20  # profiles that are read in one go
STEP_SECONDS = 5.0  # after which another task gets the process
LOOK_AGAIN = timedelta(seconds=1)  # where the limits leave nothing
FIRST_WAIT = timedelta(seconds=30)  # after a batch of which nothing could be read, then twice as long
MOST_FAILURES = 3  # in a row: then it is paused
FEW = 5  # profiles of which it may be chance that none could be read
MOST_FINDINGS = 1000  # kept of one audit
MOST_FIELDS = 20  # named of one profile
LONGEST = 200  # characters of a field's name, or of a reason

Kind = AuditFinding.Kind
EQUAL, LEFT_OUT = "equal", "left_out"


@dataclass(frozen=True, slots=True)
class Compared:
    """What was found of one profile; `kind`: a name of `Audit.COUNTS`."""

    profile: str
    kind: str
    fields: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A profile that is to be read; `is_wanted`: it should be there."""

    delivery: Delivery
    is_wanted: bool


def step(pk: int) -> None:
    """Go on with an audit for a few seconds."""
    ends_at = time.monotonic() + STEP_SECONDS
    try:
        while _go_on(pk) and time.monotonic() < ends_at:
            pass
    finally:
        Audit.objects.filter(pk=pk).update(reading_until=None)


def _go_on(pk: int) -> bool:
    """One batch; whether another may follow at once."""
    running = Audit.objects.select_related("destination__resource", "destination__health")
    audit = running.filter(pk=pk, finished_at=None, paused_at=None).first()
    if audit is None:
        return False
    now = timezone.now()
    room = _room(audit.destination, now)
    if not room:
        Audit.objects.filter(pk=pk).update(not_before=now + LOOK_AGAIN)
        return False
    profiles = _next(audit, min(room, BATCH))
    try:
        compared = _compare(audit.destination, profiles)
    except (ConnectorError, UndecryptableValue) as error:
        return _failed(audit, str(error))
    except Exception as error:  # a connector's own mistake
        return _failed(audit, message("the connector failed with %(name)s", name=type(error).__name__))
    unknown = [one for one in compared if one.kind == Kind.UNKNOWN]
    if len(unknown) == len(compared) >= FEW:
        return _failed(audit, unknown[0].reason)
    return _record(audit, profiles, compared)


def _room(destination: Destination, now: datetime) -> int:
    """How many may be read now: half of each limit is for pushes."""
    account, state = accounts.account_of(destination), getattr(destination, "health", None)
    usage = account.usage if account is not None else {}
    shared = accounts.limits_of(destination, account, now).rates
    counted = [(rate, usage.get(str(rate.seconds), [])) for rate in shared]
    if destination.rate is not None:
        counted.append((destination.rate, state.usage if state is not None else []))
    left = [rates.left(rate, counts, rate.count // 2, now) for rate, counts in counted]
    return min(left, default=BATCH)


def _next(audit: Audit, most: int) -> list[Profile]:
    if audit.chosen is None:
        return list(Profile.objects.filter(pk__gt=audit.after).order_by("pk")[:most])
    ids = audit.chosen[audit.done : audit.done + most]
    return list(Profile.objects.filter(pk__in=ids))


def _compare(destination: Destination, profiles: Sequence[Profile]) -> list[Compared]:
    """Raises ConnectorError and UndecryptableValue where none of them can be read."""
    destination.bring_up_to_date()
    template = parse_template(destination.mapping)
    condition = parse_condition(destination.prerequisites) if destination.prerequisites else None
    rows = ProfileSync.objects.filter(destination=destination, profile__in=profiles)
    syncs = {sync.profile_id: sync for sync in rows}
    found: list[Compared] = []
    asked: list[_Asked] = []
    for profile in profiles:
        sync = syncs.get(profile.pk)
        try:
            is_wanted = condition is None or condition.evaluate({"profile": profile.document})
            if _is_on_its_way(profile, sync) or not (is_wanted or _should_be_gone(destination, sync)):
                found.append(Compared(profile.pk, LEFT_OUT))
                continue
            made = template.render({"profile": profile.document})
        except NotationError as error:
            found.append(Compared(profile.pk, Kind.UNKNOWN, reason=str(error)))
            continue
        remote = sync.remote if sync is not None else {}
        delivery = Delivery(made, "read", remote, "upsert", profile.pk, profile.version, profile.document)
        asked.append(_Asked(delivery, is_wanted))
    return found + (_read(destination, asked) if asked else [])


def _is_on_its_way(profile: Profile, sync: ProfileSync | None) -> bool:
    """What is waiting, or was refused as it is, is not expected to be there."""
    if profile.first_changed_at is not None:
        return True
    return sync is not None and (sync.due_at is not None or sync.state == ProfileSync.State.REJECTED)


def _should_be_gone(destination: Destination, sync: ProfileSync | None) -> bool:
    """Of one that is not wanted: also where it was kept when it left, and none is kept today."""
    if sync is None or destination.on_leave == Destination.Leaving.KEEP:
        return False
    was_accepted = sync.synced_version is not None or bool(sync.remote_id)
    return was_accepted or sync.state == ProfileSync.State.REMOVED


def _read(destination: Destination, asked: Sequence[_Asked]) -> list[Compared]:
    connector = registry.get(destination.resource.type_id)
    deliveries = [one.delivery for one in asked]
    began = timezone.now()
    try:
        with sessions.borrowed(destination, connector) as session:
            answers = held.read_all(session, deliveries)
    finally:
        with transaction.atomic():
            health.note([health.Seen(destination, (), [began] * len(asked), None)])
    return [_compared(one, answer) for one, answer in zip(asked, answers, strict=True)]


def _compared(asked: _Asked, answer: held.Found) -> Compared:
    profile = asked.delivery.key
    if answer.there is None:
        return Compared(profile, Kind.UNKNOWN, reason=answer.problem[:LONGEST])
    if not asked.is_wanted:
        return Compared(profile, Kind.EXTRA if answer.there else LEFT_OUT)
    if not answer.there:
        return Compared(profile, Kind.MISSING)
    if not answer.differences:
        return Compared(profile, EQUAL)
    names = (one.field[:LONGEST] for one in answer.differences[:MOST_FIELDS])
    return Compared(profile, Kind.DIFFERS, tuple(names))


def _failed(audit: Audit, reason: str) -> bool:
    """Nothing is noted of the batch: it is read again later. After a few times a person has to look at it."""
    now, failures = timezone.now(), audit.failures + 1
    audit.problem, audit.failures = reason, failures
    audit.not_before = now + FIRST_WAIT * 2 ** (failures - 1)
    if failures >= MOST_FAILURES:
        audit.failures, audit.not_before, audit.paused_at = 0, None, now
    audit.save(update_fields=("problem", "failures", "not_before", "paused_at"))
    return False


def _record(audit: Audit, profiles: Sequence[Profile], compared: Iterable[Compared]) -> bool:
    """Unless somebody else has read these meanwhile, or it was ended."""
    now, by_kind = timezone.now(), defaultdict[str, list[Compared]](list)
    for one in compared:
        by_kind[one.kind].append(one)
    with transaction.atomic():
        locked = Audit.objects.select_for_update().get(pk=audit.pk)
        if locked.finished_at is not None or (locked.after, locked.done) != (audit.after, audit.done):
            return False
        for name, count in Counter({kind: len(found) for kind, found in by_kind.items()}).items():
            setattr(locked, name, getattr(locked, name) + count)
        _keep_findings(locked, by_kind)
        if locked.heal:
            sick = [one.profile for kind in (Kind.DIFFERS, Kind.MISSING) for one in by_kind[kind]]
            locked.healed += _send_again(audit.destination, sick, now)
        looked_at = len(profiles) if locked.chosen is None else _looked_at(locked, profiles)
        locked.note(looked_at, now)
        locked.problem, locked.failures, locked.not_before = "", 0, None
        if locked.chosen is None and profiles:
            locked.after = profiles[-1].pk
        is_over = not profiles if locked.chosen is None else locked.done >= len(locked.chosen)
        if is_over:
            locked.finished_at = now
            locked.chosen = None if locked.chosen is None else []
        changed = ("after", "chosen", "healed", "problem", "failures", "not_before", *Audit.COUNTS, *NOTED)
        locked.save(update_fields=changed)
    return not is_over


def _looked_at(audit: Audit, profiles: Sequence[Profile]) -> int:
    """How many of the chosen ids are behind: some may have been deleted meanwhile."""
    assert audit.chosen is not None
    ahead = audit.chosen[audit.done :]
    last = max((ahead.index(profile.pk) for profile in profiles), default=-1)
    return last + 1 if profiles else len(ahead[:BATCH])


def _keep_findings(audit: Audit, by_kind: dict[str, list[Compared]]) -> None:
    room = MOST_FINDINGS - sum(getattr(audit, kind) for kind in Kind.values)
    found = [one for kind in Kind.values for one in by_kind[kind]]
    room += len(found)  # counted already
    AuditFinding.objects.bulk_create(
        AuditFinding(
            audit=audit, profile_id=one.profile, kind=one.kind, fields=list(one.fields), reason=one.reason
        )
        for one in found[: max(0, room)]
    )


def _send_again(destination: Destination, ids: list[str], now: datetime) -> int:
    """Through the queue as everything else: limits, order and reasons are those of any push."""
    if not ids:
        return 0
    rows: Any = ProfileSync.objects.filter(destination=destination, profile__in=ids)
    if new := sorted(set(ids).difference(rows.values_list("profile_id", flat=True))):
        settle.hand_over_now(destination, new, now, bulk=True)
    return actions.send_again(rows, Replay.Kind.REPLAY, bulk=True)
