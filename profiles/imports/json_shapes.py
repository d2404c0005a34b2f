"""JSON as other systems give it out: a record around each document, and an answer around the list of them."""

from __future__ import annotations

import re
from typing import Final

import orjson

from profiles.documents import JSON

# The keys under which APIs and dumps have the list of their records.
_NAMES = (
    "result results items item hits data records profiles profile contacts users customers members people "
    "rows docs documents value values entries list objects subscribers leads elements"
)
LISTS: Final = frozenset(_NAMES.split())
_OF_A_RECORD: Final = frozenset(("id", "set", "_source", "_id", "traits"))
_AROUND: Final = frozenset(("sort", "found", "fields", "highlight", "matched_queries"))
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[{}\[\]:,]', re.DOTALL)


def unwrapped(record: JSON) -> JSON:
    """The document of a record of Elasticsearch, with its id, and without what Tracardi notes for itself."""
    if not isinstance(record, dict) or not isinstance(source := record.get("_source"), dict):
        return record
    if not all(key.startswith("_") or key in _AROUND for key in record):
        return record
    id = {} if "id" in source or "_id" not in record else {"id": record["_id"]}
    return {**id, **{key: value for key, value in source.items() if key != "operation"}}


def array_within(head: bytes) -> int | None:
    """Where the list of records begins, in bytes, in an answer that is around it; None where it is none."""
    if not head.lstrip().startswith(b"{") or _is_of_lines(head):
        return None
    return _find(head)


def _is_of_lines(head: bytes) -> bool:
    first, _, rest = head.lstrip().partition(b"\n")
    if not rest.lstrip().startswith(b"{"):
        return False
    try:
        orjson.loads(first)
    except orjson.JSONDecodeError:
        return False
    return True


def _find(head: bytes) -> int | None:
    path: list[bytes] = []
    text, is_key = b"", True
    for token in _TOKEN.finditer(head):
        sign = token.group()
        if sign == b"{":
            path.append(b"")
            is_key = True
        elif sign == b"[":
            if _leads_to_records(path) and re.match(rb"\s*[{\]]", head[token.end() :]):
                return token.start()
            path.append(b"[")
        elif sign in b"}]":
            path = path[:-1]
            if not path:
                return None
        elif sign == b",":
            is_key = bool(path) and path[-1] != b"["
        elif sign == b":":
            path[-1], is_key = text, False
        elif is_key:
            text = sign[1:-1]
            if len(path) == 1 and text.decode(errors="replace") in _OF_A_RECORD:
                return None
    return None


def _leads_to_records(path: list[bytes]) -> bool:
    return 0 < len(path) < 4 and all(key.decode(errors="replace") in LISTS for key in path)
