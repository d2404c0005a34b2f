"""Notices in the admin: channels, incidents, each person's own, and Home."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission
from django.urls import reverse
from django.utils import timezone

from tests.notices.conftest import SECRET
from tracsync.models import Incident, NoticeChannel, NoticeLimits
from tracsync.notices import channels

pytestmark = pytest.mark.django_db


def url(name, *args):
    return reverse(f"admin:{name}", args=args)


@pytest.fixture
def incident(db):
    return Incident.objects.create(
        key="stalled",
        event="stalled",
        sentences={"en": "Nothing is running.", "de": "Es läuft nichts."},
        opened_at=timezone.now(),
        told_at=timezone.now(),
    )


@pytest.fixture
def member(client, django_user_model):
    def sign_in(group):
        user = django_user_model.objects.create_user(group, f"{group}@x.org", "x", is_staff=True)
        user.groups.add(Group.objects.get(name=group))
        client.force_login(user)
        return client

    return sign_in


class TestChannels:
    def add(self, client, **fields):
        given = {
            "name": "on call",
            "kind": "webhook",
            "language": "en",
            "events": ["broken"],
            "enabled": "on",
        }
        return client.post(url("tracsync_noticechannel_add"), {**given, **fields}, follow=True)

    def test_a_webhook_is_added_and_its_secrets_never_shown(self, admin_client, receiver):
        page = self.add(admin_client, url=receiver.url, signing_secret=SECRET).content.decode()
        channel = NoticeChannel.objects.get()
        assert channel.secrets == {"url": receiver.url, "signing_secret": SECRET}
        page += admin_client.get(url("tracsync_noticechannel_change", channel.pk)).content.decode()
        page += admin_client.get(url("tracsync_noticechannel_changelist")).content.decode()
        assert "s3cr3t-path" not in page
        assert SECRET not in page
        assert "Set; blank keeps it." in page

    def test_blank_keeps_what_is_stored(self, admin_client, webhook):
        data = {"name": "renamed", "language": "de", "events": ["stalled", "daily"]}
        admin_client.post(url("tracsync_noticechannel_change", webhook.pk), data)
        before = webhook.secrets
        webhook.refresh_from_db()
        assert (webhook.name, webhook.enabled, webhook.secrets) == ("renamed", False, before)
        assert webhook.events == ["stalled", "daily"]

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"url": "nonsense", "signing_secret": SECRET}, "beginning with https://"),
            ({"url": "https://x.example/"}, "Enter a secret, which the receiver checks with."),
            ({"url": "https://x.example/", "signing_secret": "short"}, "at least 16 bytes in base64"),
            ({"kind": "email"}, "Enter 1 to 50 e-mail addresses."),
            ({"kind": "email", "recipients": "a@x.org, nobody"}, "nobody is no e-mail address."),
            ({"kind": "slack"}, "beginning with https://"),
        ],
    )
    def test_what_cannot_be_used_is_said_at_its_field(self, admin_client, fields, said):
        assert said in self.add(admin_client, **fields).content.decode()
        assert not NoticeChannel.objects.exists()

    def test_a_test_says_what_came_of_it(self, admin_client, webhook, receiver, bodies):
        place = url("tracsync_noticechannel_test", webhook.pk)
        assert "The test was sent." in admin_client.post(place, follow=True).content.decode()
        [sent] = bodies()
        assert (sent["type"], sent["data"]["title"]) == ("test", "A test")
        receiver.status = 500
        page = admin_client.post(place, follow=True).content.decode()
        assert "The test could not be sent: answered 500" in page
        webhook.refresh_from_db()
        assert webhook.problem == "answered 500"
        assert webhook.sent_at is not None

    def test_a_persons_own_is_turned_off_and_not_deleted(self, admin_client, admin_user):
        own = channels.personal(admin_user)
        page = admin_client.get(url("tracsync_noticechannel_change", own.pk)).content.decode()
        assert admin_user.email in page
        assert admin_client.get(url("tracsync_noticechannel_delete", own.pk)).status_code == 403

    def test_one_that_no_key_opens_is_entered_again(self, admin_client, webhook, settings, receiver):
        from cryptography.fernet import Fernet

        settings.TRACSYNC_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
        place = url("tracsync_noticechannel_change", webhook.pk)
        assert "Enter again (secrets)" in admin_client.get(place).content.decode()
        data = {"name": "on call", "language": "en", "events": ["broken"], "url": receiver.url}
        admin_client.post(place, {**data, "signing_secret": SECRET})
        webhook.refresh_from_db()
        assert webhook.secrets == {"url": receiver.url, "signing_secret": SECRET}


class TestIncidents:
    def test_acknowledge_and_mute(self, admin_client, incident):
        page = admin_client.get(url("tracsync_incident_change", incident.pk)).content.decode()
        assert "Nothing is running." in page
        assert "Mute for 8 h" in page
        admin_client.post(url("tracsync_incident_acknowledge", incident.pk))
        admin_client.post(url("tracsync_incident_mute_8", incident.pk))
        incident.refresh_from_db()
        assert incident.acknowledged_by == "admin"
        assert timedelta(hours=7) < incident.muted_until - timezone.now() < timedelta(hours=8)
        admin_client.post(url("tracsync_incident_unmute", incident.pk))
        incident.refresh_from_db()
        assert (incident.muted_until, incident.muted_by) == (None, "")

    def test_in_the_readers_language(self, admin_client, incident):
        page = admin_client.get(url("tracsync_incident_changelist"), headers={"accept-language": "de"})
        assert "Es läuft nichts." in page.content.decode()

    def test_open_ones(self, admin_client, incident):
        place = url("tracsync_incident_changelist")
        assert "Nothing is running." in admin_client.get(f"{place}?open=yes").content.decode()
        Incident.objects.update(closed_at=timezone.now())
        assert "Nothing is running." not in admin_client.get(f"{place}?open=yes").content.decode()
        assert "Nothing is running." in admin_client.get(f"{place}?open=no").content.decode()


class TestWho:
    @pytest.mark.parametrize(
        ("group", "sees", "acts", "adds"),
        [("Viewer", 200, 403, 403), ("Operator", 200, 302, 403), ("Editor", 200, 302, 200)],
    )
    def test_groups(self, member, incident, group, sees, acts, adds):
        client = member(group)
        assert client.get(url("tracsync_incident_changelist")).status_code == sees
        assert client.get(url("tracsync_noticechannel_changelist")).status_code == sees
        assert client.post(url("tracsync_incident_acknowledge", incident.pk)).status_code == acts
        assert client.post(url("tracsync_incident_mute_1", incident.pk)).status_code == acts
        assert client.get(url("tracsync_noticechannel_add")).status_code == adds
        assert client.get(url("tracsync_noticelimits_add")).status_code == adds

    def test_a_test_is_for_who_may_change_channels(self, member, webhook, receiver):
        client = member("Operator")
        assert client.post(url("tracsync_noticechannel_test", webhook.pk)).status_code == 403
        assert receiver.received == []


class TestYours:
    def test_each_chooses_their_own(self, admin_client, admin_user, mailbox):
        page = admin_client.get(url("your_notices")).content.decode()
        assert admin_user.email in page
        assert len(re.findall(r'name="events"[^>]*checked', page)) == 5
        admin_client.post(url("your_notices"), {"enabled": "on", "events": ["broken", "weekly"]})
        assert NoticeChannel.objects.get(user=admin_user).events == ["broken", "weekly"]
        admin_client.post(url("your_notices"), {"test": "yes"})
        [(to, mail)] = mailbox.messages
        assert to == [admin_user.email]
        assert "Subject: [tracsync] A test" in mail

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"email": ""}, "has no e-mail address"),
            ({"is_superuser": False}, "You may not look at destinations"),
        ],
    )
    def test_who_cannot_be_told_hears_why(self, admin_client, admin_user, change, said):
        type(admin_user).objects.update(**change)
        assert said in admin_client.get(url("your_notices")).content.decode()
        assert not NoticeChannel.objects.exists()

    def test_without_a_mail_server(self, admin_client, mail_is_off):
        assert "whoever runs it sets EMAIL_URL" in admin_client.get(url("your_notices")).content.decode()

    def test_the_way_there(self, admin_client):
        assert url("your_notices") in admin_client.get(url("preferences")).content.decode()


class TestHome:
    def test_it_says_that_nobody_is_told(self, admin_client, mail_is_off, webhook):
        assert "Nobody is told" not in admin_client.get(url("index")).content.decode()
        webhook.delete()
        page = admin_client.get(url("index")).content.decode()
        assert "Nobody is told when a destination breaks." in page
        assert "E-mail is off until EMAIL_URL is set." in page

    def test_it_counts_what_nobody_has_acknowledged(self, admin_client, incident):
        assert "1 incident is open" in admin_client.get(url("index")).content.decode()
        admin_client.post(url("tracsync_incident_acknowledge", incident.pk))
        assert "incident is open" not in admin_client.get(url("index")).content.decode()

    def test_not_to_those_who_may_not_see_them(self, client, django_user_model, incident):
        user = django_user_model.objects.create_user("u", password="x", is_staff=True)
        user.user_permissions.add(Permission.objects.get(codename="view_destination"))
        client.force_login(user)
        page = client.get(url("index")).content.decode()
        assert "incident is open" not in page
        assert "Nobody is told" not in page


def test_limits_of_a_destination(admin_client, make_destination):
    destination = make_destination("Newsletter")
    data = {
        "destination": destination.pk,
        "rejected_percent": 5,
        "rejected_minutes": 30,
        "waiting_minutes": 0,
    }
    assert admin_client.post(url("tracsync_noticelimits_add"), data).status_code == 302
    limits = NoticeLimits.objects.get()
    assert (limits.rejected_percent, limits.rejected_minutes, limits.waiting_minutes) == (5, 30, 0)
    page = admin_client.post(url("tracsync_noticelimits_add"), {**data, "rejected_minutes": 61})
    assert "less than or equal to 60" in page.content.decode()
