"""What the destinations of one account share: systems count calls per account, whoever makes them.

An account is a resource with one of its two sets of credentials. Its row is the lock for what its
destinations claim and send together. It also has what sessions were told of its limits, which narrows them
for an hour, and until when it was asked to rest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from destinations.connectors.base import Limits, Rate
from destinations.models import Account, Destination
from destinations.sync import database
from destinations.sync.limits import rates
from tracsync.common.prepared import Prepared

TOLD_FOR = timedelta(hours=1)  # that what a session was told holds
TELL_EVERY = timedelta(minutes=10)  # what is told again and again is noted so often
MOST_TOLD_RATES = 5
LONGEST_PERIOD = 366 * 24 * 3600.0  # seconds

Key = tuple[int, bool]  # resource, use_test


def key_of(destination: Destination) -> Key:
    return destination.resource_id, destination.use_test_credentials


def account_of(destination: Destination) -> Account | None:
    """None where nothing was noted of it. Reads the resource's accounts: prefetch `resource__accounts`."""
    found = destination.resource.accounts.all()
    return next((one for one in found if one.use_test == destination.use_test_credentials), None)


def attach(destinations: Sequence[Destination]) -> None:
    """Read the accounts of their resources, as `prefetch_related("resource__accounts")` does."""
    found: defaultdict[int, list[Account]] = defaultdict(list)
    for account in _OF_RESOURCES.objects({one.resource_id for one in destinations}) if destinations else ():
        found[account.resource_id].append(account)
    for one in destinations:
        accounts = one.resource.accounts.all()
        accounts._result_cache = found[one.resource_id]
        one.resource._prefetched_objects_cache = {"accounts": accounts}  # type: ignore[attr-defined]


_OF_RESOURCES = Prepared(lambda ids: Account.objects.filter(resource__pk__among=ids).order_by())


def told_to(destination: Destination, now: datetime) -> Limits | None:
    """What sessions were told lately of its account's limits."""
    return _told(account_of(destination), now)


def limits_of(destination: Destination, account: Account | None, now: datetime) -> Limits:
    """What all destinations of its account may do together, as it is set and as sessions were told lately."""
    declared = destination.shared_limits
    told = _told(account, now)
    if told is None:
        return declared
    both = [one for one in (declared.concurrency, told.concurrency) if one is not None]
    return Limits(min(both, default=None), list(dict.fromkeys([*declared.rates, *told.rates])))


def has_rates(destination: Destination, now: datetime) -> bool:
    """Whether it may be held up by a limit within a time, its own or a shared one."""
    return destination.rate is not None or bool(limits_of(destination, account_of(destination), now).rates)


class UsedUp(NamedTuple):
    """A rate that has no room now; `shared`: with all destinations of the account."""

    rate: Rate
    shared: bool
    since: datetime
    until: datetime


def used_up(destination: Destination, now: datetime) -> UsedUp | None:
    """Of the rates that hold up a destination the one that does so longest."""
    found = []
    health = getattr(destination, "health", None)
    if destination.rate is not None and health is not None:
        found.append((destination.rate, False, health.usage))
    account = account_of(destination)
    if account is not None:
        shared = limits_of(destination, account, now).rates
        found += [(rate, True, _usage(account, rate)) for rate in shared]
    held_up = [
        UsedUp(rate, is_shared, rates.used_up_since(rate, counts, now), until)
        for rate, is_shared, counts in found
        if (until := rates.used_up_until(rate, counts, now)) is not None
    ]
    return max(held_up, key=lambda one: one.until, default=None)


def not_resting(destinations: QuerySet[Destination], now: datetime) -> QuerySet[Destination]:
    """Those whose accounts were not asked to wait."""
    mine = {"resource": OuterRef("resource"), "use_test": OuterRef("use_test_credentials")}
    return destinations.exclude(Exists(Account.objects.filter(**mine, held_until__gt=now)))


class Sharing:
    """The accounts whose destinations share limits, locked, and what there is room for at this moment.

    Inside the transaction that claims. An account that another has locked is left to it; a new one gets its
    row. `in_flight` answers, for resources, what is under way.
    """

    def __init__(
        self,
        destinations: Iterable[Destination],
        in_flight: Callable[[Collection[int]], InFlight],
        now: datetime,
    ) -> None:
        limited: dict[Key, Destination] = {}
        for one in destinations:
            if key_of(one) not in limited and _is_limited(limits_of(one, account_of(one), now)):
                limited[key_of(one)] = one
        self._limited = limited.keys()
        self._rooms: dict[Key, Room] = {}
        if limited:
            locked = _locked(limited.keys(), skip_locked=True)
            new = [key for key, one in limited.items() if key not in locked and account_of(one) is None]
            if new:
                _create(new)
                locked = _locked(limited.keys(), skip_locked=True)
            under_way = in_flight({resource for resource, _ in locked})
            for key, account in locked.items():
                self._rooms[key] = _room(limits_of(limited[key], account, now), account, under_way, now)

    def has_room(self, destination: Destination) -> bool:
        key = key_of(destination)
        return key not in self._limited or (key in self._rooms and self._rooms[key].is_open)

    def share(self, key: Key, wanted: Sequence[Wanted]) -> list[Wanted]:
        """What the destinations of an account get of the pushes and calls at once that they want, each."""
        room = self._rooms.get(key)
        if room is None:
            return list(wanted)
        pushes = shared_out([one.pushes for one in wanted], room.pushes)
        lanes = shared_out([one.lanes for one in wanted], room.lanes)
        return [Wanted(*both) for both in zip(pushes, lanes, strict=True)]


