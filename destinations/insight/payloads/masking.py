"""What went over the wire, for those who may not see profiles: how it is built, and no value of it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from destinations.connectors.redaction import MASK
from profiles.personal import masked_keys


def masked(exchanged: str) -> str:
    """A kept request or response: its first line, the names of its headers and of its fields."""
    head, _blank, body = exchanged.partition("\n\n")
    first, *headers = head.split("\n")
    lines = [_first(first), *(f"{line.partition(':')[0]}: {MASK}" for line in headers if ":" in line)]
    return "\n".join(lines) + (f"\n\n{_body(body)}" if body else "")


def _first(line: str) -> str:
    """Of a request the method and the host, of a response the status; anything else may hold values."""
    word, _space, rest = line.partition(" ")
    if word == "HTTP":
        return f"{word} {rest[:3]}"
    try:
        url = urlsplit(rest)
    except ValueError:
        return MASK
    return f"{word} {url.scheme}://{url.hostname}/{MASK}" if word.isalpha() and url.hostname else MASK


def _body(text: str) -> str:
    try:
        return json.dumps(_without_values(json.loads(text)), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):  # no JSON, or cut where it became too long
        return MASK


def _without_values(value: Any) -> Any:
    if isinstance(value, dict):
        return masked_keys({key: _without_values(item) for key, item in value.items()})
    return [_without_values(item) for item in value] if isinstance(value, list) else MASK
