"""Keeping secrets and personal data out of everything that is stored, logged or shown."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from destinations.connectors import value_search
from destinations.connectors.base import JSON
from tracsync.common.messages import of_others, shortened

MASK = "********"
REASON_LIMIT = 500  # characters
EXCERPT_LIMIT = 8192  # characters of each side of an exchange
SCAN_LIMIT = 4 * EXCERPT_LIMIT  # characters that are masked before cutting; more would take long
PIECE = 64  # characters
MOST_IN_A_PATTERN = 100  # forms of secrets; of these a pattern is the quickest way
MOST_NAME = 1_000  # characters of a name that are looked at

_MASKS = re.compile(rf"(?:{re.escape(MASK)})+")
_SENSITIVE = re.compile(
    r"authorization|auth(?!or)|cookie|api-?_?key|token|secret|passw|credential|signature|private", re.I
)


class Redactor:
    """Masks the secrets of one destination in any text, and all values of the headers in `names`."""

    def __init__(self, secrets: Iterable[str] = (), names: Iterable[str] = ()) -> None:
        self._names = {name.lower() for name in names}
        self._secrets: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        """Learn one more secret, such as an access token just obtained."""
        forms = value_search.forms([secret])
        if not forms <= self._secrets:
            self._secrets |= forms
            self._pattern = _any_of(self._secrets) if len(self._secrets) <= MOST_IN_A_PATTERN else None

    def text(self, text: str) -> str:
        """The text with every secret masked, in clear, JSON-escaped, URL-encoded or base64 form."""
        if len(self._secrets) > MOST_IN_A_PATTERN:
            return _masked(text, value_search.spans(text, self._secrets))
        return self._pattern.sub(MASK, text) if self._pattern else text

    def excerpt(self, text: str) -> str:
        """For an Exchange: secrets masked, then cut, so that no secret is cut in half and kept."""
        return self.text(text[:SCAN_LIMIT])[:EXCERPT_LIMIT]

    def reason(self, text: str, payload: JSON = None) -> str:
        """For an outcome's reason: secrets and what the payload says masked, at most 500 characters.

        `text` is what a server said; servers echo what they were sent, in any letter case. It is marked
        as what others say: who may not see personal data is shown nothing of it.
        """
        # A long value in parts, because servers cut what they echo.
        pieces = {value[at : at + PIECE] for value in texts(payload) for at in range(0, len(value), PIECE)}
        text = text[:SCAN_LIMIT]
        folded = value_search.folded(text)
        echoed = value_search.spans(folded, value_search.forms(pieces, folded, any_case=True))
        masked = self.text(_masked(text, echoed))
        said = cut(" ".join(_MASKS.sub(MASK, masked).split()))
        return of_others(said) if said else ""

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Headers with the values of those that carry secrets masked."""
        return {name: self._header(name.lower(), value) for name, value in headers.items()}

    def _header(self, name: str, value: str) -> str:
        if name in self._names or is_sensitive_name(name):
            return MASK
        return self.text(mask_url(value) if name == "location" else value)


def is_sensitive_name(name: str) -> bool:
    """Whether values under this header or field name are secrets: Authorization, X-Api-Key, *token* ..."""
    return bool(_SENSITIVE.search(name, 0, MOST_NAME)) or len(name) > MOST_NAME


def cut(text: str) -> str:
    """A reason's longest form; it may be a message."""
    return shortened(text, REASON_LIMIT)


def mask_url(url: str) -> str:
    """The URL with its password and the values of its query masked; MASK if it is not a URL."""
    try:
        parts = urlsplit(url)
        userinfo, at, host = parts.netloc.rpartition("@")
    except ValueError:
        return MASK
    if at:
        userinfo = f"{userinfo.partition(':')[0]}:{MASK}" if ":" in userinfo else MASK
    query = [(name, MASK if value else "") for name, value in parse_qsl(parts.query, keep_blank_values=True)]
    masked = urlencode(query, safe="*")
    return urlunsplit(parts._replace(netloc=f"{userinfo}{at}{host}", query=masked))


def url_secrets(url: str) -> Iterator[str]:
    """The parts of a URL that `mask_url` hides."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return
    userinfo, at, _host = parts.netloc.rpartition("@")
    if at:
        yield userinfo.partition(":")[2] or userinfo
        yield unquote(userinfo.partition(":")[2] or userinfo)
    yield from (value for _name, value in parse_qsl(parts.query))


def texts(value: JSON) -> Iterator[str]:
    """Every text and number in a JSON value, as text; keys are not values."""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts(item)


def basic(username: str, password: str) -> str:
    """The credentials part of an `Authorization: Basic` header (RFC 7617, in UTF-8)."""
    return base64.b64encode(f"{username}:{password}".encode("utf-8", "replace")).decode()


def _masked(text: str, spans: Iterable[tuple[int, int]]) -> str:
    pieces, rest = [], 0
    for start, end in spans:
        pieces += [text[rest:start], MASK]
        rest = end
    return "".join([*pieces, text[rest:]])


def _any_of(forms: Iterable[str]) -> re.Pattern[str] | None:
    longest_first = sorted(forms, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
