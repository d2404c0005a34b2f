"""How a destination is doing: circuit breaker, Retry-After, and what a person has to mend.

Failures count in a row. From the fifth on the destination rests, longer each time; then one row probes
it, and the first success brings everything that waits for a retry forward.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from destinations.connectors.base import (
    Accepted,
    Hold,
    Limits,
    Outcome,
    Pending,
    Rejected,
    Retry,
    Stop,
    Unknown,
)
from destinations.models import Destination, Health, ProfileSync
from destinations.sync import database, retry
from destinations.sync.decide import Refuse
from destinations.sync.limits import accounts, rates
from destinations.sync.remote.refusals import are_alike
from tracsync.common.jobs import take_turns
from tracsync.common.messages import impersonal, message
from tracsync.common.prepared import Prepared

logger = logging.getLogger(__name__)

ASKED_TO_WAIT = message("it allows no more calls for now")

MOST_ROWS = 1000  # that are touched in one transaction


class Seen(NamedTuple):
    """What was seen of a destination: results of pushes, when each of them was sent, what calls take, and
    what its sessions were told of the account's limits."""

    destination: Destination
    results: Sequence[Any]
    sent_at: Sequence[datetime]
    call_seconds: float | None
    told: Limits | None = None


def note(seen: Sequence[Seen]) -> None:
    """Take what was seen into account, inside the transaction that records it; as many statements for one
    destination as for hundreds.
    """
    ids = {one.destination.pk for one in seen}
    locked = _locked(ids)
    if len(locked) < len(ids):
        new = [Health(pk=pk) for pk in sorted(ids - locked.keys())]
        Health.objects.bulk_create(new, ignore_conflicts=True)
        locked = _locked(ids)
    for one in seen:
        health = locked[one.destination.pk]
        before = _standing(health)
        _note(health, one)
        _log(one.destination.slug, before, _standing(health))
    fields = [field.attname for field in Health._meta.concrete_fields if not field.primary_key]
    database.insert(list(locked.values()), update=fields)
    accounts.note([_seen_of_account(one) for one in seen])


def _standing(health: Health) -> tuple[str, str]:
    """What keeps the destination from being sent to, in a word, and why."""
    if health.stopped_at is not None:
        return "is stopped", health.refusal
    if health.refusals >= settings.TRACSYNC_EQUAL_REJECTIONS:
        return "refuses everything", health.refusal
    if health.failures >= retry.BREAKER_FAILURES:
        return "rests", health.hold_reason
    if health.problem:
        return "has to be mended", health.problem
    return "is well", ""


def _log(slug: str, before: tuple[str, str], now: tuple[str, str]) -> None:
    """Where that has changed; without what the other side has said, which may name a person."""
    standing, reason = now
    if standing == before[0]:
        return
    said = f"{standing}: {impersonal(reason)}" if reason else standing
    level = logging.WARNING if reason else logging.INFO
    logger.log(level, "%s %s", slug, said, extra={"destination": slug})


def _seen_of_account(seen: Seen) -> accounts.Seen:
    """Systems count per account: where one destination is asked to wait, all of its account are."""
    asked = [(after, result) for result in seen.results if (after := asked_wait(result)) is not None]
    if not asked:
        return accounts.Seen(seen.destination, seen.sent_at, told=seen.told)
    after, result = max(asked, key=lambda one: one[0])
    reason = ASKED_TO_WAIT if isinstance(result, Accepted) else result.reason
    return accounts.Seen(seen.destination, seen.sent_at, retry.retry_after(after), reason, seen.told)


def asked_wait(result: Any) -> float | None:
    """Seconds that everyone is asked to wait."""
    return result.after if isinstance(result, Accepted | Rejected | Retry) else None


