"""What a profile's document may be, when two are equal, and how one is merged into another."""

import hashlib
import json
import math
import re
import sys
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import orjson
from django.conf import settings

from tracsync.common.messages import message

JSON = Any
MAX_ID_LENGTH = 255
LONGEST = 8  # times the largest document: escapes and blanks make its text longer than what is stored
WRAPPED = 1_000  # bytes around a document, as in the body of a preview
SMALL = 300_000  # bytes: what is shorter, such as a mapping, is read whatever the largest document is


class InvalidDocument(ValueError):
    """The document cannot be stored; the message says why and never repeats its content."""


class EqualKeys(InvalidDocument):
    """An object has two equal keys; `line` and `column`, from 1, are those of the second."""

    def __init__(self, line: int, column: int) -> None:
        self.line, self.column = line, column
        place = {"line": line, "column": column}
        super().__init__(message("two equal keys, the second at line %(line)s, column %(column)s", **place))


_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|[{}\[\],]', re.DOTALL)
_KINDS = {
    dict: message("an object"),
    list: message("a list"),
    str: message("text"),
    bool: message("true or false"),
    type(None): message("null"),
    **dict.fromkeys((int, float), message("a number")),
}
_PYTHON_SAYS: dict[str, str] = {
    one: one
    for one in (
        message("Expecting value"),
        message("Expecting property name enclosed in double quotes"),
        message("Expecting ',' delimiter"),
        message("Expecting ':' delimiter"),
        message("Extra data"),
        message("Unterminated string starting"),
        message("Invalid control character"),
        message("Invalid \\escape"),
        message("Illegal trailing comma before end of object"),
        message("Illegal trailing comma before end of array"),
    )
}


def python_says(error: json.JSONDecodeError) -> str:
    """What is wrong with a text that is no JSON."""
    said = error.msg.removesuffix(" at")
    return _PYTHON_SAYS.get(said, said)


def longest_text() -> int:
    """How many bytes of text may make one document."""
    return LONGEST * settings.TRACSYNC_MAX_DOCUMENT_BYTES


def parse(text: bytes | str, *, unique_keys: bool = False, most: int | None = None) -> JSON:
    """Read JSON as RFC 8259 has it: UTF-8, no NaN or Infinity, no number beyond a double's range.

    Of two equal keys the last one counts, or with `unique_keys` they are refused (EqualKeys): what people
    write themselves should not lose half of it. What cannot become a document of the allowed size is not even
    read: it would take 25 times its size in memory; what is no document says itself how many bytes it has at
    `most`. Raises InvalidDocument, with the line and column of a syntax error.
    """
    limit = most or max(settings.TRACSYNC_MAX_DOCUMENT_BYTES, SMALL) + WRAPPED
    if len(text) > limit and (least := _least(text)) > limit:
        raise _too_large(least, most)
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        pairs = _unique if unique_keys else None
        return json.loads(text, parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=pairs)
    except _Repeated:
        raise _equal_keys(str(text)) from None
    except UnicodeDecodeError as error:
        raise InvalidDocument(
            message("not UTF-8: byte %(number)s cannot be read", number=error.start + 1)
        ) from None
    except json.JSONDecodeError as error:
        place = {"reason": python_says(error), "line": error.lineno, "column": error.colno}
        if "\n" in error.doc.strip():
            problem = message("not JSON: %(reason)s at line %(line)s, column %(column)s", **place)
        else:
            problem = message("not JSON: %(reason)s at column %(column)s", **place)
        raise InvalidDocument(problem) from None
    except RecursionError:
        raise InvalidDocument(message("nested too deeply")) from None
    except ValueError as error:  # a number of thousands of digits
        raise (
            error if isinstance(error, InvalidDocument) else InvalidDocument(message("a number is too long"))
        ) from None


class _Repeated(Exception):
    pass


