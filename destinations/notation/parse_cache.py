"""What has been parsed, kept by its text: many short texts and a few long ones.

A text of 64 KB becomes megabytes when it is parsed, and whoever may look at a preview chooses the texts.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import lru_cache, wraps
from typing import Final, TypeVar

LONG: Final = 8_000  # characters; hardly anything that people write is longer
MOST_SHORT: Final = 256
MOST_LONG: Final = 8

Parsed = TypeVar("Parsed")


def kept(parse: Callable[..., Parsed]) -> Callable[..., Parsed]:
    """The same function, of a text and what else decides how it is read, with a memory."""
    short, long = lru_cache(maxsize=MOST_SHORT)(parse), lru_cache(maxsize=MOST_LONG)(parse)

    @wraps(parse)
    def parsed(text: str, *more: Hashable) -> Parsed:
        return long(text, *more) if len(text) > LONG else short(text, *more)

    return parsed
