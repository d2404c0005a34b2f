"""Files of every shape are read alike, and what is wrong is said with its place and without its content."""

from __future__ import annotations

import gzip
import json

import pytest

from destinations.tracardi import shapes
from destinations.tracardi.shapes import Other, Unreadable
from profiles.imports.files import UnusableFile
from tests.tracardi.conftest import destination, resource

PROFILE = {"id": "p-1", "traits": {"vip": True}}
RECORDS = [resource(), destination(), PROFILE]
HIT = {"_index": "0820.abc.tracardi-profile-2023-1", "_id": "p-1", "_score": 1.0}


def kinds(name):
    return [getattr(found, "kind", str(found)) for found in shapes.records(name)]


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(RECORDS),
        json.dumps(RECORDS, indent=2),
        "\n".join(map(json.dumps, RECORDS)) + "\n\n",
        "\r\n".join(map(json.dumps, RECORDS)),
        "\n".join(json.dumps(one, indent=1) for one in RECORDS),
        "\ufeff" + json.dumps({"total": 3, "result": RECORDS}),
        json.dumps({"total": 3, "grouped": {"A": RECORDS[:1], "B/C": RECORDS[1:]}}, indent=2),
        json.dumps([{"result": RECORDS[:2]}, {"result": RECORDS[2:]}]),
        json.dumps({one["id"]: one for one in RECORDS}),
        json.dumps(
            {"took": 1, "hits": {"total": 3, "hits": [{"_id": one["id"], "_source": one} for one in RECORDS]}}
        ),
        json.dumps(RECORDS[:2]) + "\n" + json.dumps({"result": RECORDS[2:], "total": 1}),
    ],
)
def test_one_is_as_good_as_the_other(write, content):
    assert kinds(write(content)) == ["resource", "destination", "profile"]


def test_a_single_record_and_what_is_packed(write):
    assert kinds(write(resource(), "one.json")) == ["resource"]
    assert kinds(write(gzip.compress(json.dumps(RECORDS).encode()), "all.json.gz")) == [
        "resource",
        "destination",
        "profile",
    ]


@pytest.mark.parametrize(
    "content",
    ["", "\n \n", "[]", '{"total": 0, "result": []}', '{"total": 0, "grouped": {}}', '{"result": {}}'],
)
def test_nothing_is_nothing(write, content):
    assert kinds(write(content)) == []


@pytest.mark.parametrize(
    ("record", "kind"),
    [
        ({**HIT, "_source": {"stats": {"visits": 1}}}, "profile"),
        ({**HIT, "_index": "prod-profile", "_source": {"a": 1}}, "profile"),
        ({"_index": "tracardi-destination", "_id": "d", "_source": {"name": "x"}}, "destination"),
        ({"_index": "tracardi-resource", "_id": "r", "_source": {"type": "api"}}, "resource"),
        ({"_index": "tracardi-event-2023-1", "_id": "e", "_source": {"id": "e"}}, "event"),
        ({"_index": "tracardi-event-source", "_id": "e", "_source": {"id": "e"}}, "event-source"),
        ({"_index": "tracardi-profile-cache", "_id": "e", "_source": {"id": "e"}}, "profile-cache"),
        ({"id": "e", "type": "visit", "session": {"id": "s"}, "properties": {}}, "event"),
        ({"id": "p"}, "profile"),
        ({"id": "p", "ids": ["p"], "metadata": {}}, "profile"),
        ({"id": "d", "resource_id": "r", "mapping": "e30="}, "destination"),
    ],
)
def test_what_a_record_is(write, record, kind):
    [found] = shapes.records(write(record))
    assert found.kind == kind
    assert isinstance(found, Other) == (kind not in shapes.OURS)


def test_an_id_of_the_database_counts_where_there_is_no_other(write):
    [found] = shapes.records(write({**HIT, "_source": {"traits": {}}}))
    assert found.id == "p-1"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (['{"id": "p", "traits": {}}', '{"id": s3cret}'], "line 2: not JSON: Expecting value at column 8"),
        (['{"id": "p"}', '{"id": "q"} s3cret'], "line 2: not JSON: something follows at column 12"),
        ('{\n "id": "p",\n "traits": {s3cret}\n}', "file.json: not JSON: Expecting property name"),
        ('{"id": "p"\n}\n{"id": s3cret\n}', "line 3: not JSON: Expecting value at line 3, column 8"),
        (b'{"id": "p", "traits": {"a": "\xff"}}', "file.json: not UTF-8: byte 30 cannot be read"),
        (["[" * 100_000], "file.json: nested too deeply"),
        (['{"id": "p", "traits": {"a": NaN}}'], "line 1: NaN is not a JSON value"),
        (['{"id": "p", "traits": {"a": 1e999}}'], "line 1: a number is too large"),
        ('"s3cret"', "line 1: a record must be an object, not text"),
        ([json.dumps([PROFILE, "s3cret"])], "line 1, /1: a record must be an object, not text"),
        (
            {"flowGraph": {"s3cret": 1}, "name": "s3cret"},
            "line 1: this is no resource, destination or profile",
        ),
        ([json.dumps({"grouped": {"A": [{"s3cret": 1}]}})], "line 1, /grouped/A/0: this is no resource"),
        ({"traits": {"a": "s3cret"}}, "line 1: the profile has no id"),
        ({"id": 7, "credentials": {}}, "line 1: the resource has no id"),
        ([[[[[PROFILE]]]]], "a record must be an object, not a list"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(write, content, said):
    *_others, found = shapes.records(write(content))
    assert isinstance(found, Unreadable)
    assert said in str(found)
    assert "s3cret" not in str(found)


def test_a_broken_line_does_not_hide_the_next(write):
    name = write(['{"id": "p"}', "{", '{"id": "q"}', "}"])
    assert [isinstance(found, Unreadable) for found in shapes.records(name)] == [False, True, False, True]


def test_a_line_that_is_too_long_for_memory(write, settings):
    settings.TRACSYNC_MAX_DOCUMENT_BYTES = 100
    found = [*shapes.records(write(['{"id": "p"}', json.dumps({"id": "x" * 1000}), '{"id": "q"}']))]
    assert [str(one).rpartition(": ")[2] for one in found if isinstance(one, Unreadable)] == [
        "the line is too long"
    ]
    assert len(found) == 3


def test_a_document_that_is_too_long_for_memory(write, monkeypatch):
    monkeypatch.setattr(shapes, "MOST_BYTES", 1000)
    with pytest.raises(UnusableFile, match="not one record a line"):
        [*shapes.records(write(json.dumps([PROFILE] * 100, indent=2)))]


def test_a_file_that_is_not_there_or_broken(write, tmp_path):
    with pytest.raises(UnusableFile, match="cannot be opened"):
        [*shapes.records(str(tmp_path / "none.json"))]
    half = gzip.compress(json.dumps(RECORDS).encode())[:100]
    with pytest.raises(UnusableFile, match="cannot be read any further"):
        [*shapes.records(write(half, "half.json.gz"))]
