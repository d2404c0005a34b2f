"""The other side of `prove --connector`: doubles of systems that fail by a script and note what arrives.

Systems are not told a profile's version, and most get many profiles in one call. So each payload has a mark
in it that says whose it is and of which change; what a request carries, and what a system holds, is read from
that.
"""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Self

from django.utils import timezone

from destinations.connectors.testing import SeenRequest
from destinations.connectors.testing.doubles import find
from destinations.connectors.testing.doubles.system import System, said
from destinations.connectors.testing.http_peer import Answer as Reply
from destinations.models import Destination, ProfileSync
from tracsync.prove import ledger
from tracsync.prove.environments import Answer
from tracsync.prove.plan import Plan, may_be_refused

MARK: Final = re.compile(r"(prove-\d{6})-(\d+)\b")
WANTED: Final = 'profile@plan != "free"'
FAULTS: Final = (Answer.BUSY, Answer.ERROR, Answer.RESET, Answer.CUT_OFF, Answer.FAILED_AFTERWARDS)
FIRST_ROUND, ROUND = 12, 40  # calls that may change something; each fault is one of them


class Fire(System):
    """Mixed into the class of a double. `arrivals`: what was noted; `held`: the number of the change that the
    system holds of each profile.
    """

    arrivals: list[ledger.Arrival]
    held: dict[str, int]
    _newest: dict[str, int]  # change that was heard of, taken or not

    def set_fire(self, script: random.Random) -> None:
        self.arrivals, self.held, self._newest = [], {}, {}
        self.is_calm = self.is_ending = False
        self._script, self._one_at_a_time = self._answers(script), threading.Lock()

    def take(self, request: SeenRequest) -> Reply | None:
        with self._one_at_a_time:
            if not self.changes(request):
                return super().take(request)
            answer = Answer.OK if self.is_calm else next(self._script)
            reply = super().take(request) if answer.takes else None
            if reply and reply[0] >= HTTPStatus.BAD_REQUEST and answer is Answer.OK:
                answer = Answer.FAILED_AFTERWARDS  # of itself: it may have taken a part
                self._note(request, answer)
                return reply
            self._note(request, answer)
            return self._told(request, answer, reply)

    def _answers(self, rng: random.Random) -> Iterator[Answer]:
        """Each fault once; then the credentials are refused, which holds a system for a while; then round
        after round until the faults end.
        """
        yield from rng.sample([*FAULTS, *[Answer.OK] * (FIRST_ROUND - len(FAULTS))], FIRST_ROUND)
        yield Answer.LOCKED_OUT
        while True:
            for answer in rng.sample([*FAULTS, *[Answer.OK] * (ROUND - len(FAULTS))], ROUND):
                yield Answer.OK if self.is_ending else answer

    def _note(self, request: SeenRequest, answer: Answer) -> None:
        before, self.held, now = self.held, _changes(map(repr, self.stored.values())), time.time()
        for profile, change in _changes([request.body.decode(errors="replace")]).items():
            self._newest[profile] = max(change, self._newest.get(profile, 0))
            taken = answer.takes and self.held.get(profile) == change
            noted = Answer.TURNED_DOWN if answer.takes and not taken else answer
            self._arrived(now, profile, change, {"mark": change}, noted, taken)
        for profile in before.keys() - self.held.keys():
            self._arrived(now, profile, self._newest[profile], None, answer, taken=True)

    def _arrived(
        self, at: float, profile: str, change: int, payload: Any, answer: Answer, taken: bool
    ) -> None:
        """Taking away who is not there leaves no trace: nothing in such a call tells who it is about."""
        key = f"{profile}:{change}:{payload is None}"
        self.arrivals.append(ledger.Arrival(at, self.slug, key, profile, change, payload, str(answer), taken))

    def _told(self, request: SeenRequest, answer: Answer, reply: Reply | None) -> Reply | None:
        match answer:
            case Answer.OK:
                return reply
            case Answer.BUSY:
                return said(429, {"message": "slow down"}, Retry_After="1")
            case Answer.ERROR | Answer.FAILED_AFTERWARDS:
                return said(500, {"message": "scripted"})
            case Answer.LOCKED_OUT:
                return self.refusal(request)
        return None  # no answer: the connection ends


def _changes(texts: Iterable[str]) -> dict[str, int]:
    return {profile: int(change) for text in texts for profile, change in MARK.findall(text)}


class Doubles:
    """The side of the systems of a plan; a context, in which they answer."""

    def __init__(self, plan: Plan) -> None:
        self._systems: list[Fire] = []
        for name in plan.connectors:
            double = find(name)
            system: Fire = type(f"{double.__name__}OnFire", (Fire, double), {})()
            system.set_fire(plan.random(double.slug))
            self._systems.append(system)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for system in self._systems:
                stack.enter_context(system)
            self._opened = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def install(self) -> None:
        """Make the destinations."""
        from destinations import configuration
        from destinations.models import Extension, Resource

        for system in self._systems:
            Extension.objects.filter(slug=system.slug).update(installed_at=timezone.now())
            resource = Resource(name=system.slug, type_id=system.slug)
            resource.production = dict(system.credentials)
            configuration.save(resource)
            destination = Destination(name=system.slug, resource=resource, mapping=system.mapping)
            destination.settings = dict(system.settings)
            destination.prerequisites, destination.quiet_period = WANTED, 0.3
            destination.on_leave = destination.on_delete = system.leaving
            configuration.save(destination)

    def interfere(self) -> None:
        """Nothing more is done half-way."""

    def mend(self) -> None:
        """Nothing waits for somebody who mends it."""

    def calm(self) -> None:
        """Nothing fails any more, once each fault was done."""
        for system in self._systems:
            system.is_ending = True

    def rows(self, documents: Mapping[str, dict[str, Any]], kills: Sequence[float]) -> list[ledger.Row]:
        wanted = {
            id: {"mark": document["n"]} for id, document in documents.items() if document["plan"] != "free"
        }
        bad = {id for id in wanted if may_be_refused(documents[id])}
        rejected = ProfileSync.objects.filter(state=ProfileSync.State.REJECTED, profile_id__in=bad)
        return [
            ledger.row(
                system.slug,
                wanted,
                system.arrivals,
                ledger.troubles(Destination.objects.get(name=system.slug)),
                kills,
                removes=True,
                refused=set(
                    rejected.filter(destination__name=system.slug).values_list("profile_id", flat=True)
                ),
            )
            for system in self._systems
        ]

    def arrivals(self) -> list[ledger.Arrival]:
        return [arrival for system in self._systems for arrival in system.arrivals]
