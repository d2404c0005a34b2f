"""Many rows by one statement: what all have in common goes with it once, and is stored as by itself."""

from datetime import UTC, datetime

import pytest

from destinations.models import DeliveryAttempt, ProfileSync
from destinations.sync import database
from tracsync.common.messages import message

pytestmark = pytest.mark.django_db

AT = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
LOST = message("the %(name)s has gone", name="line")


@pytest.fixture
def syncs(make_destination, make_profile):
    destination = make_destination()
    profiles = [make_profile(f"p{number}") for number in range(3)]
    return [ProfileSync.objects.create(profile=one, destination=destination) for one in profiles]


def attempt(sync, **values):
    return DeliveryAttempt(
        profile_id=sync.profile_id,
        destination_id=sync.destination_id,
        **{"version": 1, "at": AT, "duration_ms": 5, "outcome": "accepted", **values},
    )


def stored():
    return list(DeliveryAttempt.objects.order_by("profile_id"))


SAME = {
    "nothing": {"status_code": None, "lag": None, "request": None},
    "a text": {"reason": "accepted", "idempotency_key": "k"},
    "a message": {"reason": LOST},
    "a choice": {"outcome": DeliveryAttempt.Outcome.REJECTED},
    "numbers": {"status_code": 422, "lag": 0.25, "version": 2**40},
    "JSON": {"request": {"a": [1, True, None]}, "response": {"text": "ü"}},
}


@pytest.mark.parametrize("values", SAME.values(), ids=SAME)
@pytest.mark.parametrize("same", [1, 2, 3])
def test_what_rows_have_in_common_is_stored_as_what_each_has(syncs, values, same):
    having = [values if number < same else {} for number in range(3)]
    database.insert([attempt(sync, **its) for sync, its in zip(syncs, having, strict=True)])
    for found, its in zip(stored(), having, strict=True):
        expected = vars(attempt(syncs[0], **its))
        for field in DeliveryAttempt._meta.concrete_fields:
            if field.attname not in ("id", "profile_id"):
                assert getattr(found, field.attname) == expected[field.attname]


def test_rows_that_have_all_in_common(syncs):
    database.insert([attempt(syncs[0], **{**SAME["numbers"], "reason": LOST})])
    [found] = stored()
    assert (found.status_code, found.lag, found.version, found.reason, found.at) == (
        422,
        0.25,
        2**40,
        LOST,
        AT,
    )


def test_equal_numbers_of_two_kinds_in_json_stay_what_they_are(syncs):
    different = [{"n": 1}, {"n": True}, {"n": 1.0}]
    database.insert([attempt(sync, request=one) for sync, one in zip(syncs, different, strict=True)])
    assert [type(one.request["n"]) for one in stored()] == [int, bool, float]


@pytest.mark.parametrize("texts", [["a\0b"] * 3, ["a\0b", "c\0d", ""]], ids=["the same", "each its own"])
def test_what_databases_refuse_is_replaced(syncs, texts):
    database.insert([attempt(sync, remote_id=one) for sync, one in zip(syncs, texts, strict=True)])
    assert [one.remote_id for one in stored()] == [one.replace("\0", "\ufffd") for one in texts]


@pytest.mark.parametrize(
    "texts", [["a\ud800b"] * 3, ["a\ud800b", "c\ud800d", ""]], ids=["the same", "each its own"]
)
def test_halves_of_characters_are_replaced(syncs, texts):
    database.insert([attempt(sync, remote_id=one) for sync, one in zip(syncs, texts, strict=True)])
    assert [one.remote_id for one in stored()] == [one.replace("\ud800", "?") for one in texts]


def test_rows_that_are_there_are_updated_in_what_is_named_only(syncs):
    for sync in syncs:
        sync.reason, sync.attempts, sync.due_at = LOST, 7, None
    database.insert(syncs, update=("reason", "due_at"))
    for row in ProfileSync.objects.all():
        assert (row.reason, row.attempts, row.due_at) == (LOST, 0, None)
