"""What API tokens are for: the areas of the API, to read or to write, and what each operation needs.

A view says its `area`; an action of another area, or with other needs, says so where it is declared. What
says nothing may be done by nobody. `OfArea` has all that can be said.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

PROFILES, CONFIGURATION, DELIVERIES, OPERATIONS = "profiles", "configuration", "deliveries", "operations"
PRIVACY, TOKENS = "privacy", "tokens"
AREAS = (PROFILES, CONFIGURATION, DELIVERIES, OPERATIONS, PRIVACY, TOKENS)
ANY = "any"  # the area of what every token may: the root, the description, what is known of itself

INGEST = "ingest"
SCOPES = (INGEST, *(f"{area}:{how}" for area in AREAS for how in ("read", "write")))

# What there was before there were scopes: everything, and looking at everything.
EVERYTHING = tuple(f"{area}:write" for area in AREAS if area != TOKENS)
READS = tuple(f"{area}:read" for area in AREAS if area != TOKENS)

# What a token for one destination may have: what is written to profiles reaches all of them.
OF_ONE_DESTINATION = (
    f"{PROFILES}:read",
    *(f"{area}:{how}" for area in (CONFIGURATION, DELIVERIES, OPERATIONS) for how in ("read", "write")),
)

# What a token for one source may have: what its profiles became at destinations is of everybody's.
OF_ONE_SOURCE = (INGEST, f"{PROFILES}:read", f"{PROFILES}:write")

SAFE = ("GET", "HEAD", "OPTIONS")
NOT_ABOUT_DESTINATIONS = ""
ANOTHER = "This token is for one destination, and not for this one"

# One of each group; none at all for what every token may.
Needs = tuple[tuple[str, ...], ...]


class OfArea:
    """What a view says of itself, and an action with the same names where it differs.

    `also`: scopes that are needed besides. `ingests`: methods that an ingest token may use.
    `of_destination`: by which lookup the rows belong to a destination, for tokens of a single one; without it
    they are refused. `narrows`: whether changes without an object in their address mind such a token, too.
    `minds_source`: whether it keeps a token of one source to the profiles of that source; else it is refused.
    """

    area: str | None = None
    also: tuple[str, ...] = ()
    ingests: tuple[str, ...] = ()
    of_destination: str | None = None
    narrows = False
    minds_source = False


def needs(view: Any, method: str) -> Needs | None:
    """What a token needs for a method of a view; None where nobody has said it."""
    area = getattr(view, "area", None)
    if area is None:
        return None
    if area == ANY:
        return ()
    one = f"{area}:{'read' if method in SAFE else 'write'}"
    ingests = method in getattr(view, "ingests", ())
    return ((one, INGEST) if ingests else (one,), *((scope,) for scope in getattr(view, "also", ())))


def implied(scopes: Iterable[str]) -> frozenset[str]:
    """All that they allow: who may write an area may read it, and who may write profiles may ingest them."""
    given = {*scopes}
    reads = {scope.replace(":write", ":read") for scope in given}
    return frozenset(given | reads | ({INGEST} if f"{PROFILES}:write" in given else set()))


def own_destination(request: Any) -> int | None:
    """The only destination that the token of a request is for; None where it is for all."""
    found: int | None = getattr(getattr(request, "auth", None), "destination_id", None)
    return found


def own_source(request: Any) -> str | None:
    """The only source that the token of a request is for; None where it is for all."""
    return getattr(getattr(request, "auth", None), "source", "") or None


def may_read_profiles(request: Any) -> bool:
    """An ingest token is not answered with what is stored."""
    return f"{PROFILES}:read" in request.auth.allowed
