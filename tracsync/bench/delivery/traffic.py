"""What is delivered: profiles of the usual size, the part of them that a destination is told of, changes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from destinations.notation import parse_template
from tracsync.bench.sample_profiles import people

DIFFERENT = 500  # people; more profiles share their documents but for id and number of changes
AGAIN = 10  # every tenth profile changes twice, so that the last state is not the only one

MAPPING: dict[str, Any] = {
    "id": "profile@id",
    "n": "profile@n",
    "email": "profile@data.contact.email.main",
    "phone": "profile@data.contact.phone.mobile",
    "name": {"first": "profile@data.pii.firstname", "last": "profile@data.pii.lastname"},
    "country": "profile@data.address.country",
    "segments": "profile@segments",
    "visits": "profile@stats.visits",
    "marketing": "profile@consents.marketing",
}


class Traffic:
    """Profiles that change in rounds; `n` in a document counts the changes of all rounds."""

    def __init__(self, name: str, count: int) -> None:
        self.people = people(min(count, DIFFERENT))
        self.ids = [f"{name}-{number:06}" for number in range(count)]
        self.n = 0

    def next_round(self) -> tuple[dict[str, int], list[dict[str, Any]]]:
        """The last state of each profile, and the documents to write in order."""
        again = self.ids[::AGAIN]
        documents = [self._document(number, self.n + 1) for number in range(len(self.ids))]
        documents += [self._document(number * AGAIN, self.n + 2) for number in range(len(again))]
        states = dict.fromkeys(self.ids, self.n + 1) | dict.fromkeys(again, self.n + 2)
        self.n += 2
        return states, documents

    def _document(self, number: int, n: int) -> dict[str, Any]:
        return {**self.people[number % len(self.people)], "id": self.ids[number], "n": n}


def bodies(documents: Sequence[dict[str, Any]]) -> list[bytes]:
    """What the engine sends of them, made beforehand."""
    return [json.dumps(payload).encode() for payload in payloads(documents)]


def payloads(documents: Sequence[dict[str, Any]]) -> Iterator[Any]:
    template = parse_template(MAPPING)
    return (template.render({"profile": document}) for document in documents)