def _unique(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise _Repeated
    return result


def _equal_keys(text: str) -> EqualKeys:
    """Where the first of them are: the decoder does not tell. The text is JSON up to there."""
    open_now: list[set[str] | None] = []  # the keys of each object around, None for a list
    is_key = False
    for match in _TOKEN.finditer(text):
        found = match[0]
        keys = open_now[-1] if open_now else None
        if found[0] == '"':
            key = json.loads(found, strict=False) if is_key else None
            if keys is not None and key in keys:
                break
            if keys is not None and key is not None:
                keys.add(key)
        elif found in "{[":
            open_now.append(set() if found == "{" else None)
        elif found in "}]":
            open_now.pop()
        is_key = found == "{" or (found == "," and keys is not None)
    at = match.start()
    return EqualKeys(text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))


def _no_constant(name: str) -> None:
    raise InvalidDocument(message("%(name)s is not a JSON value", name=name))


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise InvalidDocument(message("a number is too large"))
    return number


def _least(text: bytes | str) -> int:
    """How many bytes of it are stored at least: all but blanks and escapes."""
    if isinstance(text, str):
        text = text.encode("utf-8", "replace")
    blanks = sum(map(text.count, (b" ", b"\n", b"\r", b"\t")))
    return len(text) - blanks - 5 * text.count(b"\\u") - text.count(b"\\/")


def check_id(value: JSON) -> str:
    """A profile's id: text of 1 to 255 characters. Raises InvalidDocument."""
    if not isinstance(value, str):
        raise InvalidDocument(message("id must be text, not %(kind)s", kind=kind_of(value)))
    if not value:
        raise InvalidDocument(message("id must not be empty"))
    if len(value) > MAX_ID_LENGTH:
        raise InvalidDocument(
            message(
                "id has %(number)s characters, at most %(most)s are allowed",
                number=len(value),
                most=MAX_ID_LENGTH,
            )
        )
    if "\0" in value:
        raise InvalidDocument(message("id with a null byte cannot be stored"))
    _encode(value)
    return value


def with_id(document: JSON, id: str | None = None) -> dict[str, JSON]:
    """The document with its id inside: the given one, its own, or a generated one.

    Raises InvalidDocument when the two differ or the document is not an object.
    """
    if not isinstance(document, dict):
        raise InvalidDocument(
            message("a profile must be a JSON object, not %(kind)s", kind=kind_of(document))
        )
    if "id" not in document:
        return {"id": check_id(id) if id else str(uuid.uuid4()), **document}
    own = check_id(document["id"])
    if id and own != id:
        raise InvalidDocument(message("the id in the document is not the id it is stored under"))
    return document


def canonical(document: JSON) -> bytes:
    """The same bytes for equal documents: keys sorted, 1.0 written as 1, true never as 1.

    Raises InvalidDocument for whatever cannot be stored as JSON in every database.
    """
    return _sized(_canonical_text(document, _check(document)))


def digest(document: JSON) -> str:
    """What tells a changed document from an equal one. Raises InvalidDocument."""
    return hashlib.sha256(canonical(document)).hexdigest()


class Sealed(NamedTuple):
    """A document as it is stored, and its digest."""

    text: str
    digest: str


def seal(document: JSON) -> Sealed:
    """Make a document ready to be stored. Raises InvalidDocument.

    To write JSON is most of the work of a change, so it is done once: the canonical text is what is stored,
    unless that would make 1 of 1.0, which is equal but not the same.
    """
    floats = _check(document)
    text = _canonical_text(document, floats)
    digest = hashlib.sha256(_sized(text)).hexdigest()
    return Sealed(_STORED.encode(document) if floats.whole else text, digest)


def _sized(text: str) -> bytes:
    data, limit = _encode(text), settings.TRACSYNC_MAX_DOCUMENT_BYTES
    if len(data) > limit:
        raise _too_large(len(data))
    return data


def _too_large(size: int, most: int | None = None) -> InvalidDocument:
    allowed = f"{most or settings.TRACSYNC_MAX_DOCUMENT_BYTES:,}"
    text = message(
        "the document has %(number)s bytes, at most %(most)s are allowed", number=f"{size:,}", most=allowed
    )
    return InvalidDocument(text)


def _canonical_text(document: JSON, floats: "_Floats") -> str:
    if floats.whole:
        document = _integral(document)
    text = _CANONICAL.encode(document) if floats.small else _sorted_text(document)
    if r"\u0000" in text and any("\0" in part for part in _texts(document)):
        raise InvalidDocument(message("text with a null byte cannot be stored"))
    return text