class Course:
    """How a destination does during one batch, counted as `note` will count what is recorded of it."""

    def __init__(self) -> None:
        self._failures = 0
        self._refusal: str | None = None
        self._refusals = 0  # of that kind, in a row
        self._ends = False

    @property
    def goes_on(self) -> bool:
        """Whether nothing tells that the destination wants to be left alone."""
        return not self._ends and self._failures < retry.BREAKER_FAILURES

    def count(self, outcome: Outcome) -> None:
        is_told = asked_wait(outcome) is not None
        if is_told or isinstance(outcome, Hold | Stop):
            self._ends = True  # and no answer to a call beside this one takes that back
        if isinstance(outcome, Pending):
            self._failures = 0
        elif isinstance(outcome, Accepted | Rejected):
            self._failures = 0
            self._count_refusal(outcome.reason if isinstance(outcome, Rejected) else None)
        elif not is_told:
            self._failures += 1

    def _count_refusal(self, reason: str | None) -> None:
        is_one_more = reason is not None and self._refusal is not None and are_alike(reason, self._refusal)
        if not is_one_more:
            self._refusals, self._refusal = 0, reason
        self._refusals += 1
        if reason is not None and self._refusals >= settings.TRACSYNC_EQUAL_REJECTIONS:
            self._ends = True


def _locked(ids: Collection[int]) -> dict[int, Health]:
    """In the order in which all who lock several of these rows do."""
    return {health.pk: health for health in _LOCKED.objects(ids)}


_LOCKED = Prepared(
    lambda ids: Health.objects.select_for_update().filter(destination__pk__among=ids).order_by("pk")
)


def _note(health: Health, seen: Seen) -> None:
    was_sick, ended_since = is_sick(health), None
    since = min(seen.sent_at, default=timezone.now())  # before any of these rows got its state
    for result in seen.results:
        refusals, refused_since = health.refusals, health.refused_since
        _count(health, result, since)
        if refusals >= settings.TRACSYNC_EQUAL_REJECTIONS and not health.refusals:  # within a batch, too
            ended_since = ended_since or refused_since
    if was_sick and not is_sick(health):
        health.recovered_at = timezone.now()
    if ended_since is None and _was_sent_in_a_run(health, since):
        ended_since = since if any(isinstance(one, Rejected) for one in seen.results) else None
    elif ended_since is not None:
        health.run_ended_at = timezone.now()
    if ended_since is not None:
        health.chance_since = min(health.chance_since or ended_since, ended_since)
    rate = seen.destination.rate
    health.usage = [] if rate is None else rates.counted(rate, health.usage, seen.sent_at, timezone.now())
    if seen.call_seconds is not None:
        health.call_seconds = seen.call_seconds


def _was_sent_in_a_run(health: Health, since: datetime) -> bool:
    """Whether what is heard of now was sent before the end of a run of equal refusals was heard of."""
    return health.run_ended_at is not None and since < health.run_ended_at


def unusable(
    destination_id: int, reason: str, *, needs_person: bool = False, after: float | None = None
) -> None:
    """Nothing could be tried: the destination rests. `after`: seconds it asked for."""
    with transaction.atomic():
        health, _ = Health.objects.select_for_update().get_or_create(destination_id=destination_id)
        before = _standing(health)
        health.failures = max(health.failures + 1, retry.BREAKER_FAILURES)
        _hold(health, retry.retry_after(after) if after is not None else retry.hold(health.failures), reason)
        if needs_person:
            _problem(health, reason)
        health.save()
        slug = Destination.objects.values_list("slug", flat=True).get(
            pk=destination_id
        )  # nothing that is sealed
        _log(slug, before, _standing(health))
        if after is not None:
            accounts.rest(destination_id, retry.retry_after(after), reason)


