"""Records that a system has made of one profile, one after the other: all of them go when it leaves.

A system that finds people by their address makes a second record when that changes, and says so only by
another id. The ids of before are kept with the new one, as `earlier` of what is known of the profile, the
newest first.
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from destinations.connectors.base import JSON, Accepted, Delivery
from tracsync.common.messages import joined, message

EARLIER: Final = "earlier"
MOST: Final = 20  # of one profile
ROOM: Final = 2000  # characters, as JSON, of all of them
ROOM_OF_ALL: Final = 4096  # with whatever else is kept of the profile


def ids_of(remote: Mapping[str, JSON]) -> list[str]:
    """What the system has called a profile before, where it made another record of it; the newest first.

    They are removed and erased together with the record of today.
    """
    told = remote.get(EARLIER)
    return [one for one in told if isinstance(one, str)] if isinstance(told, list) else []


def noted(outcome: Accepted, known: Mapping[str, JSON]) -> Accepted:
    """The outcome of a push with the ids that its profile had before; `known`: what was known until now."""
    told = outcome.remote or {}
    if not told.get("id"):
        return outcome
    now, before = str(told["id"]), str(known.get("id") or "")
    is_another = before not in ("", now)
    others = [one for one in ids_of(known) if one not in (now, before)]
    rest = {name: value for name, value in told.items() if name != EARLIER}
    kept, lost = _fitting([before, *others] if is_another else others, rest)
    details = [outcome.detail]
    if is_another:
        details.append(message("another record than before; that one, %(id)s, stays known", id=before))
    for one in lost:
        details.append(
            message("too many earlier records: %(id)s is not known any more, remove it there", id=one)
        )
    remote = {**rest, EARLIER: kept} if kept else rest
    return replace(outcome, remote=remote, detail=joined("; ", filter(None, details)))


def _fitting(ids: list[str], rest: Mapping[str, JSON]) -> tuple[list[str], list[str]]:
    """Those that are kept, and the oldest, for which there is no room."""
    kept = ids[:MOST]
    while kept and (len(json.dumps(kept)) > ROOM or len(json.dumps({**rest, EARLIER: kept})) > ROOM_OF_ALL):
        kept.pop()
    return kept, ids[len(kept) :]


def each(delivery: Delivery) -> list[Delivery]:
    """The same for each of the earlier records. Their keys are their own, else a server that knows the key
    would take the second call for a repeat of the first."""
    return [
        replace(delivery, remote={**delivery.remote, "id": one}, idempotency_key=_key(delivery, one))
        for one in ids_of(delivery.remote)
        if one != str(delivery.remote.get("id"))
    ]


def _key(delivery: Delivery, number: str) -> str:
    digest = hashlib.sha256(f"{delivery.idempotency_key}:{number}".encode()).digest()
    return urlsafe_b64encode(digest).decode().rstrip("=")
