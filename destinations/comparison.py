"""How a payload differs from what the destination last accepted of the same profile.

Of what was accepted a hash is kept, and the request itself only where TRACSYNC_ATTEMPT_BODIES says so.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from destinations.connectors.base import ConnectorError
from destinations.encryption import UndecryptableValue
from destinations.models import DeliveryAttempt, Destination, ProfileSync
from destinations.preview import Preview
from destinations.sync.decide import Decider
from destinations.sync.explain import at
from profiles.documents import InvalidDocument
from profiles.models import Profile

MOST_LINES = 400
CONTEXT = 2  # unchanged lines around a change


@dataclass(frozen=True, slots=True)
class Line:
    """`sign`: "+" is new, "-" is gone, " " stays, "…" stands for lines that are left out."""

    sign: str
    text: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """`equal` is None where it cannot be told. `kept`: whether the accepted request was kept."""

    equal: bool | None
    sentence: str
    kept: bool = False
    lines: tuple[Line, ...] = ()


def compared(destination: Destination, profile: Profile, shown: Preview) -> Comparison | None:
    """None where there is no payload to compare."""
    if destination.pk is None or shown.payload is None or shown.request is None:
        return None
    try:
        return _compare(destination, profile, shown.payload, shown.request)
    except (ConnectorError, UndecryptableValue):
        return None


def difference(before: Any, after: Any) -> tuple[Line, ...]:
    """Between two JSON values, one value to a line."""
    return tuple(_diff(["", *_pretty(before)], ["", *_pretty(after)]))


def _compare(destination: Destination, profile: Profile, payload: Any, request: dict[str, Any]) -> Comparison:
    sync = ProfileSync.objects.filter(destination=destination.pk, profile=profile).first()
    if sync is None or sync.synced_at is None:
        return Comparison(None, "It has not accepted this profile yet: everything would be new.")
    when = f"at {at(sync.synced_at)}"
    if not sync.payload_hash:
        return Comparison(
            None, f"A later push, whose outcome is not known, put what it accepted {when} in doubt."
        )
    try:
        equal = Decider(destination).hash(payload) == sync.payload_hash
    except InvalidDocument as error:
        return Comparison(None, f"This payload cannot be sent: {error}.")
    if equal:
        return Comparison(True, f"Equal to what it last accepted ({when}), so it would not be sent again.")
    return _with_lines(sync, f"Differs from what it last accepted ({when}).", request)


def _with_lines(sync: ProfileSync, sentence: str, request: dict[str, Any]) -> Comparison:
    accepted = _accepted_request(sync)
    if not accepted:
        return Comparison(False, f"{sentence} How it differs is not known: only a hash of it was kept.")
    before, after = _lines_of_text(accepted), _lines_of_request(request)
    lines = tuple(_diff(before, after))
    if not lines:
        sentence += " The request reads the same: the settings, the address or what is masked have changed."
    return Comparison(False, sentence, kept=True, lines=lines)


def _accepted_request(sync: ProfileSync) -> str:
    accepted = DeliveryAttempt.objects.filter(
        profile=sync.profile_id, destination=sync.destination_id, outcome=DeliveryAttempt.Outcome.ACCEPTED
    )
    try:
        attempt = accepted.order_by("-pk").first()
    except UndecryptableValue:
        return ""
    return str(attempt.request or "") if attempt else ""


def _lines_of_text(text: str) -> list[str]:
    """The first line (method and address) and the body of a request as it was kept."""
    head, _, body = text.partition("\n\n")
    return [head.partition("\n")[0], *_pretty(body)]


def _lines_of_request(request: dict[str, Any]) -> list[str]:
    first = " ".join(str(request[name]) for name in ("method", "url") if request.get(name))
    return [first, *_pretty(request.get("body"))]


def _pretty(body: Any) -> list[str]:
    """JSON with one value to a line, so that lines can be compared; other text as it is."""
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except ValueError:
            return str(body).splitlines()
    if body is None:
        return []
    return json.dumps(body, indent=2, ensure_ascii=False, sort_keys=True).splitlines()


def _diff(before: list[str], after: list[str]) -> Iterator[Line]:
    """Where the first lines are of different kinds (a broker's has no method) they are left out."""
    if not after[0]:
        before, after = before[1:], after[1:]
    found = difflib.unified_diff(before[:MOST_LINES], after[:MOST_LINES], n=CONTEXT, lineterm="")
    for number, line in enumerate(found):
        if number >= MOST_LINES:
            yield Line("…", "the rest is left out")
            return
        if number > 2:  # after the two names and the place of the first difference
            yield Line("…", "") if line.startswith("@@") else Line(line[0], line[1:])
