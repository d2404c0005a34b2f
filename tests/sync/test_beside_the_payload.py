"""What a connector takes from a profile beside the payload, and how many at once: as its settings say."""

import pytest

from destinations.models import ProfileSync
from destinations.scheduler import loop

pytestmark = pytest.mark.django_db


def push(frozen):
    frozen.forward(20)
    while loop.tick():
        pass


@pytest.fixture
def by_mail(recording, monkeypatch):
    monkeypatch.setattr(
        recording, "profile_references", lambda _self, settings: [settings["by"]], raising=False
    )
    return recording


def test_another_address_is_another_push_though_the_payload_is_the_same(
    by_mail, make_destination, make_profile, frozen
):
    make_destination(settings={"by": "profile@mail"})
    profile = make_profile(mail="a@x")
    push(frozen)
    for mail, name in (("b@x", "Ana"), ("b@x", "Eva")):
        profile.document = {**profile.document, "mail": mail, "name": name}
        profile.save()
        push(frozen)
    assert [one.profile["mail"] for one in by_mail.deliveries] == ["a@x", "b@x"]
    assert by_mail.deliveries[0].payload == by_mail.deliveries[1].payload
    assert by_mail.deliveries[0].idempotency_key != by_mail.deliveries[1].idempotency_key
    assert ProfileSync.objects.get().state == "synced"


def test_who_takes_nothing_beside_the_payload_is_given_nothing(
    recording, make_destination, make_profile, frozen
):
    make_destination()
    make_profile(mail="a@x")
    push(frozen)
    assert recording.deliveries[0].profile == {}
    assert "a@x" not in repr(recording.deliveries)


def test_settings_may_say_how_many_go_at_once(recording, make_destination, make_profile, frozen, monkeypatch):
    monkeypatch.setattr(recording, "batch_size_of", lambda _self, settings: settings["size"], raising=False)
    make_destination(settings={"size": 2})
    for number in range(5):
        make_profile(f"p{number}")
    push(frozen)
    assert recording.batches == [2, 2, 1]
