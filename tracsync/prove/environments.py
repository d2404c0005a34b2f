"""The destinations of a run, and how the receiver behaves for each of them."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from django.conf import settings
from django.utils import timezone

TIMEOUT = 1.0  # seconds; how long a push waits for an answer
DRIPPING = 4  # destinations, each of whose answers takes 20 seconds
EDITED, REPLAYED = "healthy", "slow"  # which gets another mapping, and a replay, in the middle of a run


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
    REFUSES_ALL = "422 to everything"
    LOCKED_OUT = "401"
    DRIPPING = "200 with a body that drips"
    HINTS_FIRST = "200 after 103"
    MANY_HEADERS = "200 with 150 headers"
    KNOWN = "200, known by its key and not taken again"
    TURNED_DOWN = "answered, but not taken"

    @property
    def takes(self) -> bool:
        """Whether the receiver holds the payload afterwards, whatever it says."""
        return self in _TAKING


_TAKING = frozenset(
    {
        Answer.OK,
        Answer.WRONG_JSON,
        Answer.SLOW_BODY,
        Answer.LATE,
        Answer.CUT_OFF,
        Answer.FAILED_AFTERWARDS,
        Answer.DRIPPING,
        Answer.HINTS_FIRST,
        Answer.MANY_HEADERS,
    }
)


@dataclass(frozen=True, slots=True)
class Place:
    """A destination. `faults`: how many of a hundred answers are which, until the faults end.

    `ailment`: what it answers from one request to another, or until the faults end, but at least once;
    `insists`: also after their end. `until_noticed`: whoever works there mends it when tracsync says that it
    refuses everything, and not before.
    """

    name: str
    prerequisites: str = ""
    quiet_period: float = 0.5
    max_wait: float | None = None
    faults: Mapping[Answer, int] = field(default_factory=dict)
    delay: float = 0.0  # seconds for each answer
    refuses: str = ""  # the plan whose profiles it answers with 422
    ailment: Answer | None = None
    spell: tuple[int, float] = (0, math.inf)
    insists: bool = False
    until_noticed: bool = False
    honours_keys: bool = False  # takes nothing under a key that it has taken something under
    timeout: float = TIMEOUT
    concurrency: int | None = None
    removes: bool = False  # who leaves or is deleted is removed there; elsewhere it stays

    def script(self, rng: random.Random) -> list[Answer]:
        """The answers, which are repeated for ever."""
        failing = [answer for answer, count in self.faults.items() for _ in range(count)]
        answers = failing + [Answer.OK] * (100 - len(failing))
        rng.shuffle(answers)
        return answers


PLACES = (
    Place(
        "healthy",
        quiet_period=0.3,
        faults={
            Answer.WRONG_JSON: 5,
            Answer.SLOW_BODY: 1,
            Answer.HINTS_FIRST: 3,
            Answer.MANY_HEADERS: 3,
        },
        honours_keys=True,
    ),
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
    Place(
        "emptied",
        prerequisites='profile@plan != "free"',
        faults={
            Answer.ERROR: 4,
            Answer.FAILED_AFTERWARDS: 3,
            Answer.RESET: 2,
            Answer.CUT_OFF: 2,
            Answer.LATE: 1,
        },
        removes=True,
    ),
    Place("choosy", prerequisites='profile@plan != "free"', refuses="blocked"),
    Place("slow", prerequisites="profile@group == 3", quiet_period=1.0, delay=0.05),
    Place("away", prerequisites="profile@group == 4", ailment=Answer.RESET, spell=(20, 30)),
    Place(
        "locked-out",
        prerequisites="profile@group == 5",
        ailment=Answer.LOCKED_OUT,
        spell=(3, 4),
        insists=True,
    ),
    # One call at a time: what it refuses comes in a row.
    Place(
        "broken",
        prerequisites="profile@group == 6",
        ailment=Answer.REFUSES_ALL,
        spell=(1, math.inf),
        until_noticed=True,
        concurrency=1,
    ),
    *(
        Place(f"dripping-{n + 1}", prerequisites="profile@group == 7", ailment=Answer.DRIPPING, timeout=10.0)
        for n in range(DRIPPING)
    ),
)

VERSION = {"X-Version": "delivery@version"}
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
        destination.settings = {"timeout": place.timeout, "headers": VERSION}
        if place.removes:
            call = {"method": "DELETE", "path": "/{{delivery@key}}", "headers": VERSION}
            destination.settings["remove"] = call
            destination.on_leave = destination.on_delete = Destination.Leaving.REMOVE
        destination.quiet_period, destination.max_wait = place.quiet_period, place.max_wait
        destination.concurrency = place.concurrency
        configuration.save(destination)


def noticed() -> list[str]:
    """The destinations of which tracsync says that they refuse everything."""
    from destinations.models import Health

    refusing = Health.objects.filter(refusals__gte=settings.TRACSYNC_EQUAL_REJECTIONS)
    return list(refusing.values_list("destination__name", flat=True))


def edit() -> None:
    """Have one of them send something else of every profile."""
    from destinations import configuration
    from destinations.models import Destination
    from destinations.operations import backfill

    destination = Destination.objects.get(name=EDITED)
    destination.mapping = {**MAPPING, "edited": True}
    configuration.save(destination)
    backfill.request(destination)


def replay() -> None:
    """Have all that one of them knows sent again."""
    from destinations.models import Destination
    from destinations.operations import replay, selection

    destination = Destination.objects.get(name=REPLAYED)
    replay.request(selection.read_request({"destination": destination.pk}))
