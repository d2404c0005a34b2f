"""Writing many profiles: the same marks as a save, statements per batch, and refusals that stand alone."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from profiles import changes, documents
from profiles.changes import Change, change_from, profiles_changed, write, write_one
from profiles.documents import InvalidDocument
from profiles.models import Profile

pytestmark = pytest.mark.django_db
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def put(id, **data):
    return Change(id, "put", {"id": id, **data})


def stored(id="a"):
    return Profile.objects.get(pk=id).document


@pytest.fixture
def announced():
    batches = []

    def receive(ids, **_):
        batches.append(ids)

    profiles_changed.connect(receive)
    yield batches
    profiles_changed.disconnect(receive)


def test_changes_apply_in_order(announced):
    answers = write(
        [
            put("b", n=1),
            put("a", n=1, t={"x": 1}),
            Change("a", "patch", {"n": None, "t": {"y": 2}}),
            Change("a", "set", {"t": {"x": None}}),
            put("a", t={"y": 2.0, "x": None}),
            put("b", n=1.0),
        ]
    )
    assert stored() == {"id": "a", "t": {"x": None, "y": 2}}
    assert [(answer.created, answer.changed, answer.version) for answer in answers] == [
        (True, True, 1),
        (True, True, 1),
        (False, True, 2),
        (False, True, 3),
        (False, False, 3),
        (False, False, 1),
    ]
    assert Profile.objects.get(pk="a").version == 3
    assert announced == [["a", "b"]]


def test_merging_into_nothing_creates():
    write([Change("a", "patch", {"n": 1, "gone": None}), Change("b", "set", {"n": None})])
    assert stored() == {"id": "a", "n": 1}
    assert stored("b") == {"n": None, "id": "b"}


def test_the_marks():
    with time_machine.travel(START, tick=False) as clock:
        write([put("a", n=1), put("b")])
        clock.shift(5)
        write([put("a", n=2), put("b")])
        changed, unchanged = Profile.objects.order_by("pk")
        later = START + timedelta(seconds=5)
        assert (changed.created_at, changed.changed_at, changed.first_changed_at) == (START, later, START)
        assert (unchanged.version, unchanged.changed_at) == (1, START)
        Profile.objects.update_marks(first_changed_at=None)
        clock.shift(5)
        write([put("a", n=3), put("b")])
    changed, unchanged = Profile.objects.order_by("pk")
    assert changed.first_changed_at == changed.changed_at == START + timedelta(seconds=10)
    assert unchanged.is_settled


def test_a_save_and_a_batch_agree():
    """Neither takes the other's document for a change."""
    document = {"id": "a", "n": [1e23, 1.0], "t": "é"}
    Profile.objects.create(document=document)
    assert not write_one(Change("a", "put", document)).changed
    assert not write_one(Change("a", "set", {"t": "é"})).changed
    Profile.objects.get().save()
    assert Profile.objects.get().version == 1


def test_what_is_unchanged_is_not_written(announced):
    write([put("a")])
    with CaptureQueriesContext(connection) as queries:
        write([put("a")])
    assert [query["sql"].split()[0] for query in queries if "SAVEPOINT" not in query["sql"]] == ["SELECT"]
    assert announced == [["a"]]


def test_a_refused_change_stands_alone():
    answers = write([put("a"), put("b", n=float("nan")), put("c"), Change("a", "set", {"id": "z"})])
    assert [answer.error for answer in answers] == [
        "",
        "NaN and Infinity are not JSON values",
        "",
        "the id in the document is not the id it is stored under",
    ]
    assert set(Profile.objects.values_list("pk", flat=True)) == {"a", "c"}


def test_nothing_after_the_first_error(monkeypatch):
    monkeypatch.setattr(changes, "BATCH_SIZE", 2)
    wanted = [put("a"), put("b"), put("c"), put("d", n=(1,)), put("e"), put("f")]
    answers = write(wanted, stop_at_error=True)
    assert [answer.error for answer in answers] == ["", "", "", "tuple is not a JSON value"]
    assert set(Profile.objects.values_list("pk", flat=True)) == {"a", "b", "c"}


def test_a_merge_deeper_than_the_stack():
    deep: dict = {}
    for _ in range(100_000):
        deep = {"a": deep}
    [answer] = write([Change("a", "set", deep)])
    assert answer.error == "nested too deeply"
    while deep:  # or else freeing it is as deep
        deep = deep["a"]


def test_one_refused_change_raises():
    with pytest.raises(InvalidDocument, match="a profile must be a JSON object, not a list"):
        write_one(Change("a", "put", []))


@pytest.mark.parametrize("id", ["", "x" * 256, "a\0", "\ud800", 5, None])
def test_a_change_needs_an_id(id):
    with pytest.raises(InvalidDocument):
        Change(id, "put", {})


@pytest.mark.parametrize(
    ("record", "kind"),
    [
        ({"id": "a", "n": 1}, "put"),
        ({"id": "a", "set": {}}, "set"),
        ({"id": "a", "at": "2026-01-01", "set": {"n": None}}, "set"),
        ({"id": "a", "set": {}, "n": 1}, "put"),
    ],
)
def test_records(record, kind):
    change = change_from(record)
    assert (change.id, change.kind) == ("a", kind)
    assert change.value == (record if kind == "put" else record["set"])


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ([], "a profile must be a JSON object, not a list"),
        ({"id": 1}, "id must be text, not a number"),
        ({"id": "a", "set": []}, "set must be an object, not a list"),
        ({"set": {"n": 1}}, "set needs an id beside it"),
        ({"id": None, "set": {}}, "id must be text, not null"),
    ],
)
def test_records_that_are_refused(record, reason):
    with pytest.raises(InvalidDocument) as refused:
        change_from(record)
    assert str(refused.value) == reason


@pytest.mark.parametrize(("count", "batches"), [(500, 1), (10_000, 20)])
def test_statements_grow_per_batch(count, batches):
    def counted(**data):
        with CaptureQueriesContext(connection) as queries:
            write([put(f"{n}", **data) for n in range(count)])
        return sum(1 for query in queries if "SAVEPOINT" not in query["sql"])

    assert counted(n=1) == 2 * batches
    assert counted(n=2) == 2 * batches
    assert counted(n=2) == batches


def test_a_row_without_digest_is_no_new_one():
    """As somebody leaves it who goes around the manager."""
    Profile._base_manager.bulk_create([Profile(id="a", document={"id": "a"})])
    assert write_one(put("a")).version == 1
    assert not Profile.objects.get().is_settled


text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
numbers = st.integers(-(10**40), 10**40) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(values, min_size=20, max_size=20))
def test_a_document_read_back_is_equal(db, many):
    wanted = [put(f"p{n}", value=value) for n, value in enumerate(many)]
    write(wanted)
    for change in wanted:
        read = Profile.objects.get(pk=change.id)
        assert documents.digest(read.document) == read.digest == documents.digest(change.value)
