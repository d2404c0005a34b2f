"""What happens in a run: every part of it follows from the seed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

CHANGES_PER_PROFILE = 3
MOST_AT_ONCE = 60  # changes in one bulk write
DELETED = 0.2  # of the profiles that were just changed and may be deleted
PLANS = ("free", "pro", "team", "blocked")


@dataclass(frozen=True, slots=True)
class Plan:
    """What the operator asked for. `database` is the scratch database's name: no other is touched.
    `connectors`: whose doubles are the other side, by slug or as `package.module:Class`; none: the receiver.
    """

    seed: int
    profiles: int
    seconds: float
    kills: bool
    workers: int
    json: bool
    database: str
    connectors: tuple[str, ...] = ()

    def dumps(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def loads(cls, text: str) -> Plan:
        return cls(**json.loads(text))

    def random(self, part: str) -> random.Random:
        """A generator for one part of the run, independent of the others."""
        return random.Random(f"{self.seed}:{part}")  # noqa: S311 - repeatable, guards nothing


def batches(plan: Plan) -> Iterator[tuple[list[dict[str, Any]], list[str]]]:
    """All changes in order, in batches as they are written, each a whole document; and the ids of those that
    are deleted after each batch, some of which are made again later.

    `n` counts a profile's changes. Some change only a note that no destination is told of. The receiver's
    destinations send `n` and `plan`, doubles of systems `mark`, and `mail` or `age`.
    """
    rng = plan.random("changes")
    order = [number for number in range(plan.profiles) for _ in range(CHANGES_PER_PROFILE)]
    rng.shuffle(order)
    documents: dict[int, dict[str, Any]] = {}
    gone: set[int] = set()
    while order:
        size = rng.randint(1, MOST_AT_ONCE)
        batch, order = order[:size], order[size:]
        written = [_change(rng, documents, number, number in gone) for number in batch]
        chosen = {number for number in batch if may_go(documents[number]) and rng.random() < DELETED}
        gone = gone.difference(batch) | chosen
        yield written, sorted({documents[number]["id"] for number in gone.intersection(batch)})


def may_go(document: dict[str, Any]) -> bool:
    """The other groups go to one destination each, and in a short run there are few of them."""
    return bool(document["group"] < 3)


def may_be_refused(document: dict[str, Any]) -> bool:
    """Whether systems refuse it for what it says; few, as many in a row would be the system's own fault."""
    return bool(document["plan"] == "blocked" and document["group"] in (1, 5))


def _change(
    rng: random.Random, documents: dict[int, dict[str, Any]], number: int, is_gone: bool
) -> dict[str, Any]:
    known = documents.get(number)
    if known is not None and not is_gone and rng.random() < 0.15:
        document = {**known, "note": rng.random()}
    else:
        count = known["n"] + 1 if known else 1
        id = f"prove-{number:06}"
        document = {"id": id, "n": count, "group": number % 8, "plan": rng.choice(PLANS)}
        is_bad = may_be_refused(document)
        domain, age = ("", "old") if is_bad else ("x.example", "40")
        document |= {"mark": f"{id}-{count}", "mail": f"{id}@{domain}", "age": age}
    documents[number] = document
    return document