def resumed(destination: Destination) -> None:
    """A person starts the destination again: its problem and its rest, and that of its account, are over, and
    what waits for a retry, which may be an hour, is tried now.

    A run of equal refusals is not forgotten, else what was refused in it had no second try: it goes on until
    a push is accepted, and where nothing else waits one of those that were refused is sent now to find out.
    """
    with transaction.atomic():
        health = Health.objects.select_for_update().filter(destination=destination).first()
        if health is not None:
            is_sent_no_more = health.stopped_at is not None or health.failures > 0  # and nothing was rejected
            runs = health.refusals >= settings.TRACSYNC_EQUAL_REJECTIONS and not is_sent_no_more
            well = {name: value for name, value in _WELL.items() if not (runs and name in _RUN)}
            Health.objects.filter(pk=health.pk).update(**well, recovered_at=timezone.now())
            if runs and health.refused_since is not None:
                _probe_with_one_of(destination, health.refused_since)
    accounts.end_rest(destination)


def _probe_with_one_of(destination: Destination, refused_since: datetime) -> None:
    """Send one that was refused in a run, where nothing else waits that would tell whether it is over."""
    rows = ProfileSync.objects.filter(destination=destination)
    if rows.filter(due_at__isnull=False).exists():
        return
    now = timezone.now()
    refused = rows.filter(state=ProfileSync.State.REJECTED, due_at=None, state_since__gte=refused_since)
    any_one = list(refused.order_by().values_list("pk", flat=True)[:1])  # in an order all would be read
    database.update(refused.filter(pk__in=any_one), skip_locked=True, **_again(now))


def let_in(destination: Destination) -> None:
    """A person has let us in there again: what waits for a retry need not wait any longer."""
    Health.objects.filter(destination=destination).update(**_WELL, recovered_at=timezone.now())


def edited(destination: Destination) -> None:
    """A person has changed what or where it sends: what waits for a retry is tried now, and what was rejected
    gets another chance, too.
    """
    now = timezone.now()
    Health.objects.filter(destination=destination).update(**_WELL, recovered_at=now, edited_at=now)
    accounts.end_rest(destination)


_WELL: dict[str, Any] = {
    "failures": 0,
    "held_until": None,
    "held_since": None,
    "hold_reason": "",
    "problem": "",
    "problem_at": None,
    "refusals": 0,
    "refused_since": None,
    "refusal": "",
    "stopped_at": None,
}
_RUN = ("refusals", "refused_since", "refusal")


def is_sick(health: Health) -> bool:
    """Whether it is only probed, one row at a time."""
    refuses = health.refusals >= settings.TRACSYNC_EQUAL_REJECTIONS
    return refuses or health.failures >= retry.BREAKER_FAILURES


def _count(health: Health, result: Any, since: datetime) -> None:
    match result:
        case Accepted():
            health.last_accepted_at = timezone.now()
            health.problem, health.problem_at = "", None
            health.refusals, health.refused_since, health.refusal = 0, None, ""
            _answers(health, result.after)
        case Pending():
            _answers(health, None)
        case Rejected():
            _refused(health, result.reason, since)
            if health.refusals < settings.TRACSYNC_EQUAL_REJECTIONS:
                _answers(health, result.after)
            else:
                health.failures = 0
                surplus = health.refusals - settings.TRACSYNC_EQUAL_REJECTIONS
                _hold(health, retry.probe(surplus), result.reason)
        case Hold():
            _refused(health, result.reason, since)
            if is_sick(health) and health.is_held(timezone.now()):
                return  # of the same call, or sent before the rest began: it tells nothing new
            health.failures = max(health.failures + 1, retry.BREAKER_FAILURES)
            _hold(health, retry.hold(health.failures), result.reason)
        case Stop():
            _refused(health, result.reason, since)
            health.stopped_at = health.stopped_at or timezone.now()
        case Retry() | Unknown():
            _fail(health, result)
        case Refuse(problem=True):
            _problem(health, result.reason)


def _answers(health: Health, after: float | None) -> None:
    """It works. `after`: seconds until its rate limit, which is used up, begins anew; that is no failure."""
    health.failures = 0
    if not health.is_held(timezone.now()):  # a rest that another worker was just asked for stays
        health.held_until, health.held_since, health.hold_reason = None, None, ""
    if after is not None:
        _hold(health, retry.retry_after(after), ASKED_TO_WAIT)


