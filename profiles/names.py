"""What a profile is called: its name and e-mail address, and the words that it is found by.

The installation says which paths of a document are name and e-mail: TRACSYNC_NAME_PATHS and
TRACSYNC_EMAIL_PATHS.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from django.conf import settings

JSON = Any
Path = tuple[str, ...]
Choice = tuple[Path, ...]  # joined, where it is several

MOST_NAME, MOST_EMAIL = 200, 254
MOST_WORD = 254
MOST_WORDS = 16  # of one profile
MOST_ASKED = 6  # words of a search
LONGEST_SEARCH = 300  # characters that are looked at
FOLDING = 1  # grows when `fold` or `words` change, so that everything is indexed again

_LETTERS = str.maketrans(
    {
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "ł": "l",
        "\N{LATIN SMALL LETTER DOTLESS I}": "i",
        "æ": "ae",
        "œ": "oe",
        "þ": "th",
        "ħ": "h",
    }
)
_WORD = re.compile(r"[^\W_]+")
_LONG_WORD = re.compile(r"[^\W_]{2,}")
_DOMAIN = re.compile(r"[^\W_][\w.-]+")
_AROUND = "<>()[]\"',;:"  # what mail programs put around an address


class Person(NamedTuple):
    """Name and e-mail address of a profile; blank where its document has none."""

    name: str = ""
    email: str = ""


NOBODY = Person()


def person(document: JSON) -> Person:
    """As the installation's paths have it: of each kind the first that has a value."""
    names, emails = _choices(tuple(settings.TRACSYNC_NAME_PATHS), tuple(settings.TRACSYNC_EMAIL_PATHS))
    return Person(_first(document, names, MOST_NAME), _first(document, emails, MOST_EMAIL))


def fingerprint() -> str:
    """What tells whether the index was made with the paths of now."""
    told = repr((list(settings.TRACSYNC_NAME_PATHS), list(settings.TRACSYNC_EMAIL_PATHS), FOLDING))
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def parse(path: str) -> Choice:
    """`data.pii.firstname + data.pii.lastname`: keys with dots between, joined by plus. Raises ValueError."""
    choice = tuple(tuple(part.strip().split(".")) for part in path.split("+"))
    if not all(key.strip() for keys in choice for key in keys):
        raise ValueError(f"“{path}” is no path: write keys with dots between, as in data.contact.email.main")
    return choice


@lru_cache(maxsize=8)
def _choices(*kinds: tuple[str, ...]) -> tuple[tuple[Choice, ...], ...]:
    return tuple(tuple(map(parse, paths)) for paths in kinds)


def _first(document: JSON, choices: Iterable[Choice], most: int) -> str:
    for choice in choices:
        found = [text for path in choice if (text := _text(document, path))]
        if found:
            return " ".join(found)[:most].rstrip()
    return ""


def _text(value: JSON, path: Path) -> str:
    """The text at a path, of a list the first one; blank where there is none."""
    for key in path:
        if type(value) is not dict:
            return ""
        value = value.get(key)
    if type(value) is list and value:
        value = value[0]
    if type(value) is not str:
        return ""
    if not value.isprintable():  # what would turn the writing of a page around, as well
        value = "".join(letter if letter.isprintable() else " " for letter in value)
    return " ".join(value.split())


def fold(text: str) -> str:
    """Without case and accents, and ä, ae and a alike: what begins equal is equal as far as folded."""
    text = text.casefold()
    if not text.isascii():
        parts = unicodedata.normalize("NFKD", text)
        text = "".join(one for one in parts if not unicodedata.combining(one)).casefold().translate(_LETTERS)
    return text.replace("ae", "a").replace("oe", "o").replace("ue", "u")


def words(person: Person) -> list[str]:
    """What a profile is found by the beginnings of: the words of its name, its address, its mail's domain."""
    found: list[str] = _WORD.findall(fold(person.name))
    if person.email:
        email = fold(person.email)
        before, at, domain = email.rpartition("@")
        found += _LONG_WORD.findall(before or email)
        found += (email, f"@{domain}") if at else (email,)
    return list(dict.fromkeys([word[:MOST_WORD] for word in found]))[:MOST_WORDS]


def asked(text: str) -> list[str]:
    """The beginnings of words that a search asks for; none where it has no word."""
    found = dict.fromkeys(_asked(fold(text[:LONGEST_SEARCH]).split()))
    return [word[:MOST_WORD] for word in found][:MOST_ASKED]


def asked_of_address(text: str) -> list[str]:
    """The same of a part of an address: of what stands before and behind its @, or behind it alone."""
    if "@" in text:
        is_whole = _WORD.search(text.rpartition("@")[2])
        return asked(text[:LONGEST_SEARCH].replace("@", " @")) if is_whole else []
    domain = fold(text[:LONGEST_SEARCH]).strip(_AROUND)
    return [f"@{domain}"[:MOST_WORD]] if _DOMAIN.fullmatch(domain) else []


def _asked(parts: Sequence[str]) -> Iterator[str]:
    for part in parts:
        bare = part.strip(_AROUND)
        if "@" in bare and _WORD.search(bare):
            yield bare
        else:
            yield from _WORD.findall(part)
