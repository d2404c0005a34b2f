"""Paths that real profiles have, for people who write conditions and mappings.

A bounded sample of the profiles that changed last is looked at; what is kept of it are paths and kinds of
values, never a value. Keys that are data themselves (addresses, numbers, ids) are left out, and so is
everything below objects that are used as tables.
"""

from __future__ import annotations

import difflib
import json
import re
import time
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from django.core.cache import cache

from destinations.notation.paths import NAME_CHARACTERS
from profiles import documents
from profiles.models import Profile
from tracsync.common.messages import message
from tracsync.common.translation import translated

Path = tuple[str, ...]

MOST_PROFILES = 100
MOST_VALUES = 2_000  # of one profile that are looked at
MOST_KEYS = 60  # different ones in one object of the sample: more is a table, not a structure
MOST_DEPTH = 12
MOST_SECONDS = 1.0
MOST_ANSWERED = 60
KEPT = 60  # seconds
LIST_ITEMS = 3  # of each list; all of them are shown as its first

_HOLDERS = frozenset(map(documents.kind_of, ({}, [])))
_CACHE_KEY = "tracsync:suggestions"
_BARE = re.compile(f"[{NAME_CHARACTERS}]+")
_LONGEST_KEY = 40  # characters
_DATA = re.compile(r"@|\d{5}|[0-9a-fA-F]{16}|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}|\s.*\s.*\s")
_TEXTS = (
    (message("date"), re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?$")),
    (message("e-mail address"), re.compile(r"[^@\s]+@[^@\s]+\.\w+$")),
    (message("web address"), re.compile(r"https?://")),
    (message("number as text"), re.compile(r"[+-]?\d+(\.\d+)?$")),
)


@dataclass(frozen=True, slots=True)
class SeenPath:
    """`path` as conditions write it, without its source; `seen`: in how many of the profiles."""

    path: str
    kinds: tuple[str, ...]
    seen: int
    keys: Path


@dataclass(frozen=True, slots=True)
class Sample:
    """Below `tables`, and beyond so many `levels`, not all paths are known."""

    profiles: int
    paths: tuple[SeenPath, ...]
    tables: frozenset[Path] = frozenset()
    levels: int = MOST_DEPTH - 1

    def below(self, typed: str, most: int = MOST_ANSWERED) -> list[SeenPath]:
        """Those that go on from what was typed; the nearest and most frequent ones first."""
        found = [one for one in self.paths if one.path.startswith(typed)]
        nearest = sorted(found, key=lambda one: (len(one.keys), -one.seen, one.path))[:most]
        return [replace(one, kinds=tuple(map(translated, one.kinds))) for one in nearest]

    def containing(self, typed: str, most: int = MOST_ANSWERED) -> list[SeenPath]:
        """Those with a text anywhere in them, in any case: values before objects, frequent ones first."""
        wanted = typed.strip().casefold()
        found = [one for one in self.paths if wanted in one.path.casefold()]
        found.sort(key=lambda one: (bool(_HOLDERS & {*one.kinds}), -one.seen, len(one.keys), one.path))
        return [replace(one, kinds=tuple(map(translated, one.kinds))) for one in found[:most]]

    def type_of(self, path: str) -> str:
        """The type "number", "boolean" or "text", as most of the values there are; "" for others."""
        kinds = next((one.kinds for one in self.paths if one.path == path), ())
        first = next((kind for kind in kinds if kind != documents.kind_of(None)), "")
        named = {documents.kind_of(0): "number", documents.kind_of(True): "boolean"}
        return named.get(first, "" if not first or first in _HOLDERS else "text")

    def lacks(self, path: Path) -> bool:
        """Whether none of the profiles has this path, as far as that can be told."""
        known = self._known()
        above: Path = ()
        for key in path:
            if above in self.tables or len(above) >= self.levels or not self.profiles:
                return False
            if (found := _next(known, above, key)) is None:
                return not _is_data(key)
            above = found
        return False

    def nearest(self, path: Path) -> str | None:
        """The path that was probably meant: a key is spelt alike, or it ends in the same key."""
        known = self._known()
        above: Path = ()
        for position, key in enumerate(path):
            if (found := _next(known, above, key)) is None:
                beside = [one.keys[-1] for one in self.paths if one.keys[:-1] == above]
                near = difflib.get_close_matches(key[:_LONGEST_KEY], beside, n=1)
                whole = (*above, *near, *path[position + 1 :])
                break
            above = found
        else:
            return None
        if near:
            return known[whole] if whole in known else known[*above, near[0]]
        alike = [one for one in self.paths if one.keys[-1].lower() == path[-1].lower()]
        return min(alike, key=lambda one: (-one.seen, len(one.keys), one.path)).path if alike else None

    def _known(self) -> dict[Path, str]:
        return {one.keys: one.path for one in self.paths}


def sample() -> Sample:
    """Of the profiles that changed last, at most a minute old."""
    kept = cache.get(_CACHE_KEY)
    if kept is None:
        profiles = Profile.objects.order_by("-changed_at")[:MOST_PROFILES]
        kept = sample_of(profiles.values_list("document", flat=True).iterator(chunk_size=10))
        cache.set(_CACHE_KEY, kept, KEPT)
    return kept


def forget() -> None:
    cache.delete(_CACHE_KEY)


@dataclass
class _Counts:
    """What was seen at each path."""

    seen: Counter[Path] = field(default_factory=Counter)
    kinds: dict[Path, Counter[str]] = field(default_factory=dict)
    keys: dict[Path, set[str]] = field(default_factory=dict)
    levels: int = MOST_DEPTH - 1

    def add(self, document: Any) -> None:
        in_this: set[Path] = set()
        for number, (path, value) in enumerate(_walk(document)):
            if number > MOST_VALUES:
                self.levels = min(self.levels, len(path) - 1)
                break
            if path not in in_this:
                in_this.add(path)
                self.kinds.setdefault(path, Counter())[_kind(value)] += 1
            if isinstance(value, dict):
                self.keys.setdefault(path, set()).update(list(value)[: MOST_KEYS + 1])
        self.seen.update(in_this)

    def tables(self) -> frozenset[Path]:
        return frozenset(path for path, keys in self.keys.items() if len(keys) > MOST_KEYS)

    def paths(self) -> Iterator[SeenPath]:
        tables = self.tables()
        for path, seen in self.seen.items():
            if path and not any(path[:length] in tables for length in range(len(path))):
                kinds = tuple(kind for kind, _ in self.kinds[path].most_common(3))
                yield SeenPath(_written(path), kinds, seen, path)


def _next(known: Container[Path], above: Path, key: str) -> Path | None:
    """The path of one more key, if there is one; of all items of a list the first was looked at."""
    candidates = ((*above, key), (*above, "0")) if key.isdecimal() else ((*above, key),)
    return next((path for path in candidates if path in known), None)


def sample_of(people: Iterable[Any]) -> Sample:
    """Of some documents, as many as can be looked at in a second."""
    counts, number = _Counts(), 0
    ends_at = time.monotonic() + MOST_SECONDS
    for document in people:
        counts.add(document)
        number += 1
        if time.monotonic() > ends_at:
            break
    return Sample(number, tuple(counts.paths()), counts.tables(), counts.levels)


def _walk(document: Any) -> Iterator[tuple[Path, Any]]:
    """Level by level, so that a large document does not hide what is next to its largest part."""
    level: list[tuple[Path, Any]] = [((), document)]
    for _ in range(MOST_DEPTH):
        below: list[tuple[Path, Any]] = []
        for path, value in level:
            yield path, value
            if isinstance(value, dict):
                below += [((*path, key), inner) for key, inner in value.items() if not _is_data(key)]
            elif isinstance(value, list):
                below += [((*path, "0"), inner) for inner in value[:LIST_ITEMS]]
        level = below


def _is_data(key: str) -> bool:
    return len(key) > _LONGEST_KEY or _DATA.search(key) is not None


def _kind(value: Any) -> str:
    if not isinstance(value, str):
        return documents.kind_of(value)
    return next((name for name, pattern in _TEXTS if pattern.match(value[:60])), message("text"))


def _written(path: Path) -> str:
    """As a condition writes it after `source@`."""
    text = ""
    for key in path:
        if _BARE.fullmatch(key):
            text += f".{key}" if text else key
        else:
            text += f"[{json.dumps(key, ensure_ascii=False)}]"
    return text
