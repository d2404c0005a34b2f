"""Notices over HTTP, and the command."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from destinations.models import Health, Heartbeat
from tests.api.conftest import client_with, wrong
from tests.notices.conftest import SECRET
from tracsync.models import Incident, NoticeChannel, NoticeLimits
from tracsync.notices import channels

pytestmark = pytest.mark.django_db
CHANNELS, LIMITS, INCIDENTS = "/api/v1/notice-channels/", "/api/v1/notice-limits/", "/api/v1/incidents/"


@pytest.fixture
def incident(db):
    return Incident.objects.create(
        key="stalled", event="stalled", sentences={"en": "Nothing is running."}, opened_at=timezone.now()
    )


class TestChannels:
    def test_what_goes_in_does_not_come_out(self, api, receiver, make_destination):
        destination = make_destination("Newsletter")
        body = {"name": "on call", "kind": "webhook", "url": receiver.url, "signing_secret": SECRET}
        made = api.post(CHANNELS, {**body, "destinations": [destination.pk], "events": ["broken"]})
        assert made.status_code == 201, made.content
        found = api.get(f"{CHANNELS}{made.json()['id']}/")
        assert "s3cr3t-path" not in found.content.decode()
        assert SECRET not in found.content.decode()
        assert found.json()["secrets_set"] == ["url", "signing_secret"]
        assert (found.json()["destinations"], found.json()["user"]) == ([destination.pk], None)
        assert NoticeChannel.objects.get().secrets == {"url": receiver.url, "signing_secret": SECRET}

    def test_a_part_is_changed_and_the_rest_is_kept(self, api, webhook):
        answer = api.patch(f"{CHANNELS}{webhook.pk}/", {"enabled": False, "url": "https://other.example/"})
        assert answer.status_code == 200
        webhook.refresh_from_db()
        assert webhook.secrets == {"url": "https://other.example/", "signing_secret": SECRET}
        assert webhook.enabled is False

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"events": ["nothing"]}, "events"),
            ({"url": "ftp://x.example/"}, "url"),
            ({"url": 5}, "url"),
            ({"signing_secret": "short"}, "signing_secret"),
            ({"kind": "slack"}, "kind"),
            ({"destinations": [999]}, "destinations"),
            ({"language": "xx"}, "language"),
            ({"nonsense": 1}, "nonsense"),
        ],
    )
    def test_bad_input(self, api, webhook, change, field):
        answer = api.patch(f"{CHANNELS}{webhook.pk}/", change)
        assert (answer.status_code, wrong(answer)) == (400, [field])

    def test_a_change_of_what_was_seen_is_made(self, api, webhook):
        place = f"{CHANNELS}{webhook.pk}/"
        seen = api.get(place)["ETag"]
        NoticeChannel.objects.update(sent_at=timezone.now())  # which nobody has decided
        assert api.get(place)["ETag"] == seen
        changed = api.patch(place, {"signing_secret": "whsec_" + "QUJD" * 8}, **{"If-Match": seen})
        assert (changed.status_code, changed["ETag"]) == (200, api.get(place)["ETag"])
        assert changed["ETag"] != seen
        for method in ("PUT", "PATCH", "DELETE"):
            refused = api(method, place, {"name": "other"}, **{"If-Match": seen})
            assert (refused.status_code, refused.json()["code"]) == (412, "precondition_failed")
        assert api.delete(place, **{"If-Match": changed["ETag"]}).status_code == 204

    def test_recipients_of_an_e_mail(self, api):
        body = {"name": "ops", "kind": "email"}
        assert wrong(api.post(CHANNELS, body)) == ["recipients"]
        assert wrong(api.post(CHANNELS, {**body, "recipients": ["nobody"]})) == ["recipients"]
        assert api.post(CHANNELS, {**body, "recipients": ["ops@x.org"]}).status_code == 201

    def test_a_test(self, api, webhook, receiver):
        place = f"{CHANNELS}{webhook.pk}/test/"
        assert api.post(place).json() == {"ok": True, "message": "The test was sent"}
        receiver.status = 403
        said = api.post(place).json()
        assert said == {"ok": False, "message": "answered 403: it refused the credentials"}

    def test_a_persons_own_is_not_deleted(self, api, admin_user, webhook):
        own = channels.personal(admin_user)
        assert api.delete(f"{CHANNELS}{own.pk}/").status_code == 400
        assert api.delete(f"{CHANNELS}{webhook.pk}/").status_code == 204
        assert api.patch(f"{CHANNELS}{own.pk}/", {"enabled": False}).status_code == 200


def test_limits(api, make_destination):
    destination = make_destination("Newsletter")
    made = api.post(LIMITS, {"destination": destination.pk, "waiting_minutes": 5})
    assert (made.status_code, made.json()["rejected_percent"]) == (201, None)
    place = f"{LIMITS}{made.json()['id']}/"
    seen = made["ETag"]
    assert api.get(place)["ETag"] == seen
    assert api.patch(place, {"waiting_minutes": 6}, **{"If-Match": seen}).status_code == 200
    assert api.patch(place, {"waiting_minutes": 7}, **{"If-Match": seen}).status_code == 412
    assert len(api.get(f"{LIMITS}?destination=newsletter").json()["results"]) == 1
    assert api.get(f"{LIMITS}?destination=").status_code == 400
    assert api.patch(place, {"rejected_minutes": 3}).status_code == 400
    assert api.patch(place, {"rejected_percent": 50}).status_code == 200
    assert NoticeLimits.objects.get().rejected_percent == 50
    assert api.patch(place, {"destination": make_destination("other").pk}).status_code == 400
    assert api.post(LIMITS, {"destination": destination.pk}).status_code == 400
    assert api.delete(place).status_code == 204


class TestIncidents:
    def test_listed_and_filtered(self, api, incident):
        assert [one["sentence"] for one in api.get(INCIDENTS).json()["results"]] == ["Nothing is running."]
        assert api.get(f"{INCIDENTS}?open=false").json()["results"] == []
        assert len(api.get(f"{INCIDENTS}?open=true&event=stalled").json()["results"]) == 1
        assert api.get(f"{INCIDENTS}?open=maybe").status_code == 400

    def test_acknowledge_and_mute(self, api, incident):
        found = api.post(f"{INCIDENTS}{incident.pk}/acknowledge/").json()
        assert found["acknowledged_by"] == "API token tests"
        found = api.post(f"{INCIDENTS}{incident.pk}/mute/", {"minutes": 60}).json()
        assert found["muted_by"] == "API token tests"
        incident.refresh_from_db()
        assert timedelta(minutes=59) < incident.muted_until - timezone.now() < timedelta(minutes=61)
        assert api.post(f"{INCIDENTS}{incident.pk}/mute/", {"minutes": None}).json()["muted_until"] is None

    @pytest.mark.parametrize("minutes", [0, -1, "60", 10**9, True])
    def test_no_time(self, api, incident, minutes):
        assert api.post(f"{INCIDENTS}{incident.pk}/mute/", {"minutes": minutes}).status_code == 400

    def test_a_read_only_token_changes_nothing(self, incident, webhook):
        client = client_with(read_only=True)
        assert client.get(INCIDENTS).status_code == 200
        for place in (f"{INCIDENTS}{incident.pk}/acknowledge/", f"{CHANNELS}{webhook.pk}/test/"):
            assert client.post(place).status_code == 403


class TestCommand:
    def run(self, *args):
        out = StringIO()
        call_command("notices", *args, stdout=out)
        return out.getvalue()

    def test_it_looks_and_sends(self, frozen, webhook, receiver, make_destination):
        Heartbeat.objects.create(name="here:1", at=frozen.now)
        assert self.run() == "There is no open incident.\n"
        make_destination("Newsletter")
        Health.objects.update(failures=9, held_since=frozen.now, hold_reason="answered 503")
        frozen.forward(70)
        Heartbeat.objects.update(at=frozen.now)
        assert "Newsletter: " in self.run()
        assert len(receiver.received) == 1

    def test_it_tells_that_nothing_runs(self, frozen, webhook, bodies):
        self.run()
        frozen.forward(60)
        assert "Nothing is running: changes are recorded, and not sent." in self.run()
        assert [one["type"] for one in bodies()] == ["stalled.opened"]

    def test_a_test(self, webhook, receiver):
        assert self.run("--test", "on call") == "A test was sent to on call.\n"
        receiver.status = 500
        with pytest.raises(CommandError, match="could not be sent to on call: answered 500"):
            self.run("--test", "on call")
        with pytest.raises(CommandError, match="no notice channel nobody; known are: on call"):
            self.run("--test", "nobody")
