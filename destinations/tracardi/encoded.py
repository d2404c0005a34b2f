"""Fields of raw records: base64 of gzipped JSON, of plain JSON in older versions, or JSON as a text."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from typing import Any, Final

JSON = Any
MOST_BYTES: Final = 4_000_000  # of one field: what is packed may be a thousand times as long

_GZIP = b"\x1f\x8b"


class UnreadableField(ValueError):
    """A field that holds something else; the message names it and repeats nothing of what it holds."""


def read(fields: Mapping[str, JSON], name: str) -> JSON:
    """What a field holds; {} where it is blank or not there. Raises UnreadableField."""
    value = fields.get(name)
    if value is None or value == "":
        return {}
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value if value.lstrip()[:1] in ("{", "[") else _unpacked(value))
    except (ValueError, RecursionError):
        reason = "neither JSON nor base64 of it; what is encrypted comes in clear from Tracardi's API"
        raise UnreadableField(f"{name} cannot be read: it is {reason}") from None


def mapping(fields: Mapping[str, JSON], name: str) -> dict[str, JSON]:
    """As `read`, for what must be an object."""
    found = read(fields, name)
    if not isinstance(found, Mapping):
        raise UnreadableField(f"{name} cannot be read: it is no object")
    return dict(found)


def _unpacked(text: str) -> bytes:
    """Raises ValueError."""
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
        if not data.startswith(_GZIP):
            return data
        unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
        data = unpacker.decompress(data, MOST_BYTES)
    except (binascii.Error, zlib.error) as error:
        raise ValueError from error
    if not unpacker.eof:
        raise ValueError
    return data
