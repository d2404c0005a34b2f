"""The answer to why a profile was not sent, and how it went, for every way that it can go."""

from datetime import timedelta

import pytest
from django.utils import timezone

from destinations.connectors.base import Accepted, Rejected, Retry
from destinations.insight import explain
from destinations.insight.timeline import Pair, chronology, verdict
from destinations.models import DeliveryAttempt, Destination, ProfileSync
from destinations.operations import actions
from destinations.scheduler import loop


@pytest.fixture
def crm(make_destination):
    return make_destination(prerequisites="profile@mail EXISTS")


def look(profile, destination):
    profile.refresh_from_db()
    destination = Destination.objects.select_related("resource", "health").get(pk=destination.pk)
    sync = ProfileSync.objects.filter(profile=profile, destination=destination).first()
    if sync:
        sync.profile, sync.destination = profile, destination
    prospects = {one.destination.pk: one for one in explain.prospects(profile)}
    attempts = list(DeliveryAttempt.objects.filter(profile=profile).order_by("at"))
    return Pair(profile, destination, sync, prospects.get(destination.pk), timezone.now(), attempts)


def titles(pair):
    return [event.title for event in chronology(pair)]


def settled(frozen, seconds=21):
    frozen.forward(seconds)
    loop.tick()


def test_not_yet_settled(crm, make_profile, frozen):
    pair = look(make_profile(), crm)
    assert verdict(pair) == (
        "kept",
        "It was not sent yet: waiting until 12:00:20 (in 20 s): last change 12:00:00, quiet period 20 s.",
    )
    [changed, coming] = chronology(pair)
    assert (changed.title, coming.ahead) == ("Changed", True)
    assert coming.at == timezone.now() + timedelta(seconds=20)


def test_prerequisites_not_met(crm, make_profile, frozen):
    profile = make_profile()
    settled(frozen)
    pair = look(profile, crm)
    assert verdict(pair) == ("skipped", "Not sent: profile@mail is missing.")
    assert titles(pair) == ["Changed", "Quiet", "Decided", "Next"]
    assert "nothing is waiting" in chronology(pair)[-1].text


def test_paused(crm, make_profile, frozen):
    actions.pause(crm)
    profile = make_profile(mail="x")
    settled(frozen)
    pair = look(profile, crm)
    kind, sentence = verdict(pair)
    assert (kind, sentence) == (
        "kept",
        "It is kept, because the destination is paused since 12:00:00 (21 s ago).",
    )
    assert chronology(pair)[-1].text == "kept: the destination is paused since 12:00:00 (21 s ago)"


def test_rejected_then_changed_again(crm, make_profile, frozen, recording):
    recording.script(Rejected("status 422: no"))
    profile = make_profile(mail="x")
    settled(frozen)
    pair = look(profile, crm)
    kind, sentence = verdict(pair)
    assert kind == "error"
    assert sentence.startswith("Rejected: status 422: no; waits for a change")
    assert titles(pair) == ["Changed", "Quiet", "Tried", "Next"]
    frozen.forward(60)
    profile.document["mail"] = "y"
    profile.save()
    frozen.forward(5)
    profile.document["mail"] = "z"
    profile.save()
    pair = look(profile, crm)
    assert "new changes: waiting until" in verdict(pair)[1]
    assert titles(pair) == ["Tried", "Changed", "Changed", "Next"]


def test_retried_and_accepted(crm, make_profile, frozen, recording):
    recording.script(Retry("status 503: away"))
    profile = make_profile(mail="x")
    settled(frozen)
    pair = look(profile, crm)
    assert verdict(pair)[1].startswith("Attempt 1 failed: status 503: away; next attempt at")
    assert "attempt 2" in chronology(pair)[-1].text
    recording.script(Accepted())
    settled(frozen, 10)
    pair = look(profile, crm)
    assert verdict(pair)[0] == "sent"
    assert titles(pair) == ["Changed", "Quiet", "Tried", "Tried", "Next"]
    DeliveryAttempt.objects.all().delete()
    assert titles(look(profile, crm)) == ["Changed", "Quiet", "Accepted last", "Next"]


def test_unchanged(crm, make_profile, frozen, recording):
    profile = make_profile(mail="x")
    settled(frozen)
    frozen.forward(60)
    profile.document["other"] = 1
    profile.save()
    settled(frozen)
    pair = look(profile, crm)
    assert [event.text for event in chronology(pair) if event.title == "Decided"] == [
        "unchanged, so not sent again"
    ]


def test_never_handed_over(make_destination, make_profile, frozen):
    off = make_destination("off", enabled=False)
    profile = make_profile()
    settled(frozen)
    assert verdict(look(profile, off))[1] == "It was never sent, because the destination is off."
    added = make_destination("added later")
    pair = look(profile, added)
    assert "has not changed since the destination was added" in verdict(pair)[1]
    assert "not handed to this destination" in chronology(pair)[1].text
    Destination.objects.filter(pk=off.pk).update(enabled=True)
    assert "not handed to this destination since its last change" in verdict(look(profile, off))[1]


def test_in_flight(crm, make_profile, frozen):
    profile = make_profile(mail="x")
    now = timezone.now()
    ProfileSync.objects.create(
        profile=profile, destination=crm, state="claimed", due_at=now, started_at=now,
        claimed_until=now + timedelta(seconds=10),
    )  # fmt: skip
    pair = look(profile, crm)
    assert "Being pushed since 12:00:00" in verdict(pair)[1]
    assert "Handed to a worker" in titles(pair)


def test_asked_for(crm, make_profile, frozen):
    profile = make_profile(mail="x")
    actions.sync_now(profile, [crm])
    pair = look(profile, crm)
    assert "Asked for" in titles(pair)
    assert chronology(pair)[-1].text == "as soon as a worker is free"