class Wanted(NamedTuple):
    pushes: int
    lanes: int


InFlight = Mapping[Key, Wanted]  # what is under way, of each account that has anything


class Room(NamedTuple):
    """None: there is no limit."""

    pushes: int | None
    lanes: int | None

    @property
    def is_open(self) -> bool:
        return self.pushes != 0 and self.lanes != 0


def shared_out(wanted: Sequence[int], there: int | None) -> list[int]:
    """As much of what each wants as there is: the same for all that want more, the first ones one more."""
    if there is None or sum(wanted) <= there:
        return list(wanted)
    given = [0] * len(wanted)
    while there > 0:
        open_ones = [place for place, want in enumerate(wanted) if given[place] < want]
        each = max(1, there // len(open_ones))
        for place in open_ones[:there]:
            more = min(each, wanted[place] - given[place], there)
            given[place] += more
            there -= more
    return given


class Seen(NamedTuple):
    """What was seen of an account: when something was sent, what it asked for."""

    destination: Destination
    sent_at: Sequence[datetime]
    wait: timedelta | None = None  # it asked everyone to
    reason: str = ""
    told: Limits | None = None


def note(seen: Sequence[Seen]) -> None:
    """Take what was seen into account, inside the transaction that records it, after what is noted of the
    destinations; nothing at all where nothing is shared and nothing was asked for.
    """
    now = timezone.now()
    notable = [one for one in seen if one.wait or one.told or _limits(one, now).rates]
    if not notable:
        return
    keys = {key_of(one.destination) for one in notable}
    locked = _locked(keys)
    if len(locked) < len(keys):
        _create(keys - locked.keys())
        locked = _locked(keys)
    for one in notable:
        _note(locked[key_of(one.destination)], one, now)
    fields = [field.attname for field in Account._meta.concrete_fields if not field.primary_key]
    database.insert(list(locked.values()), update=fields)


def rest(destination_id: int, wait: timedelta, reason: str) -> None:
    """The account of a destination was asked to wait, and nothing was sent; inside a transaction."""
    destination = Destination.objects.select_related("resource").filter(pk=destination_id).first()
    if destination is not None:
        note([Seen(destination, (), wait, reason)])


def end_rest(destination: Destination) -> None:
    resource, use_test = key_of(destination)
    over = {"held_until": None, "held_since": None, "hold_reason": ""}
    Account.objects.filter(resource=resource, use_test=use_test).update(**over)


def _is_limited(limits: Limits) -> bool:
    return limits.concurrency is not None or bool(limits.rates)


def _limits(seen: Seen, now: datetime) -> Limits:
    return limits_of(seen.destination, account_of(seen.destination), now)


def _locked(keys: Collection[Key], *, skip_locked: bool = False) -> dict[Key, Account]:
    """In the order in which all who lock several of these rows do."""
    rows = Account.objects.filter(resource__in={resource for resource, _ in keys}).order_by("pk")
    can_skip = connection.features.has_select_for_update_skip_locked
    rows = rows.select_for_update(skip_locked=skip_locked and can_skip)
    found = {(account.resource_id, account.use_test): account for account in rows}
    return {key: account for key, account in found.items() if key in keys}


def _create(keys: Iterable[Key]) -> None:
    new = [Account(resource_id=resource, use_test=use_test) for resource, use_test in sorted(keys)]
    Account.objects.bulk_create(new, ignore_conflicts=True)


def _room(limits: Limits, account: Account, in_flight: InFlight, now: datetime) -> Room:
    pushes, lanes = in_flight.get((account.resource_id, account.use_test), (0, 0))
    left = [rates.left(rate, _usage(account, rate), pushes, now) for rate in limits.rates]
    free = None if limits.concurrency is None else max(0, limits.concurrency - lanes)
    return Room(min(left, default=None), free)


def _note(account: Account, seen: Seen, now: datetime) -> None:
    if seen.told is not None:
        account.told, account.told_at = _stored(seen.told), now
    limits = limits_of(seen.destination, account, now)
    account.usage = {
        str(rate.seconds): rates.counted(rate, _usage(account, rate), seen.sent_at, now)
        for rate in limits.rates
    }
    if seen.wait is not None:
        if not account.is_held(now):
            account.held_since = now
        account.held_until = max(account.held_until or now, now + seen.wait)
        account.hold_reason = seen.reason


def _usage(account: Account, rate: Rate) -> rates.Counts:
    found: rates.Counts = account.usage.get(str(rate.seconds), [])
    return found


def _stored(told: Limits) -> dict[str, Any]:
    """What makes sense of it: it comes from outside."""
    concurrency = told.concurrency if told.concurrency and told.concurrency > 0 else None
    usable = [one for one in told.rates if one.count > 0 and 0 < one.seconds <= LONGEST_PERIOD]
    pairs = [(int(one.count), float(one.seconds)) for one in usable[:MOST_TOLD_RATES]]
    return {"concurrency": concurrency, "rates": pairs}


def _told(account: Account | None, now: datetime) -> Limits | None:
    if account is None or account.told is None or account.told_at is None:
        return None
    if not now - TOLD_FOR < account.told_at <= now + TOLD_FOR:
        return None
    return Limits(
        account.told["concurrency"], [Rate(count, seconds) for count, seconds in account.told["rates"]]
    )
