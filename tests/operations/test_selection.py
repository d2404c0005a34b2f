"""Choices: stored as plain parameters, refused where they are not understood, worked through in batches."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from destinations.models import DeliveryAttempt, ProfileSync
from destinations.operations import selection
from destinations.operations.selection import InvalidChoice


@pytest.fixture
def crm(make_destination):
    return make_destination()


@pytest.fixture
def rejected(crm, make_profile):
    """Ten profiles, each tried three times, by turns."""
    now = timezone.now()
    rows = [
        ProfileSync.objects.create(profile=make_profile(f"p{n}"), destination=crm, state="rejected")
        for n in range(10)
    ]
    for number in range(30):
        DeliveryAttempt.objects.create(
            profile_id=f"p{number % 10}",
            destination=crm,
            idempotency_key="x",
            version=1,
            at=now - timedelta(seconds=100 - number // 2),  # two at the same moment
            duration_ms=1,
            outcome="rejected" if number % 2 else "retry",
        )
    return [row.pk for row in rows]


def taken(choice):
    """The batches, as a job would do them: with nothing but JSON between them."""
    found, after, steps = [], None, 0
    while True:
        again = selection.read(json.loads(json.dumps(choice)))
        ids, after = selection.next_rows(again, json.loads(json.dumps(after)))
        found += ids
        steps += 1
        if after is None:
            return found, steps


@pytest.mark.parametrize(("batch", "looked_through"), [(3, 1000), (1000, 4), (2, 3), (1000, 1000), (1, 1)])
def test_each_pair_comes_once_whatever_the_steps(rejected, monkeypatch, batch, looked_through):
    monkeypatch.setattr(selection, "BATCH_SIZE", batch)
    monkeypatch.setattr(selection, "LOOKED_THROUGH", looked_through)
    found, _ = taken({"of": "attempts"})
    assert sorted(found) == rejected
    found, _ = taken({"of": "attempts", "outcome__exact": "rejected"})
    assert sorted(found) == rejected[1::2]
    found, _ = taken({"of": "syncs", "state__exact": "rejected"})
    assert found == rejected


def test_a_choice_is_what_was_given(crm):
    given = {"of": "attempts", "destination": str(crm.pk), "at__lt": "2026-03-01T12:00:00+00:00", "q": ""}
    choice = selection.read(given)
    assert choice.as_dict() == {name: value for name, value in given.items() if value}
    assert selection.read(choice.as_dict()) == choice
    assert choice.found["destination"] == crm


def test_days_are_those_of_whoever_chose_them(rejected):
    """Both included, and the same rows wherever the choice is read again."""
    for pk, moment in zip(
        rejected, ("2026-02-28T22:59Z", "2026-02-28T23:00Z", "2026-03-01T22:59Z"), strict=False
    ):
        ProfileSync.objects.filter(pk=pk).update(state_since=datetime.fromisoformat(moment))
    ProfileSync.objects.filter(pk__in=rejected[3:]).update(state_since=datetime(2026, 3, 2, tzinfo=UTC))
    given = {"of": "syncs", "state_since_from": "2026-03-01", "state_since_to": "2026-03-01"}
    with timezone.override("Europe/Berlin"):
        choice = selection.read(given)
    assert taken(choice.as_dict())[0] == rejected[1:3]
    assert ("State since, from", "2026-02-28 23:00:00") in choice.words()


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"of": "profiles"},
        {"of": "attempts", "states": "x"},
        {"of": "attempts", "ids": ""},
        {"of": "attempts", "destination": "7777"},
        {"of": "attempts", "status": "42"},
        {"of": "attempts", "at__lt": "soon"},
        {"of": "syncs", "state__exact": "lost"},
        {"of": "syncs", "owed": "perhaps"},
        {"of": "syncs", "state_since_from": "soon"},
        {"of": "syncs", "state_since_from": "0001-01-01T00:00+14:00"},
        {"of": "syncs", "state_since_to": "9999-12-31"},
        {"of": "syncs", "q": "\0"},
        {"of": "syncs", "ids": "1,2,three"},
        {"of": "syncs", "outcome__exact": "rejected"},
    ],
)
def test_what_is_not_understood_is_refused(db, given):
    with pytest.raises(InvalidChoice):
        selection.read(given)
