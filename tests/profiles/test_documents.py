"""What a document may be and when two are equal."""

import json
import math
from collections import OrderedDict
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from profiles import documents
from profiles.documents import EqualKeys, InvalidDocument
from tests.cases import for_each
from tests.harness import processor_seconds

HALF = "\ud83d"  # half a surrogate pair


def nested(levels: int) -> dict:
    document: dict = {}
    for _ in range(levels - 1):
        document = {"a": document}
    return document


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"a": {"c": [{"x": 1, "y": 2}], "b": 0}}, {"a": {"b": 0, "c": [{"y": 2, "x": 1}]}}),
        ({"a": 1}, {"a": 1.0}),
        ({"a": [0, -0.0]}, {"a": [0.0, 0]}),
        ({"a": 10**23}, {"a": 1e23}),
        ({"a": 10**300}, {"a": 1e300}),
        ({"a": 2**53}, {"a": float(2**53)}),
        ({"a": 0.1}, {"a": 1e-1}),
    ],
)
def test_equal_documents(one, other):
    assert documents.digest(one) == documents.digest(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}, {"a": True}),
        ({"a": 0}, {"a": False}),
        ({"a": 1}, {"a": "1"}),
        ({"a": None}, {}),
        ({"a": []}, {"a": {}}),
        ({"a": [1, 2]}, {"a": [2, 1]}),
        ({"a": 2**53}, {"a": 2**53 + 1}),
        ({"a": "é"}, {"a": "e\u0301"}),
        ({"a": "\\u0000"}, {"a": "u0000"}),
    ],
)
def test_different_documents(one, other):
    assert documents.digest(one) != documents.digest(other)


def test_canonical_leaves_the_document_as_it_is():
    document = {"b": 1.0, "a": [2.0]}
    assert documents.canonical(document) == b'{"a":[2],"b":1}'
    assert json.dumps(document) == '{"b": 1.0, "a": [2.0]}'


@for_each(
    ("value", "reason"),
    [
        (math.nan, "NaN and Infinity are not JSON values"),
        (-math.inf, "NaN and Infinity are not JSON values"),
        (10**309, "a number is too large"),
        (-(10**4000), "a number is too large"),
        (HALF, "text with half a surrogate pair cannot be stored"),
        ({HALF: 1}, "text with half a surrogate pair cannot be stored"),
        ("a\0b", "text with a null byte cannot be stored"),
        ({"a\0b": 1}, "text with a null byte cannot be stored"),
        ([["\0"]], "text with a null byte cannot be stored"),
        ({1: 2}, "the keys of an object must be text"),
        ({None: 2}, "the keys of an object must be text"),
        ({True: 2, "a": 1}, "the keys of an object must be text"),
        ((1, 2), "tuple is not a JSON value"),
        (Decimal("1.5"), "Decimal is not a JSON value"),
        (datetime(2026, 1, 1, tzinfo=UTC), "datetime is not a JSON value"),
        (OrderedDict(a=1), "OrderedDict is not a JSON value"),
        (b"bytes", "bytes is not a JSON value"),
        ({1, 2}, "set is not a JSON value"),
    ],
)
def test_what_is_refused(value, reason):
    with pytest.raises(InvalidDocument) as refused:
        documents.canonical({"id": "secret", "a": value})
    assert str(refused.value) == reason


def test_a_backslash_before_u0000_is_only_text():
    assert documents.canonical({"a": r"\u0000"}) == rb'{"a":"\\u0000"}'


def test_depth_limit(settings):
    settings.TRACSYNC_MAX_DOCUMENT_DEPTH = 5
    documents.canonical(nested(5))
    with pytest.raises(InvalidDocument, match="nested deeper than 5 levels"):
        documents.canonical(nested(6))


def test_a_document_within_itself_is_refused():
    document: dict = {}
    document["self"] = document
    with pytest.raises(InvalidDocument, match="nested deeper than 64 levels"):
        documents.canonical(document)


def test_size_limit_counts_utf_8(settings):
    settings.TRACSYNC_MAX_DOCUMENT_BYTES = 20
    documents.canonical({"a": "é" * 6})
    with pytest.raises(InvalidDocument, match="has 22 bytes, at most 20 are allowed"):
        documents.canonical({"a": "é" * 7})


