"""Everybody reads the admin in their language and time zone; programs read English."""

from datetime import UTC, datetime

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone, translation

from destinations.models import ProfileSync
from destinations.operations import backfill
from profiles.models import Profile
from tracsync.models import Preferences

GERMAN = {"HTTP_ACCEPT_LANGUAGE": "de-AT,de;q=0.9"}


@pytest.fixture
def prefer(admin_user):
    def choose(**chosen):
        Preferences.objects.update_or_create(user=admin_user, defaults=chosen)

    return choose


def text_of(response):
    assert response.status_code == 200
    return response.content.decode()


def test_the_page_says_what_can_be_chosen(page):
    text = page("preferences")
    assert "That of the installation (UTC)" in text
    assert '<option value="Europe/Berlin">' in text
    assert reverse("admin:preferences") in page("index")


def test_a_choice_is_kept_and_holds_at_once(post, page, admin_user):
    answer = post("preferences", language="de", time_zone="America/New_York")
    assert "Ihre Einstellungen sind gespeichert." in answer
    stored = Preferences.objects.get(user=admin_user)
    assert (stored.language, stored.time_zone) == ("de", "America/New_York")
    assert '<html lang="de"' in page("index")
    post("preferences", language="", time_zone="")
    assert '<html lang="en"' in page("index")


@pytest.mark.parametrize(
    "wrong", [{"language": "xx"}, {"time_zone": "Mars/Olympus"}, {"time_zone": "../etc"}]
)
def test_what_is_no_choice_is_refused(post, wrong):
    assert "errornote" in post("preferences", **{"language": "", "time_zone": "", **wrong})
    assert not Preferences.objects.exists()


def test_without_a_choice_the_browser_is_followed(admin_client):
    german = admin_client.get(reverse("admin:index"), **GERMAN)
    assert '<html lang="de"' in text_of(german)
    assert german["Content-Language"] == "de"
    assert "Accept-Language" in german["Vary"]
    assert '<html lang="en"' in text_of(admin_client.get(reverse("admin:index"), HTTP_ACCEPT_LANGUAGE="fr"))


def test_whoever_signs_in_is_greeted_in_the_browsers_language(client, db):
    assert "Passwort" in text_of(client.get(reverse("admin:login"), **GERMAN))


def test_a_choice_that_is_gone_is_as_none(page, prefer):
    prefer(language="xx", time_zone="Mars/Olympus")
    assert '<html lang="en"' in page("index")


def test_everybody_has_their_own(admin_client, client, user, prefer):
    prefer(language="de")
    client.force_login(user)
    assert '<html lang="en"' in text_of(client.get(reverse("admin:index")))
    assert '<html lang="de"' in text_of(admin_client.get(reverse("admin:index")))


@time_machine.travel(datetime(2026, 3, 2, 12, 0, tzinfo=UTC), tick=False)
def test_times_are_those_of_the_persons_zone_and_say_how_far_they_are(page, prefer, db):
    prefer(time_zone="America/New_York")
    with time_machine.travel(datetime(2026, 3, 2, 11, 55, tzinfo=UTC), tick=False):
        Profile(document={"id": "anna"}).save()
    text = page("profiles_profile_changelist")
    assert 'title="2026-03-02 06:55:00 EST">06:55:00</time>' in text
    assert "5 min ago" in text


def test_nothing_of_it_is_left_behind(admin_client, prefer):
    prefer(language="de", time_zone="America/New_York")
    admin_client.get(reverse("admin:index"))
    assert translation.get_language() == "en"
    assert timezone.get_current_timezone_name() == "UTC"


def test_nothing_of_it_is_left_behind_by_an_error(admin_client, prefer, monkeypatch):
    from tracsync.admin import site

    prefer(language="de", time_zone="America/New_York")
    monkeypatch.setattr(site.preferences, "view", lambda *_, **__: 1 / 0)
    admin_client.raise_request_exception = False
    assert admin_client.get(reverse("admin:preferences")).status_code == 500
    assert (translation.get_language(), timezone.get_current_timezone_name()) == ("en", "UTC")


@pytest.mark.parametrize("path", ["/api/v1/", "/healthz", "/api/v1/profiles/"])
def test_programs_read_english(client, db, path):
    response = client.get(path, **GERMAN)
    assert "Content-Language" not in response
    with translation.override("de"):
        assert client.get(path, **GERMAN).content == response.content


def test_what_the_engine_records_is_english_whoever_has_it_run(
    memory_destination, admin_client, prefer, profile
):
    """In these tests a push runs within the request that asks for it."""
    prefer(language="de")
    url = reverse("admin:profiles_profile_sync_now", args=["anna"])
    assert admin_client.post(url).status_code == 302
    from destinations.scheduler import loop

    with translation.override("de"):
        loop.tick()
    sync = ProfileSync.objects.get()
    assert (sync.state, sync.reason) == ("skipped", "profile@nothing is missing")
    text = text_of(admin_client.get(reverse("admin:profiles_profile_change", args=["anna"])))
    assert "profile@nothing fehlt" in text


@pytest.fixture
def memory_destination(destination):
    destination.prerequisites = "profile@nothing EXISTS"
    destination.save()
    return destination


def test_what_was_done_with_a_job_is_read_in_every_language(admin_client, post, make_destination):
    begun = backfill.request(make_destination())
    post("destinations_backfill_pause", begun.pk)
    url = reverse("admin:destinations_backfill_history", args=[begun.pk])
    assert "Paused" in text_of(admin_client.get(url))
    german = text_of(admin_client.get(url, **GERMAN))
    assert "Angehalten" in german
    assert "Paused" not in german
