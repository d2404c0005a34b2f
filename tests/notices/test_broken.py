"""A destination that takes nothing is told of within two minutes, once, and once when it is back."""

import base64
import hashlib
import hmac
from datetime import timedelta

import pytest

from destinations import configuration
from destinations.connectors.base import Hold, Rejected, Stop
from destinations.models import Destination, Health, Heartbeat
from destinations.operations import actions
from tests.notices.conftest import SECRET
from tests.ticking import run_all
from tracsync.models import Incident, Notice, NoticeChannel
from tracsync.notices import incidents

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def a_worker_runs(frozen, db):
    Heartbeat.objects.create(name="here:1", at=frozen.now + timedelta(seconds=15))


@pytest.fixture
def at_work(look, frozen, recording, make_destination, make_profile):
    """A destination, and a worker that shows itself and sends while time passes."""
    make_destination("Newsletter")
    make_profile("p1")
    frozen.forward(20)

    class AtWork:
        def passes(self, seconds):
            for _ in range(round(seconds / 15)):
                frozen.forward(15)
                Heartbeat.objects.update(at=frozen.now)
                run_all()
                look.now()

        def breaks(self, outcome=None, times=200):
            recording.script(*[outcome or Hold("answered 401: it refused the credentials")] * times)

        def mended(self):
            recording.reset()

    return AtWork()


def test_by_mail_and_webhook_within_two_minutes_and_once_when_it_is_back(
    at_work, mailbox, webhook, bodies, person, receiver
):
    at_work.breaks()
    at_work.passes(120)
    assert (len(mailbox.messages), len(receiver.received)) == (1, 1)
    at_work.passes(600)
    assert (len(mailbox.messages), len(receiver.received)) == (1, 1)
    [(to, mail)] = mailbox.messages
    assert to == ["ada@example.org"]
    assert "Subject: [tracsync] Newsletter is held or stopped" in mail
    assert "answered 401: it refused the credentials" in mail
    assert "failures in a row: " in mail
    assert "http://localhost:8000/admin/destinations/destination/" in mail
    at_work.mended()
    at_work.passes(420)
    assert (len(mailbox.messages), len(receiver.received)) == (2, 2)
    assert "Newsletter is no longer held or stopped" in mailbox.messages[1][1]
    begun, over = bodies()
    assert (begun["type"], over["type"]) == ("broken.opened", "broken.closed")
    assert begun["data"]["incident"] == over["data"]["incident"] == Incident.objects.get().pk
    named = Destination.objects.get()
    told = {"id": named.pk, "slug": named.slug, "name": named.name}
    assert begun["data"]["destination"] == over["data"]["destination"] == told
    at_work.passes(600)
    assert (len(mailbox.messages), len(receiver.received)) == (2, 2)


def test_the_webhook_is_signed_as_standard_webhooks_has_it(at_work, webhook, receiver):
    at_work.breaks()
    at_work.passes(120)
    [(_path, headers, body)] = receiver.received
    number, moment = headers["webhook-id"], headers["webhook-timestamp"]
    signed = f"{number}.{moment}.".encode() + body
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert number == f"notice_{Notice.objects.get().number}"


def test_what_mends_itself_within_a_minute_is_not_told(at_work, webhook, receiver):
    at_work.breaks(times=1)
    at_work.passes(15)
    assert Incident.objects.filter(told_at=None).exists()
    at_work.mended()
    at_work.passes(300)
    assert receiver.received == []
    assert not Incident.objects.exists()


def test_a_flapping_destination_is_not_told_again_and_again(at_work, webhook, bodies):
    at_work.passes(15)
    for _ in range(4):
        Health.objects.update(failures=9, held_since=None, hold_reason="answered 503")
        at_work.passes(120)
        Health.objects.update(failures=0, hold_reason="")
        at_work.passes(60)
    assert [one["type"] for one in bodies()] == ["broken.opened", "broken.closed"]


def test_it_is_told_again_when_the_time_between_is_over(at_work, webhook, bodies, frozen):
    at_work.passes(15)
    Health.objects.update(failures=9, hold_reason="answered 503")
    at_work.passes(120)
    Health.objects.update(failures=0, hold_reason="")
    at_work.passes(60)
    Health.objects.update(failures=9, hold_reason="answered 503")
    at_work.passes(1200)
    assert [one["type"] for one in bodies()] == ["broken.opened", "broken.closed", "broken.opened"]


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (Stop("answered 410: gone"), "until somebody resumes it: answered 410: gone"),
        (Rejected("answered 400: no such list"), "answered 400: no such list"),
    ],
)
def test_stopped_and_refusing_destinations(at_work, webhook, bodies, outcome, said, make_profile, frozen):
    for n in range(10):
        make_profile(f"q{n}")
    frozen.forward(20)
    at_work.breaks(outcome)
    at_work.passes(150)
    [notice] = bodies()
    assert said in notice["data"]["sentence"]


