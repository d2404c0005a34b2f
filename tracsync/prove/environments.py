"""The destinations of a run, and how the receiver behaves for each of them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from django.utils import timezone

TIMEOUT = 1.0  # seconds; how long a push waits for an answer


class Answer(StrEnum):
    """What the receiver does with one request."""

    OK = "200"
    WRONG_JSON = "200 with wrong JSON"
    SLOW_BODY = "200 with a slow body"
    LATE = "taken, but answered too late"
    CUT_OFF = "taken, then the connection reset"
    FAILED_AFTERWARDS = "taken, but answered 500"
    RESET = "connection reset"
    NONSENSE = "no HTTP"
    ERROR = "500"
    BUSY = "429 with Retry-After in seconds"
    BUSY_UNTIL = "503 with Retry-After as a date"
    REFUSED = "422"

    @property
    def takes(self) -> bool:
        """Whether the receiver holds the payload afterwards, whatever it says."""
        return self in _TAKING


_TAKING = frozenset(
    {Answer.OK, Answer.WRONG_JSON, Answer.SLOW_BODY, Answer.LATE, Answer.CUT_OFF, Answer.FAILED_AFTERWARDS}
)


@dataclass(frozen=True, slots=True)
class Place:
    """A destination. `faults`: how many of a hundred answers are which, until the faults end."""

    name: str
    prerequisites: str = ""
    quiet_period: float = 0.5
    max_wait: float | None = None
    faults: Mapping[Answer, int] = field(default_factory=dict)
    delay: float = 0.0  # seconds for each answer
    refuses: str = ""  # the plan whose profiles it answers with 422
    away: tuple[int, int] | None = None  # from which request to which it only resets connections

    def script(self, rng: random.Random) -> list[Answer]:
        """The answers, which are repeated for ever."""
        failing = [answer for answer, count in self.faults.items() for _ in range(count)]
        answers = failing + [Answer.OK] * (100 - len(failing))
        rng.shuffle(answers)
        return answers


PLACES = (
    Place("healthy", quiet_period=0.3, faults={Answer.WRONG_JSON: 5, Answer.SLOW_BODY: 1}),
    Place(
        "flaky",
        prerequisites="profile@group < 3",
        max_wait=3.0,
        faults={
            Answer.ERROR: 5,
            Answer.FAILED_AFTERWARDS: 3,
            Answer.RESET: 2,
            Answer.CUT_OFF: 2,
            Answer.NONSENSE: 1,
            Answer.LATE: 1,
            Answer.BUSY: 1,
            Answer.BUSY_UNTIL: 1,
            Answer.WRONG_JSON: 2,
        },
    ),
    Place("choosy", prerequisites='profile@plan != "free"', refuses="blocked"),
    Place("slow", prerequisites="profile@group == 3", quiet_period=1.0, delay=0.05),
    Place("away", prerequisites="profile@group == 4", away=(20, 40)),
)

MAPPING = {"id": "profile@id", "n": "profile@n", "plan": "profile@plan"}


def install(url: str) -> None:
    """Make the destinations; they lead to the receiver at this address."""
    from destinations import configuration
    from destinations.models import Destination, Extension, Resource

    Extension.objects.filter(slug="http_api").update(installed_at=timezone.now())
    for place in PLACES:
        resource = Resource(name=place.name, type_id="http_api")
        resource.production = {"url": f"{url}/{place.name}"}
        configuration.save(resource)
        destination = Destination(name=place.name, resource=resource, mapping=MAPPING)
        destination.prerequisites = place.prerequisites
        destination.settings = {"timeout": TIMEOUT}
        destination.quiet_period, destination.max_wait = place.quiet_period, place.max_wait
        configuration.save(destination)
