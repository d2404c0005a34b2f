"""Which kinds of elements pages have: two pages of the same kinds look alike."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Any

# Classes that say what something is about, and not how it looks.
ABOUT = re.compile(r"app-|model-|field-|column-|row|.*\d")
LOOKS = ("type", "role", "aria-current")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[Any] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        classes = frozenset(one for one in (given.get("class") or "").split() if not ABOUT.match(one))
        self.found.add((tag, classes, *(given.get(name) for name in LOOKS)))


def shapes(html: str) -> frozenset[Any]:
    """Each element by what decides how it looks."""
    reader = _Reader()
    reader.feed(html)
    return frozenset(reader.found)


def fewest(pages: Sequence[Any], found: Sequence[frozenset[Any]]) -> list[Any]:
    """Few of the pages that have, together, all that was found on each of them."""
    left, chosen = frozenset().union(*found), []
    while left:
        at = max(range(len(pages)), key=lambda one: len(found[one] & left))
        chosen.append(pages[at])
        left -= found[at]
    return chosen
