"""One evaluation or rendering: its one `now`, and how much it may still do.

Functions over lists can be nested, and texts can be repeated by `replace` and `join`: without a bound a
few lines over a few items would take hours or all memory.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from tracsync.common.messages import message

from .dates import now
from .errors import NotationError
from .values import ATOMS, MismatchError, as_text

MAX_WORK: Final = 2_000_000  # roughly: characters and items read and made
MAX_TEXT: Final = 1_000_000  # characters of a text that a function makes
MAX_CONSTANT: Final = 50_000  # work of a call of literals, done when it is parsed
MAX_COPIED: Final = 1_000_000  # items and brackets of lists and objects in a payload: more than can be sent
MAX_SHOWN: Final = 250_000  # and in an explanation
COST: Final = 20  # of a step whose size does not matter: a call, a question about an item
COST_OF_PART: Final = 5  # of a part of a template, for each item
BRACKETS: Final = 2  # of a list or object, beside its items
GLANCE: Final = 2  # how many times as quick it is to look at something as to make it
BITS: Final = 3  # of a whole number, as a power of two, that are the work of a character
ALIKE: Final = 6  # characters of a text within something, as a power of two, that are looked at as one
_TOO_MUCH: Final = message("this takes too much work: lists within lists, or texts that grow too long")
_TOO_LARGE: Final = message("the payload becomes too large: the mapping copies more than a million items")
_SIZED: Final = frozenset((str, list, dict))


class TooLarge(NotationError):
    """The same for compiled functions as for the reference, which need not find it again."""


class Run:
    """The work is `left` to do; compiled functions spend at least as much of it as the reference.

    Where they spend too much, the reference counts again and decides. A `thorough` run counts what is as
    good as nothing unless it is done very often, too.
    """

    __slots__ = ("_aside", "_now", "copies", "left", "shown", "thorough")

    def __init__(self, left: int = MAX_WORK, now: datetime | None = None, *, thorough: bool = False) -> None:
        self._now = now
        self._aside: Run | None = None
        self.left = left
        self.thorough = thorough
        self.copies = [MAX_COPIED]
        self.shown = [MAX_SHOWN]

    @property
    def now(self) -> datetime:
        if self._now is None:
            self._now = now()
        return self._now

    def aside(self) -> Run:
        """For looking at parts again, one for all: what it does leaves the outcome as it is."""
        if self._aside is None:
            self._aside = Run(now=self.now, thorough=self.thorough)
        return self._aside

    def spend(self, work: int) -> None:
        """Raises NotationError when nothing is left."""
        self.left -= work
        if self.left < 0:
            raise NotationError(_TOO_MUCH)

    def read(self, value: Any, work: int = 0) -> Any:
        """The value, for which its `extent` and other `work` is spent."""
        self.spend(work + extent(value))
        return value

    def glance(self, value: Any) -> Any:
        """The value, for which some of its `extent` is spent."""
        self.spend(extent(value) // GLANCE)
        return value

    def made(self, value: Any, work: int = 0) -> Any:
        """The value, for which its `size` and other `work` is spent: written out, since each call does it."""
        kind = value.__class__
        if kind in _SIZED:
            work += len(value)
        elif kind is int:
            work += value.bit_length() >> BITS
        self.left -= work + COST
        if self.left < 0:
            raise NotationError(_TOO_MUCH)
        return value


def copied(value: Any, left: list[int]) -> Any:
    """A deep copy: a payload shares nothing mutable with the profile. `left[0]`: items that it may copy.

    Raises NotationError when nothing is left: a long list of paths to a large object would take all memory.
    """
    if not isinstance(value, (dict, list)):
        return value
    left[0] -= len(value) + BRACKETS
    if left[0] < 0:
        raise TooLarge(_TOO_LARGE)
    if isinstance(value, dict):
        if ATOMS.issuperset(map(type, value.values())):
            return dict(value)
        return {key: copied(item, left) for key, item in value.items()}
    return value[:] if ATOMS.issuperset(map(type, value)) else [copied(item, left) for item in value]


def counted(value: Any, left: list[int]) -> Any:
    """The value itself, of which a copy is going to be made: it counts as in `copied`."""
    if isinstance(value, (dict, list)):
        left[0] -= len(value) + BRACKETS
        if left[0] < 0:
            raise TooLarge(_TOO_LARGE)
        within = value if isinstance(value, list) else value.values()
        if not ATOMS.issuperset(map(type, within)):
            for item in within:
                counted(item, left)
    return value


def written(value: Any, left: list[int]) -> str:
    """A value within a text. What it holds counts as copied (see `copied`), and as more than that."""
    if isinstance(value, str):
        return value
    if isinstance(value, (list, dict)):
        left[0] -= extent(value)
        if left[0] < 0:
            raise TooLarge(_TOO_LARGE)
    return as_text(value)


def size(value: Any) -> int:
    """The work of reading or making a value, not counting what is within it."""
    kind = value.__class__
    if kind in _SIZED:
        return COST + len(value)
    return COST + (value.bit_length() >> BITS) if kind is int else COST


def reach(value: Any) -> int:
    """The work of going through a value and all within it, such as writing it out."""
    if not isinstance(value, (list, dict)):
        return size(value)
    work = size(value)
    for item in value if isinstance(value, list) else value.values():
        kind = item.__class__
        if kind is str:
            work += len(item) >> ALIKE
        elif kind is int:
            work += item.bit_length() >> BITS
        elif kind in _SIZED:
            work += reach(item)
    return work


def extent(value: Any) -> int:
    """The work of comparing a value, or of copying it: of it and of all lists and objects within it."""
    if not isinstance(value, (list, dict)):
        return size(value)
    within = value if isinstance(value, list) else value.values()
    if ATOMS.issuperset(map(type, within)):
        return size(value)
    return size(value) + sum(extent(item) for item in within if isinstance(item, (list, dict)))


def weight(value: Any) -> int:
    """The work of a value and all within it."""
    if not isinstance(value, (list, dict)):
        return COST + len(value) if value.__class__ is str else COST
    work = COST
    for item in value if isinstance(value, list) else value.values():
        work += weight(item)
    return work


def check_length(length: int) -> None:
    """That a text may become this long. Raises MismatchError."""
    if length > MAX_TEXT:
        raise MismatchError("%(subject)s gives a text of more than %(number)s characters", number=MAX_TEXT)