def _sorted_text(document: JSON) -> str:
    """What `_CANONICAL` writes, ten times as quick; small floats, which orjson writes differently, aside."""
    try:
        return orjson.dumps(document, option=orjson.OPT_SORT_KEYS).decode()
    except orjson.JSONEncodeError:  # a number beyond 64 bits, half a surrogate pair, 254 levels
        return _CANONICAL.encode(document)


def merge_patch(target: JSON, patch: JSON) -> JSON:
    """RFC 7396: objects are merged, null removes the key, everything else replaces."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


def merge_set(target: JSON, changes: JSON) -> JSON:
    """As a bulk `set` does it: objects are merged, everything else replaces, null is a value."""
    if not isinstance(changes, dict):
        return changes
    known = target if isinstance(target, dict) else {}
    return {**known, **{key: merge_set(known.get(key), value) for key, value in changes.items()}}


def kind_of(value: JSON) -> str:
    """What a JSON value is called in messages."""
    return _KINDS.get(type(value)) or type(value).__name__


# What is written has passed `_check`: its depth is known, so nothing in it contains itself.
_STORED = json.JSONEncoder(check_circular=False, ensure_ascii=False, separators=(",", ":"))
_CANONICAL = json.JSONEncoder(sort_keys=True, check_circular=False, ensure_ascii=False, separators=(",", ":"))
_LARGEST = int(sys.float_info.max)
_EXACT = 2**53  # below it, every whole number is a float of its own
_SMALL = 1e-4  # below it, Python writes 1e-05 where others write 0.00001


class _Floats(NamedTuple):
    """Which kinds of floats a document has that need care."""

    whole: bool
    small: bool


_NO_FLOATS = _Floats(whole=False, small=False)


def _check(document: JSON) -> _Floats:
    """Refuse what is no JSON or nested too deeply; tell which floats have to be written with care.

    Every save comes through here: one flat loop, the most frequent kinds first.
    """
    floats: list[float] = []
    level = [document]
    for _ in range(settings.TRACSYNC_MAX_DOCUMENT_DEPTH):
        below: list[JSON] = []
        keys: list[str] = []
        for value in level:
            kind = type(value)
            if kind is str:
                continue
            if kind is dict:
                keys += value
                below += value.values()
            elif kind is list:
                below += value
            elif kind is float:
                floats.append(value)
            elif kind is int:
                if not -_LARGEST <= value <= _LARGEST:
                    raise InvalidDocument(message("a number is too large"))
            elif kind is not bool and value is not None:
                raise InvalidDocument(message("%(name)s is not a JSON value", name=kind.__name__))
        try:
            "".join(keys)  # the quickest way to ask whether every key is text
        except TypeError:
            raise InvalidDocument(message("the keys of an object must be text")) from None
        if not below:
            return _checked_floats(floats) if floats else _NO_FLOATS
        level = below
    levels = settings.TRACSYNC_MAX_DOCUMENT_DEPTH
    raise InvalidDocument(message("nested deeper than %(number)s levels", number=levels))


def _checked_floats(floats: list[float]) -> _Floats:
    if not all(map(math.isfinite, floats)):
        raise InvalidDocument(message("NaN and Infinity are not JSON values"))
    # Before they are written out: 1e308 is five characters and becomes 309.
    digits = sum(math.ceil(math.log10(abs(number))) for number in floats if abs(number) >= _EXACT)
    if digits > settings.TRACSYNC_MAX_DOCUMENT_BYTES:
        raise _too_large(digits)
    return _Floats(any(map(float.is_integer, floats)), any(0 < abs(number) < _SMALL for number in floats))


def _integral(value: JSON) -> JSON:
    """The same with whole floats as integers: 1e23 is 10 ** 23, as PostgreSQL reads it, not the sum of
    powers of two that is nearest to it."""
    if isinstance(value, dict):
        return {key: _integral(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_integral(item) for item in value]
    if not isinstance(value, float) or not value.is_integer():
        return value
    return int(value) if abs(value) < _EXACT else int(Decimal(repr(value)))


def _texts(value: JSON) -> Iterator[str]:
    """All text in a document, keys as well."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _encode(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidDocument(message("text with half a surrogate pair cannot be stored")) from None
