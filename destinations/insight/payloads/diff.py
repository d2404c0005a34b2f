"""How a payload differs from what the destination last accepted of the same profile.

Of what was accepted a hash is kept, and the request itself only where TRACSYNC_ATTEMPT_BODIES says so.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from destinations.connectors.base import ConnectorError
from destinations.connectors.redaction import EXCERPT_LIMIT
from destinations.insight.preview import Preview
from destinations.models import DeliveryAttempt, Destination, ProfileSync
from destinations.sync.decide import Decider
from profiles.documents import InvalidDocument
from profiles.models import Profile
from tracsync.common.encryption import UndecryptableValue
from tracsync.common.times import told
from tracsync.common.translation import translated

MOST_LINES = 400
MOST_WIDTH = 2_000  # characters of a line
CONTEXT = 2  # unchanged lines around a change


@dataclass(frozen=True, slots=True)
class Line:
    """`sign`: "+" is new, "-" is gone, " " stays, "…" stands for lines that are left out."""

    sign: str
    text: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """`equal` is None where it cannot be told. `kept`: whether the accepted request can be compared.
    `accepted` is that request, perhaps cut."""

    equal: bool | None
    sentence: str
    kept: bool = False
    lines: tuple[Line, ...] = ()
    accepted: str = ""


def compared(destination: Destination, profile: Profile, shown: Preview) -> Comparison | None:
    """None where there is no payload to compare."""
    if destination.pk is None or shown.payload is None or shown.request is None:
        return None
    try:
        return _compare(destination, profile, shown.payload, shown.request)
    except (ConnectorError, UndecryptableValue):
        return None


def difference(before: Any, after: Any) -> Iterator[Line]:
    """Line by line, between two values or texts; None is nothing at all. Empty where they are equal."""
    return _differing(_pretty(before), _pretty(after))


def with_attempt(
    attempt: DeliveryAttempt, destination: Destination, profile: Profile, shown: Preview
) -> Comparison:
    """How what would be sent now differs from what was tried then."""
    tried = _kept_request(attempt)
    if _is_whole(tried) and shown.request is not None:
        lines = tuple(_diff(_lines_of_text(tried), _lines_of_request(shown.request)))
        sentence = _("Differs from what was tried.") if lines else _("The same as what was tried.")
        return Comparison(not lines, sentence, kept=True, lines=lines)
    if profile.version != attempt.version:
        versions = {"then": attempt.version, "now": profile.version}
        text = _("The request was not kept; the profile has changed since, from version %(then)s to %(now)s.")
        return Comparison(None, text % versions)
    if max(destination.updated_at, destination.resource.updated_at) >= attempt.at:
        return Comparison(None, _("The request was not kept; the destination was edited since."))
    return Comparison(True, _("The same: neither the profile nor the destination has changed since."))


def _compare(destination: Destination, profile: Profile, payload: Any, request: dict[str, Any]) -> Comparison:
    sync = ProfileSync.objects.filter(destination=destination.pk, profile=profile).first()
    if sync is None or sync.synced_at is None:
        return Comparison(None, _("It has not accepted this profile yet: everything would be new."))
    when, accepted = {"time": told(sync.synced_at)}, accepted_request(sync)
    if not sync.payload_hash:
        doubt = _("A later push, whose outcome is not known, put what it accepted at %(time)s in doubt.")
        return Comparison(None, doubt % when, accepted=accepted)
    try:
        equal = Decider(destination).hash(payload, profile.document) == sync.payload_hash
    except InvalidDocument as error:
        reason = {"reason": translated(str(error))}
        return Comparison(None, _("This payload cannot be sent: %(reason)s.") % reason, accepted=accepted)
    if equal:
        same = _("Equal to what it last accepted at %(time)s, so it would not be sent again.")
        return Comparison(True, same % when, accepted=accepted)
    return _with_lines(accepted, _("Differs from what it last accepted at %(time)s.") % when, request)


def _with_lines(accepted: str, sentence: str, request: dict[str, Any]) -> Comparison:
    if not _is_whole(accepted):
        only_hash = _("How it differs is not known: only a hash of it was kept.")
        return Comparison(False, f"{sentence} {only_hash}", accepted=accepted)
    lines = tuple(_diff(_lines_of_text(accepted), _lines_of_request(request)))
    if not lines:
        same = _("The request reads the same: the settings, the address or what is masked have changed.")
        sentence = f"{sentence} {same}"
    return Comparison(False, sentence, kept=True, lines=lines, accepted=accepted)


def accepted_request(sync: ProfileSync) -> str:
    """What the destination last accepted, as it was kept: perhaps cut, "" where it was not kept."""
    accepted = DeliveryAttempt.objects.filter(
        profile=sync.profile_id, destination=sync.destination_id, outcome=DeliveryAttempt.Outcome.ACCEPTED
    )
    attempt = accepted.defer("request", "response").order_by("-at").first()
    return _kept_request(attempt) if attempt else ""


def _kept_request(attempt: DeliveryAttempt) -> str:
    """ "" where it was not kept or cannot be read."""
    try:
        return str(attempt.request or "")
    except UndecryptableValue:
        return ""


def _is_whole(kept: str) -> bool:
    """What was cut cannot be compared."""
    return 0 < len(kept) < EXCERPT_LIMIT


def _lines_of_text(text: str) -> list[str]:
    """The first line (method and address) and the body of a request as it was kept."""
    head, _blank, body = text.partition("\n\n")
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
    yield from _differing(before, after)


def _differing(before: list[str], after: list[str]) -> Iterator[Line]:
    found = difflib.unified_diff(before[:MOST_LINES], after[:MOST_LINES], n=CONTEXT, lineterm="")
    for number, line in enumerate(found):
        if number >= MOST_LINES:
            yield Line("…", _("the rest is left out"))
            return
        if number > 2:  # after the two names and the place of the first difference
            text = line[1:] if len(line) <= MOST_WIDTH + 1 else f"{line[1 : MOST_WIDTH + 1]}…"
            yield Line("…", "") if line.startswith("@@") else Line(line[0], text)