@for_each(
    ("text", "reason"),
    [
        (b'{"a": NaN}', "NaN is not a JSON value"),
        (b'{"a": -Infinity}', "-Infinity is not a JSON value"),
        (b'{"a": 1e400}', "a number is too large"),
        (b"[" + b"1" * 5000 + b"]", "a number is too long"),
        (b'{"a": "\xff"}', "not UTF-8: byte 8 cannot be read"),
        (b'{"a": "\xed\xa0\x80"}', "not UTF-8: byte 8 cannot be read"),
        (b'{"a": 1,}', "not JSON: Expecting property name enclosed in double quotes at column 9"),
        (b'{"a": 1,\n}', "not JSON: Expecting property name enclosed in double quotes at line 2, column 1"),
        (b'{"a": "\x00"}', "not JSON: Invalid control character at column 8"),
        (b"", "not JSON: Expecting value at column 1"),
        (b"{} {}", "not JSON: Extra data at column 4"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "nested too deeply"),
    ],
)
def test_text_that_is_refused(text, reason):
    with pytest.raises(InvalidDocument) as refused:
        documents.parse(text)
    assert str(refused.value) == reason


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ('{"a": 1, "a": 2}', 1, 10),
        ('{"a": 1,\n  "b": {"a": 2, "c": [{"a": 1}, {"\\u0061": 1,\n "a": 2}]}}', 3, 2),
        ('{"\\"}": 1, "b": "a", "c": ["a", "b"], "\\u0022}": 3}', 1, 39),
        ('{"a": {"b": 1, "b": 2}, "c": 1, "c": 2}', 1, 16),
        ('[{"": 1}, {"": 1, "": 2}', 1, 19),
    ],
)
def test_equal_keys_are_refused_where_people_write(text, line, column):
    with pytest.raises(EqualKeys) as refused:
        documents.parse(text, unique_keys=True)
    assert (refused.value.line, refused.value.column) == (line, column)
    assert str(refused.value) == f"two equal keys, the second at line {line}, column {column}"


def test_of_equal_keys_the_last_counts_elsewhere():
    assert documents.parse('{"a": 1, "a": 2}') == {"a": 2}
    different = '{"a": {"a": 1, "b": ["a", {"a": 1}]}, "A": {"a": 1}, "b": "a"}'
    assert documents.parse(different, unique_keys=True) == documents.parse(different)


