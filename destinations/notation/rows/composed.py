"""A text that is put together row by row, which remembers where each row stands in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ..errors import NotationError
from ..json_spans import Span
from ..paths import SOURCES, Reference, parse_path

PROFILE = "profile@"
_SOURCES = tuple(f"{source}@" for source in SOURCES)


@dataclass(slots=True)
class Composed:
    """`spans`: of each row, by its number from top to bottom, where it stands; none of what was left out."""

    pieces: list[str] = field(default_factory=list)
    length: int = 0
    spans: dict[int, Span] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def add(self, piece: str) -> None:
        self.pieces.append(piece)
        self.length += len(piece)

    @contextmanager
    def row(self, number: int) -> Iterator[None]:
        start = self.length
        yield
        self.spans[number] = Span(start, self.length)

    def row_at(self, offset: int) -> int:
        """The number of the innermost row around an offset; 0, that of all, where there is none."""
        around = (
            number
            for number, span in self.spans.items()
            if span.start <= offset < max(span.end, span.start + 1)
        )
        return max(around, default=0)


def reference(field: str) -> str:
    """The reference of a field as people name it: a path of the profile, or with another source before it."""
    field = field.strip()
    return field if field.startswith(_SOURCES) else f"{PROFILE}{field}"


def named(text: str) -> str:
    """A reference as people name it."""
    return text.removeprefix(PROFILE)


def path_of(field: str) -> Reference | None:
    """Where a field points at, written as in mappings, which allow more; None for what is no path."""
    text = reference(field)
    start = text.index("@") + 1
    try:
        return Reference(text[: start - 1], parse_path(text, start, len(text), template=True), text)
    except NotationError:
        return None


def keys_of(field: str) -> tuple[str, ...] | None:
    """The keys of a path of the profile; None for other sources and what is no path."""
    path = path_of(field)
    return tuple(key.name for key in path.keys) if path and path.source == PROFILE[:-1] else None
