"""The reckoning: what each destination should hold, what it holds, and what it was sent on the way."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from destinations.models import DeliveryAttempt, Destination
from destinations.notation import parse_condition, parse_template
from tracsync.prove.environments import Answer

REFUSALS = (Answer.REFUSED, Answer.REFUSES_ALL)
NOT_TAKEN = (
    *REFUSALS,
    Answer.TURNED_DOWN,
    Answer.LOCKED_OUT,
    Answer.BUSY,
    Answer.BUSY_UNTIL,
)  # and it says so
LOOK_BACK = 2.0  # seconds: an attempt begins, and a process dies, a moment before the receiver notes it

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request as the receiver noted it. `payload`: None where the profile is to be removed. `taken`: the
    receiver has done it, whatever it answered.
    """

    at: float
    place: str
    key: str
    profile: str
    version: int
    payload: Payload | None
    answer: str
    taken: bool


@dataclass(slots=True)
class Row:
    """One destination's line of the ledger; every number counts profiles or requests.

    `removed`: profiles that were there, are not wanted and are not there any more; `left`: that still are.
    """

    destination: str
    expected: int = 0
    delivered: int = 0
    refused: int = 0
    removed: int = 0
    lost: int = 0
    left: int = 0
    stale: int = 0
    reused: int = 0
    requests: int = 0
    repeated: int = 0
    doubtful: int = 0
    needless: int = 0

    @property
    def holds(self) -> bool:
        return self.lost == self.left == self.stale == self.reused == 0


def expected(destination: Destination, documents: Iterable[Payload]) -> dict[str, Payload]:
    """By profile: what the mapping makes of its last state, where the prerequisites are met."""
    template = parse_template(destination.mapping)
    condition = parse_condition(destination.prerequisites) if destination.prerequisites else None
    sources = [{"profile": document} for document in documents]
    wanted = [one for one in sources if condition is None or condition.evaluate(one)]
    return {one["profile"]["id"]: template.render(one) for one in wanted}


def row(
    name: str,
    wanted: Mapping[str, Payload],
    arrivals: Sequence[Arrival],
    troubles: Mapping[str, Sequence[float]],
    kills: Sequence[float],
    removes: bool = False,
    refused: Collection[str] = (),
) -> Row:
    """`troubles`: by profile, when attempts began that the engine did not see accepted. `removes`: what is
    not wanted must not be there. `refused`: profiles of which the engine says that they are refused.
    """
    result = Row(name, expected=len(wanted), requests=len(arrivals))
    by_profile: dict[str, list[Arrival]] = defaultdict(list)
    for arrival in arrivals:
        by_profile[arrival.profile].append(arrival)
    for profile, payload in wanted.items():
        _settle(result, payload, by_profile.get(profile, []), profile in refused)
    for profile, story in by_profile.items():
        if removes and profile not in wanted:
            _count_left(result, story)
        carried = {(arrival.key, json.dumps(arrival.payload, sort_keys=True)) for arrival in story}
        keys = {arrival.key for arrival in story}
        result.repeated += len(story) - len(keys)
        result.reused += len(carried) - len(keys)
        result.stale += _stale(story)
        _count_needless(result, story, [*troubles.get(profile, ()), *kills])
    return result


def troubles(destination: Destination) -> dict[str, list[float]]:
    """By profile: when attempts began that the engine did not see accepted."""
    failed = DeliveryAttempt.objects.filter(destination=destination)
    failed = failed.exclude(outcome=DeliveryAttempt.Outcome.ACCEPTED)
    found: dict[str, list[float]] = defaultdict(list)
    for profile, at in failed.values_list("profile_id", "at"):
        found[profile].append(at.timestamp())
    return found


def _settle(result: Row, payload: Payload, story: Sequence[Arrival], is_refused: bool) -> None:
    """Whether the receiver holds the last state, or has refused it."""
    if _held(story) == payload:
        result.delivered += 1
    elif is_refused or (story and story[-1].payload == payload and story[-1].answer in REFUSALS):
        result.refused += 1
    else:
        result.lost += 1


def _held(story: Sequence[Arrival]) -> Payload | None:
    return next((arrival.payload for arrival in reversed(story) if arrival.taken), None)


def _count_left(result: Row, story: Sequence[Arrival]) -> None:
    if _held(story) is not None:
        result.left += 1
    elif any(arrival.taken and arrival.payload is not None for arrival in story):
        result.removed += 1


def _stale(story: Sequence[Arrival]) -> int:
    """How many requests, taken or not, carried an older state than one before.

    One that is sent again, as only its answer tells an id, may come after newer ones that were refused.
    """
    newest = newest_there = count = 0
    carried = set()
    for arrival in story:
        is_sent_again = arrival.key in carried and arrival.version >= newest_there
        count += arrival.version < newest and not is_sent_again
        newest = max(newest, arrival.version)
        if arrival.answer not in NOT_TAKEN:
            newest_there = max(newest_there, arrival.version)
        carried.add(arrival.key)
    return count


def _count_needless(result: Row, story: Sequence[Arrival], excuses: Sequence[float]) -> None:
    """What the receiver holds already was sent again: after a doubt, or without need."""
    for first, second in pairwise(story):
        if first.taken and first.payload == second.payload:
            said_no = first.answer == Answer.FAILED_AFTERWARDS
            if said_no or any(first.at - LOOK_BACK <= at <= second.at for at in excuses):
                result.doubtful += 1
            else:
                result.needless += 1