def _refused(health: Health, reason: str, since: datetime) -> None:
    """One more in a row, if the same was said to the one before."""
    if not health.refusals or not are_alike(reason, health.refusal):
        health.refusals, health.refused_since, health.refusal = 0, since, reason
    health.refusals += 1


def _fail(health: Health, result: Retry | Unknown) -> None:
    after = result.after if isinstance(result, Retry) else None
    is_held = health.is_held(timezone.now())
    if after is None and is_held:
        return  # it was sent before the rest began, and tells nothing new
    health.failures += not is_held  # else it is of the same call, or of one beside it
    if after is None:
        _hold(health, retry.hold(health.failures), result.reason)
    else:
        health.failures = max(health.failures, retry.BREAKER_FAILURES)
        _hold(health, retry.retry_after(after), result.reason)


def _hold(health: Health, wait: timedelta | None, reason: str) -> None:
    if wait is None:
        return
    now = timezone.now()
    health.held_until = max(health.held_until or now, now + wait)
    health.held_since = health.held_since or now
    health.hold_reason = reason


def _problem(health: Health, text: str) -> None:
    health.problem, health.problem_at = text, timezone.now()


def bring_forward(now: datetime) -> int:
    """A batch of what waits for a retry at destinations that are well again, and of what was rejected at
    those that have been edited, or that refused everything; how many rows that were.

    What is locked at this moment is being settled or changed by a person: a rejected row of these has its
    turn when it is free.
    """
    waiting = Q(recovered_at__isnull=False) | Q(edited_at__isnull=False) | Q(chance_since__isnull=False)
    return take_turns(Health.objects.filter(waiting), lambda health: _bring_one_forward(health, now))


def _bring_one_forward(health: Health, now: datetime) -> int:
    found = 0
    if health.recovered_at is not None:
        found += _bring_retries_forward(health, now)
    if health.edited_at is not None:
        before = {"state_since__lte": health.edited_at}
        found += _try_rejected_again(health, "edited_at", before, now, attempts=0)
    if health.chance_since is not None:
        of_the_run = {"state_since__gte": health.chance_since, "second_chance": False}
        found += _try_rejected_again(health, "chance_since", of_the_run, now, second_chance=True)
    return found


def _bring_retries_forward(health: Health, now: datetime) -> int:
    retrying = ProfileSync.objects.filter(destination=health.pk, state=ProfileSync.State.RETRYING)
    moved = database.update(_first(retrying.filter(due_at__gt=now), "due_at"), skip_locked=True, due_at=now)
    if moved == 0:
        _end(health, "recovered_at")
    return moved


def _try_rejected_again(
    health: Health, since: str, which: dict[str, Any], now: datetime, **fields: Any
) -> int:
    """A batch of what was rejected, until nothing of it is left. `since`: the mark of health that says so."""
    rejected = ProfileSync.objects.filter(
        destination=health.pk, state=ProfileSync.State.REJECTED, due_at=None, **which
    )
    first = _first(rejected, "state_since")
    moved = database.update(first, skip_locked=True, **_again(now), **fields)
    if moved == 0 and not rejected.exists():
        _end(health, since)
    return moved


def _again(now: datetime) -> dict[str, Any]:
    """What makes rejected rows due."""
    return {
        "state": ProfileSync.State.PENDING,
        "state_since": now,
        "due_at": now,
        "bulk": True,
        "reason": "",
    }


def _end(health: Health, mark: str) -> None:
    """It is done, unless it has been set anew meanwhile."""
    Health.objects.filter(pk=health.pk, **{mark: getattr(health, mark)}).update(**{mark: None})


def _first(rows: QuerySet[ProfileSync], order: str) -> QuerySet[ProfileSync]:
    ids = list(rows.order_by(order).values_list("pk", flat=True)[:MOST_ROWS])
    return rows.filter(pk__in=ids)
