"""Where a text repeats some of very many values, in time that grows with their sum and not their product.

Nothing here looks for one value after the other: a payload may have a hundred thousand, and whoever answers
may have made his text of all their beginnings.
"""

from __future__ import annotations

import base64
import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import chain
from urllib.parse import quote

SHORTEST = 4  # shorter values would mask pieces of ordinary words
WINDOW = 64  # characters that are compared; what is longer is looked for in parts of this size
_BORDER = "\0"  # between values that are encoded together; within one it parts it


def spans(text: str, forms: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Start and end of each part of the text that these cover, from left to right."""
    # All that begins somewhere in the text, in order: what begins alike stands together.
    order = sorted((text[at : at + WINDOW], at) for at in range(len(text) - SHORTEST + 1))
    windows = [window for window, _ in order]
    lengths = bytearray(len(text))
    for part in sorted(_found(windows, _parts(forms)), key=len):  # where several begin, the longest counts
        first = bisect_left(windows, part)
        for _, at in order[first : _end(windows, part, first)]:
            lengths[at] = len(part)
    return _joined(lengths)


def forms(values: Iterable[str], text: str = "\\%+", *, any_case: bool = False) -> set[str]:
    """The shapes in which values can turn up in a text: in clear, JSON-escaped, URL-encoded and in base64.

    They are encoded together, which is much quicker than one by one. Left out is what the text, by the
    characters that it has, cannot hold, and what is too short.
    """
    clear = list({part for value in values for part in value.split(_BORDER) if len(part.strip()) >= SHORTEST})
    if not clear:
        return set()
    raw = [value.encode("utf-8", "replace") for value in clear]
    encoded = " ".join(base64.b64encode(value).decode() for value in raw)
    shapes = [(_BORDER.join(clear), _BORDER), (encoded, " ")]
    if "\\" in text:
        for ascii_only in (True, False):
            escaped = json.dumps(clear, ensure_ascii=ascii_only)[2:-2]
            # json.dumps of PHP, as Mautic answers, escapes the slash too
            shapes += [(shape, '", "') for shape in (escaped, escaped.replace("/", "\\/"))]
    if "%" in text or "+" in text:
        quoted = quote(_BORDER.encode().join(raw), safe="")
        border = quote(_BORDER)
        shapes += [
            (shape, border) for shape in (quoted, quoted.replace("%2F", "/"), quoted.replace("%20", "+"))
        ]
    if any_case:
        shapes = [(folded(shape), folded(border)) for shape, border in shapes]
    return set(chain.from_iterable(shape.split(border) for shape, border in shapes))


def folded(text: str) -> str:
    """In lower case, each letter by itself, so that all places stay."""
    return text.replace("\u0130", "i").lower().replace("\u03c2", "\u03c3")


def _parts(forms: Iterable[str]) -> Iterator[str]:
    """Parts of at most a window; the last one overlaps the one before, so that no short rest is left."""
    for form in forms:
        if len(form) <= WINDOW:
            yield form
        else:
            yield from (form[at : at + WINDOW] for at in range(0, len(form) - WINDOW, WINDOW))
            yield form[-WINDOW:]


def _found(windows: list[str], parts: Iterable[str]) -> set[str]:
    """The parts that stand somewhere in the text."""
    beginnings = {window[:SHORTEST] for window in windows}
    likely = {part for part in parts if part[:SHORTEST] in beginnings}
    return {
        part for part in likely if windows[min(bisect_left(windows, part), len(windows) - 1)].startswith(part)
    }


def _end(windows: list[str], part: str, first: int) -> int:
    """After the last window that begins with the part."""
    return bisect_right(windows, part, first, key=lambda window: window[: len(part)])


def _joined(lengths: bytearray) -> Iterator[tuple[int, int]]:
    """The parts of a text of which some begin at each place with these lengths."""
    start = end = 0
    for at, length in enumerate(lengths):
        if at > end:
            if end > start:
                yield start, end
            start = end = at
        if length:
            end = max(end, at + length)
    if end > start:
        yield start, end