def test_a_pause_ends_it(at_work, webhook, bodies):
    from destinations.models import Destination

    at_work.breaks()
    at_work.passes(120)
    actions.pause(Destination.objects.get())
    at_work.passes(60)
    over = bodies()[-1]
    assert "the destination is paused since" in over["data"]["sentence"]


def test_what_is_off_is_not_told(at_work, webhook, receiver):
    from destinations.models import Destination

    at_work.breaks()
    at_work.passes(15)
    destination = Destination.objects.get()
    destination.enabled = False
    configuration.save(destination)
    at_work.passes(300)
    assert receiver.received == []


class TestMuted:
    def test_an_incident_is_muted_until_then_and_told_afterwards(self, at_work, webhook, bodies, frozen):
        at_work.breaks()
        at_work.passes(30)
        incidents.mute(Incident.objects.get(), frozen.now + timedelta(minutes=10), "ada")
        at_work.passes(540)
        assert bodies() == []
        at_work.passes(180)
        assert [one["type"] for one in bodies()] == ["broken.opened"]

    def test_of_a_muted_one_its_end_is_not_told(self, at_work, webhook, bodies, frozen):
        at_work.breaks()
        at_work.passes(120)
        incidents.mute(Incident.objects.get(), frozen.now + timedelta(days=1), "ada")
        at_work.mended()
        at_work.passes(600)
        assert [one["type"] for one in bodies()] == ["broken.opened"]
        at_work.breaks()
        Health.objects.update(failures=9, hold_reason="answered 503")
        at_work.passes(1800)
        assert [one["type"] for one in bodies()] == ["broken.opened"], "the mute holds for the same again"

    def test_a_muted_channel_is_told_nothing_new(self, at_work, webhook, receiver, frozen):
        NoticeChannel.objects.update(muted_until=frozen.now + timedelta(hours=1))
        at_work.breaks()
        at_work.passes(600)
        assert receiver.received == []


def test_whoever_acknowledges_stops_what_was_not_sent_yet(at_work, webhook, receiver):
    receiver.status = 503
    at_work.breaks()
    at_work.passes(120)
    tried = len(receiver.received)
    assert tried
    incidents.acknowledge(Incident.objects.get(), "ada")
    receiver.status = 200
    at_work.passes(600)
    assert len(receiver.received) == tried
    found = Incident.objects.get()
    assert (found.acknowledged_by, found.closed_at) == ("ada", None)


class TestWho:
    def test_only_of_the_destinations_that_were_chosen(self, at_work, webhook, receiver, make_destination):
        webhook.destinations.add(make_destination("another", enabled=False))
        at_work.breaks()
        at_work.passes(120)
        assert receiver.received == []

    def test_only_of_the_events_that_were_chosen(self, at_work, webhook, receiver):
        NoticeChannel.objects.update(events=["stalled"])
        at_work.breaks()
        at_work.passes(120)
        assert receiver.received == []

    @pytest.mark.parametrize(
        "lacking", [{"is_active": False}, {"is_staff": False}, {"is_superuser": False}, {"email": ""}]
    )
    def test_people_who_may_not_look_any_more_are_told_nothing(self, at_work, mailbox, person, lacking):
        at_work.passes(15)
        assert NoticeChannel.objects.get().user == person
        type(person).objects.update(**lacking)
        at_work.breaks()
        at_work.passes(120)
        assert mailbox.messages == []

    def test_each_in_their_language(self, at_work, mailbox, person):
        from tracsync.models import Preferences

        Preferences.objects.create(user=person, language="de")
        at_work.breaks()
        at_work.passes(120)
        assert "Newsletter ruht oder ist angehalten" in mailbox.messages[0][1]

    def test_without_a_mail_server_nobody_has_a_channel(self, at_work, person, mail_is_off):
        at_work.breaks()
        at_work.passes(120)
        assert not NoticeChannel.objects.exists()
        assert Incident.objects.get().told_at is not None
