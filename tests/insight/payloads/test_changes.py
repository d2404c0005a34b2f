"""How payloads would differ between two states of a destination, and whose are looked at."""

from datetime import timedelta

import pytest
from django.utils import timezone

from destinations.insight.payloads import changes
from destinations.models import DeliveryAttempt, Destination

pytestmark = pytest.mark.django_db


@pytest.fixture
def crm(make_destination):
    return make_destination(mapping={"id": "profile@id", "a": {"n": "profile@n"}, "l": "profile@l"})


def attempt(crm, profile, minutes, outcome="accepted"):
    at = timezone.now() - timedelta(minutes=minutes)
    fields = {"version": 1, "duration_ms": 5, "idempotency_key": "x", "outcome": outcome, "at": at}
    DeliveryAttempt.objects.create(profile=profile, destination=crm, **fields)


def changed(crm, **fields):
    found = Destination.objects.get(pk=crm.pk)
    for name, value in fields.items():
        setattr(found, name, value)
    return found


def test_the_last_accepted_ones_each_once_newest_first(crm, make_profile):
    profiles = [make_profile(f"p{number}") for number in range(4)]
    for minutes, profile in enumerate([profiles[1], profiles[0], profiles[1], profiles[2]]):
        attempt(crm, profile, minutes)
    attempt(crm, profiles[3], 0, outcome="rejected")
    assert [one.pk for one in changes.last_accepted(crm)] == ["p1", "p0", "p2"]
    assert [one.pk for one in changes.last_accepted(crm, most=1)] == ["p1"]


def test_keys_are_counted_by_their_paths(crm, make_profile):
    profiles = [make_profile("p1", n=1, l=[1]), make_profile("p2", n=1, l=[2, 3])]
    after = changed(
        crm, mapping={"id": "profile@id", "a": {"n": "2"}, "l": "profile@l", "b": {"$literal": {}}}
    )
    found = changes.changes(crm, after, profiles)
    assert [(key.name, key.added, key.removed, key.changed) for key in changes.by_key(found)] == [
        ("a.n", 0, 0, 2),
        ("b", 2, 0, 0),
    ]
    assert [one.title for one in found] == ["changes", "changes"]


def test_one_is_not_true(crm, make_profile):
    before, after = changed(crm, mapping={"a": 1}), changed(crm, mapping={"a": True})
    [found] = changes.changes(before, after, [make_profile("p1")])
    assert not found.equal
    assert [key.changed for key in changes.by_key([found])] == [1]


@pytest.mark.parametrize(
    ("old", "new", "title"),
    [
        ("", "profile@n > 1", "is not sent any more"),
        ("profile@n > 1", "", "is sent from now on"),
        ("profile@n > 1", "profile@n > 2", "is not sent"),
        ("", "profile@l > 1", "cannot be sent any more"),
        ("profile@l > 1", "profile@l > 2", "cannot be sent"),
        ("", "profile@n == 1", "stays the same"),
        ("profile@n >", "", "is sent from now on"),
    ],
)
def test_what_becomes_of_a_profile(old, new, title, crm, make_profile):
    profile = make_profile("p1", n=1, l="text")
    before, after = changed(crm, prerequisites=old), changed(crm, prerequisites=new)
    [found] = changes.changes(before, after, [profile])
    assert found.title == title


def test_a_payload_that_is_too_wide_for_a_page_is_cut(crm, make_profile):
    profile = make_profile("p1", text="x" * 500_000)
    [found] = changes.changes(crm, changed(crm, mapping={"t": "profile@text"}), [profile])
    assert max(len(line.text) for line in found.lines) < 3_000


def test_it_ends_when_time_is_up(crm, make_profile, monkeypatch):
    monkeypatch.setattr(changes, "MOST_SECONDS", -1)
    profiles = [make_profile("p1"), make_profile("p2")]
    assert len(changes.changes(crm, changed(crm, mapping={}), profiles)) == 1
