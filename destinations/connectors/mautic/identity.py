"""Which contact, of which Mautic, a profile is: the remote id.

Mautic finds a contact by its address alone. A profile whose address changes would become a second contact, so
the remote id tells which one it was, where, and with which address.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from destinations.connectors.base import JSON

LONGEST_PLACE = 200  # characters
_REMOTE_ID = re.compile(r"([1-9]\d{0,18})@(.+)#([0-9a-f]{8})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Identity:
    """A contact's number in the Mautic at `place`, and a mark of the address that it was given.

    Written as 47@mautic.example#5d41402a. The address itself is not kept here; a few bits of its hash tell
    whether it is another one now. Contact 47 of another Mautic is somebody else.
    """

    number: str
    place: str
    mark: str

    def __str__(self) -> str:
        return f"{self.number}@{self.place}#{self.mark}"


def identity(number: str, place: str, address: str) -> Identity:
    return Identity(number, place, mark(place, address))


def read(remote: Mapping[str, JSON], place: str) -> Identity | None:
    """The identity that a remote id tells; None if it tells none in the Mautic at this place."""
    found = _REMOTE_ID.fullmatch(str(remote.get("id", "")))
    return Identity(*found.groups()) if found and found[2] == place else None


def mark(place: str, address: JSON) -> str:
    """The same for an address in any letter case, as Mautic compares them."""
    text = f"{place}\n{str(address).strip().casefold()}"
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]


def place_of(base_url: str) -> str:
    """Where a Mautic is: its normal URL without the scheme, which may change."""
    place = base_url.partition("://")[2]
    return place if len(place) <= LONGEST_PLACE else hashlib.sha256(place.encode()).hexdigest()


def in_order(identities: Mapping[int, tuple[str, str]]) -> list[int]:
    """Deliveries in the order of giving their contacts new addresses: who leaves one before who takes it.

    `identities`: of each delivery the marks of the old and of the new address. Where they go round in a
    circle, one of them begins.
    """
    leaving = {old: position for position, (old, _new) in identities.items()}
    order: list[int] = []
    seen: set[int] = set()
    for first in identities:
        path: list[int] = []
        position: int | None = first
        while position is not None and position not in seen:
            seen.add(position)
            path.append(position)
            position = leaving.get(identities[position][1])
        order += reversed(path)
    return order
