"""What was before and what is after, field by field, bounded, and without what is secret."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MASK = "•••"
MOST_FIELDS = 100  # of an entry
MOST_TEXT = 2000  # characters of a value

Content = Mapping[str, Any]
Changes = dict[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Hidden:
    """A value of which is only told whether there is one, and that it is another; or what is `shown`."""

    value: Any
    shown: Any = MASK

    def __bool__(self) -> bool:
        return self.value not in (None, "", [], {})


def between(before: Content, after: Content) -> Changes:
    """Each field that differs, with what it was and what it is; None: there was or is none."""
    was, is_now = dict(flat(before)), dict(flat(after))
    differing = [path for path in {**was, **is_now} if was.get(path) != is_now.get(path)]
    return {
        path[:MOST_TEXT]: [_told(was.get(path)), _told(is_now.get(path))] for path in differing[:MOST_FIELDS]
    }


def flat(content: Content, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted paths of single values."""
    for name, value in content.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _told(value: Any) -> Any:
    if isinstance(value, Hidden):
        return _told(value.shown) if value else None
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]}…"