def test_a_byte_order_mark_is_no_mistake():
    assert documents.parse(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


@pytest.mark.parametrize("id", ["a", " ", "ä/%?#", "😀" * 255, "chinook-1"])
def test_ids(id):
    assert documents.check_id(id) == id
    assert documents.with_id({"a": 1}, id) == {"id": id, "a": 1}
    assert documents.with_id({"id": id}) == {"id": id}


@pytest.mark.parametrize(
    ("id", "reason"),
    [
        ("", "id must not be empty"),
        ("x" * 256, "id has 256 characters, at most 255 are allowed"),
        (1, "id must be text, not a number"),
        (True, "id must be text, not true or false"),
        (None, "id must be text, not null"),
        (["a"], "id must be text, not a list"),
        (HALF, "text with half a surrogate pair cannot be stored"),
        ("a\0", "id with a null byte cannot be stored"),
    ],
)
def test_what_is_no_id(id, reason):
    with pytest.raises(InvalidDocument) as refused:
        documents.with_id({"id": id})
    assert str(refused.value) == reason


def test_an_id_is_generated():
    one, other = documents.with_id({"a": 1}), documents.with_id({"a": 1})
    assert len(one["id"]) == 36
    assert one["id"] != other["id"]


def test_the_id_inside_must_be_the_id_outside():
    with pytest.raises(InvalidDocument, match="the id in the document is not the id it is stored under"):
        documents.with_id({"id": "a"}, "b")


@pytest.mark.parametrize("value", [[], "text", 1, 1.5, None, True])
def test_a_profile_is_an_object(value):
    with pytest.raises(InvalidDocument, match="a profile must be a JSON object, not "):
        documents.with_id(value)


# RFC 7396, appendix A.
@for_each(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch(target, patch, result):
    assert documents.merge_patch(target, patch) == result


@pytest.mark.parametrize(
    ("target", "changes", "result"),
    [
        ({"a": 1}, {"a": None}, {"a": None}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": None, "d": 3}}, {"a": {"b": None, "c": 2, "d": 3}}),
        ({"a": 1}, {"a": {"b": None}}, {"a": {"b": None}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        (None, {"a": 1}, {"a": 1}),
    ],
)
def test_merge_set(target, changes, result):
    assert documents.merge_set(target, changes) == result


@pytest.mark.parametrize("merge", [documents.merge_patch, documents.merge_set])
def test_merging_changes_neither_side(merge):
    target, change = {"a": {"b": 1}}, {"a": {"c": 2}}
    merge(target, change)["a"]["d"] = 3
    assert (target, change) == ({"a": {"b": 1}}, {"a": {"c": 2}})


text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
floats = st.floats(allow_nan=False, allow_infinity=False)


def json_of(numbers):
    return st.recursive(
        st.none() | st.booleans() | numbers | text,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
        max_leaves=12,
    )


json_values = json_of(st.integers() | floats)


@given(json_values)
def test_what_json_keeps_is_equal(value):
    digest = documents.digest({"a": value})
    assert documents.digest(json.loads(json.dumps({"a": value}))) == digest
    assert documents.digest(json.loads(documents.canonical({"a": value}))) == digest


@given(json_values)
def test_what_is_stored_is_the_same_document(value):
    sealed = documents.seal({"a": value})
    assert repr(by_key(json.loads(sealed.text))) == repr(by_key({"a": value}))  # 1.0 is not 1 here
    assert sealed.digest == documents.digest({"a": value})


small = st.floats(-2e-4, 2e-4).filter(bool)
in_parts = floats.filter(lambda number: not number.is_integer())


@given(json_of(st.integers() | in_parts | small))
@example([1e-4, 9.9e-5, 0.00001234, -1.5e-7, 5e-324, 2**64, -(2**63) - 1, 1e15 + 0.5])
def test_canonical_is_what_the_standard_library_writes(value):
    plain = json.dumps({"b": value, "a": value}, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert documents.canonical({"b": value, "a": value}).decode() == plain


def by_key(value):
    if isinstance(value, dict):
        return {key: by_key(value[key]) for key in sorted(value)}
    return [by_key(item) for item in value] if isinstance(value, list) else value


def test_large_floats_are_counted_before_they_are_written_out(monkeypatch):
    """A megabyte of 1e308 would be 50 of them."""
    few, many = [1e308] * 3_000, [1e308] * 160_000
    assert len(documents.canonical({"a": few})) == len('{"a":[]}') + 3_000 * 310 - 1
    monkeypatch.setattr(documents, "_integral", lambda value: pytest.fail("it was written out"))
    with pytest.raises(InvalidDocument, match=r"has 49,280,000 bytes, at most 1,000,000"):
        documents.seal({"a": many})


HOSTILE = {
    "large floats": "[" + "1e308," * 160_000 + "1]",
    "small floats": "[" + "5e-320," * 130_000 + "1]",
    "whole floats": "[" + "1.0," * 240_000 + "1]",
    "long numbers": "[" + ("9" * 308 + ",") * 3_200 + "1]",
    "longer numbers": "[" + ("9" * 4_299 + ",") * 230 + "1]",
    "one number": "9" * 990_000,
    "one fraction": "0." + "9" * 990_000,
    "one exponent": "1e-" + "9" * 990_000,
    "brackets": "[" * 990_000,
    "deep lists": "[" + ("[" * 60 + "]" * 60 + ",") * 5_000 + "1]",
    "blanks": "[" + " " * 7_900_000 + "1]",
    "escapes": '["' + "\\ud83d\\ude00" * 240_000 + '"]',
    "keys": "{" + ",".join(f'"{n}":{{}}' for n in range(80_000)) + "}",
    "one key again and again": "{" + '"a":1,' * 160_000 + '"a":1}',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_text_takes_long_to_read_and_seal(name):
    def read():
        with suppress(InvalidDocument):
            documents.seal({"a": documents.parse(HOSTILE[name])})

    def read_what_people_write():
        with suppress(InvalidDocument):
            documents.parse(HOSTILE[name], unique_keys=True)

    assert processor_seconds(read, enough=1) <= 1
    assert processor_seconds(read_what_people_write, enough=1) <= 1
