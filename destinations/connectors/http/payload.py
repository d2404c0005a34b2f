"""A payload as the body or the query of an HTTP request."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from urllib.parse import urlencode

from destinations.connectors.base import JSON
from tracsync.common.messages import message

JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"
ENCODINGS = {
    "json": JSON_TYPE,
    "form": FORM_TYPE,
    "form_json": FORM_TYPE,
    "ndjson": "application/x-ndjson",
    "text": "text/plain; charset=utf-8",
}


class UnwritableError(ValueError):
    """A payload that cannot be sent in the wanted form; the message never quotes it."""


def serialise(payload: JSON, content_type: str = "", *, numbers: bool = False) -> tuple[bytes, str]:
    """The body's bytes (UTF-8) and the Content-Type to send with them.

    JSON types (also `application/…+json`) and no type give JSON; a form is the flattened payload;
    any other type sends a text as it is and anything else as JSON text. Raises UnwritableError.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == FORM_TYPE:
        return urlencode(flatten(payload, numbers=numbers)).encode(), content_type
    is_json = kind in ("", JSON_TYPE) or kind.endswith("+json")
    if isinstance(payload, str) and not is_json:
        return _encoded(payload), content_type
    return json_bytes(payload), content_type or JSON_TYPE


def encoded(
    content: JSON, encoding: str, content_type: str = "", *, numbers: bool = False
) -> tuple[bytes, str]:
    """The body's bytes (UTF-8) and the Content-Type to send with them.

    `encoding` is one of ENCODINGS; without one the type decides, as in `serialise`. NDJSON is a line for each
    item of a list; a text that is none is JSON text. Raises UnwritableError.
    """
    if not encoding:
        return serialise(content, content_type, numbers=numbers)
    content_type = content_type or ENCODINGS[encoding]
    if encoding == "form":
        return urlencode(flatten(content, numbers=numbers)).encode(), content_type
    if encoding == "form_json":
        return urlencode(flatten(_with_json(content), numbers=numbers)).encode(), content_type
    if encoding == "ndjson":
        lines = content if isinstance(content, list) else [content]
        return b"".join(json_bytes(line) + b"\n" for line in lines), content_type
    if encoding == "text" and isinstance(content, str):
        return _encoded(content), content_type
    return json_bytes(content), content_type


def _with_json(content: JSON) -> JSON:
    """The fields of a form, with lists and objects as JSON texts."""
    if not isinstance(content, Mapping):
        return content
    return {
        name: json_bytes(value).decode() if isinstance(value, Mapping | list) else value
        for name, value in content.items()
    }


def json_bytes(payload: JSON) -> bytes:
    """Compact JSON in UTF-8. Raises UnwritableError for what JSON cannot hold (NaN, lone surrogates)."""
    try:
        return _encoded(json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False))
    except (ValueError, TypeError, RecursionError):
        raise UnwritableError(message("the payload cannot be written as JSON")) from None


def flatten(payload: JSON, *, numbers: bool = False) -> list[tuple[str, str]]:
    """Pairs for a query or form: nested keys dotted, lists repeated, nulls left out.

    Booleans are true and false, or with `numbers` 1 and 0. Raises UnwritableError.
    """
    if not isinstance(payload, Mapping):
        raise UnwritableError(message("the payload must be an object to be sent as parameters"))
    return [(name, _encoded(as_text(value, numbers)).decode()) for name, value in _pairs("", payload)]


def as_text(value: JSON, numbers: bool = False) -> str:
    """A single value in a query, form or path."""
    if isinstance(value, bool) and numbers:
        return "1" if value else "0"
    return value if isinstance(value, str) else json.dumps(value)


def _pairs(name: str, value: JSON) -> Iterator[tuple[str, JSON]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _pairs(f"{name}.{key}" if name else str(key), inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _pairs(name, inner)
    elif value is not None:
        yield name, value


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise UnwritableError(
            message("the payload holds characters that cannot be written in UTF-8")
        ) from None
