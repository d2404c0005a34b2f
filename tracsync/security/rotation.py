"""What is encrypted is written again under the first key, while everything runs.

There is nothing to remember on the way: what the first key opens is done. So it may be killed anywhere and
begun again, and whatever is changed meanwhile is read under its lock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.db import models, transaction
from django.db.models.functions import Cast

from tracsync.common import encryption
from tracsync.common.encryption import EncryptedJSONField

AT_ONCE = 200  # rows
PASSES = 3


@dataclass(frozen=True)
class Place:
    """A table, and its columns that are encrypted."""

    model: type[models.Model]
    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.model._meta.label} ({', '.join(self.names)})"

    @property
    def rows(self) -> models.QuerySet[Any]:
        """All of them, as they are stored: what is not in the default manager, too."""
        stored = {f"stored_{name}": Cast(name, models.TextField()) for name in self.names}
        return self.model._base_manager.annotate(**stored).order_by("pk").values_list("pk", *stored)


@dataclass
class Count:
    """Values: written again, still under an older key, and those that no key opens."""

    rewritten: int = 0
    left: int = 0
    lost: int = 0


@dataclass
class Found:
    by_place: dict[str, Count] = field(default_factory=dict)

    def total(self, name: str) -> int:
        return sum(getattr(count, name) for count in self.by_place.values())


def places() -> list[Place]:
    """Every encrypted column of every app that is installed: the models are asked, so none is forgotten."""
    found = []
    for model in apps.get_models(include_auto_created=True):
        fields = model._meta.local_concrete_fields
        names = tuple(one.attname for one in fields if isinstance(one, EncryptedJSONField))
        if names and model._meta.managed and not model._meta.proxy:
            found.append(Place(model, names))
    return found


def look() -> Found:
    """How much is still under an older key; nothing is written."""
    found = Found()
    for place in places():
        count = found.by_place.setdefault(str(place), Count())
        for rows in _batches(place):
            states = Counter(state for row in rows for state in _states(row))
            count.left += states[encryption.Under.OLDER]
            count.lost += states[encryption.Under.NONE]
    return found


def anything_left() -> str:
    """The first place that has something under an older key; "" where there is none."""
    for place in places():
        for rows in _batches(place):
            if any(encryption.Under.OLDER in _states(row) for row in rows):
                return str(place)
    return ""


def rotate() -> Iterator[tuple[str, Count]]:
    """Write everything again that the first key does not open: each place and what came of it, as it ends."""
    for place in places():
        count = Count()
        for _pass in range(PASSES):
            count.left = 0
            for rows in _batches(place):
                stale = [row[0] for row in rows if encryption.Under.OLDER in _states(row)]
                if stale:
                    rewritten = _rewrite(place, stale)
                    count.rewritten += rewritten
                    count.left += len(stale) - rewritten  # somebody else is writing those
            if not count.left:
                break
        yield str(place), count


def _batches(place: Place) -> Iterator[list[Sequence[Any]]]:
    rows = list(place.rows[:AT_ONCE])
    while rows:
        yield rows
        rows = list(place.rows.filter(pk__gt=rows[-1][0])[:AT_ONCE])


def _states(row: Sequence[Any]) -> list[encryption.Under]:
    return [encryption.under(text) for text in row[1:] if text is not None]


@transaction.atomic
def _rewrite(place: Place, ids: list[Any]) -> int:
    """How many rows were. Those that others have locked are passed over: so nobody waits in a circle."""
    rows = place.rows.select_for_update(skip_locked=True, no_key=True).filter(pk__in=ids)
    locked = list(rows)
    for pk, *texts in locked:
        again = {
            name: encryption.rewritten(text)
            for name, text in zip(place.names, texts, strict=True)
            if text is not None and encryption.under(text) is encryption.Under.OLDER
        }
        if again:
            place.model._base_manager.filter(pk=pk).update(**again)
    return len(locked)
