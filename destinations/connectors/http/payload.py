"""A payload as the body or the query of an HTTP request."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from urllib.parse import urlencode

from destinations.connectors.base import JSON
from tracsync.common.messages import message

JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"


class UnwritableError(ValueError):
    """A payload that cannot be sent in the wanted form; the message never quotes it."""


def serialise(payload: JSON, content_type: str = "") -> tuple[bytes, str]:
    """The body's bytes (UTF-8) and the Content-Type to send with them.

    JSON types (also `application/…+json`) and no type give JSON; a form is the flattened payload;
    any other type sends a text as it is and anything else as JSON text. Raises UnwritableError.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == FORM_TYPE:
        return urlencode(flatten(payload)).encode(), content_type
    is_json = kind in ("", JSON_TYPE) or kind.endswith("+json")
    if isinstance(payload, str) and not is_json:
        return _encoded(payload), content_type
    return json_bytes(payload), content_type or JSON_TYPE


def json_bytes(payload: JSON) -> bytes:
    """Compact JSON in UTF-8. Raises UnwritableError for what JSON cannot hold (NaN, lone surrogates)."""
    try:
        return _encoded(json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False))
    except (ValueError, TypeError, RecursionError):
        raise UnwritableError(message("the payload cannot be written as JSON")) from None


def flatten(payload: JSON) -> list[tuple[str, str]]:
    """Pairs for a query or form: nested keys dotted, lists repeated, nulls left out, true and false.

    Raises UnwritableError.
    """
    if not isinstance(payload, Mapping):
        raise UnwritableError(message("the payload must be an object to be sent as parameters"))
    return [(name, _encoded(value).decode()) for name, value in _pairs("", payload)]


def _pairs(name: str, value: JSON) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _pairs(f"{name}.{key}" if name else str(key), inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _pairs(name, inner)
    elif value is not None:
        yield name, value if isinstance(value, str) else json.dumps(value)


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise UnwritableError(
            message("the payload holds characters that cannot be written in UTF-8")
        ) from None
