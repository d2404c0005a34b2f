"""Nonsense in an address or a form, and secrets that no key opens, are answered on every page."""

from contextlib import suppress
from urllib.parse import urlencode

import pytest
from cryptography.fernet import Fernet
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db import transaction
from django.urls import NoReverseMatch, URLPattern, reverse
from django.utils import timezone

from destinations.models import Backfill, DeliveryAttempt, ProfileSync, Replay
from profiles.imports.models import ImportJob
from tracsync.models import ApiToken

HUGE, NUL, FIRST_DAY = "9" * 30, "a\0b", "0001-01-01T00:00+14:00"
NONSENSE = ("", "²", NUL, HUGE, FIRST_DAY, "[" * 99)
IN_LISTS = (
    *("q", "p", "o", "destination", "resource", "type", "tag", "owed", "finished", "installed", "settled"),
    *("state__exact", "outcome__exact", "status", "took", "error", "ids", "at__gte", "at__lt", "expires_at"),
    *("changed_at_from", "state_since_from", "state_since_to", "enabled__exact", "read_only__exact"),
)
IN_ADDRESSES = (
    "before",
    "from",
    "to",
    "period",
    "sync",
    "after",
    "profile",
    "below",
    "q",
    "resource",
    "type",
)
IN_FORMS = (
    *(
        "destination",
        "back",
        "number",
        "profile",
        "kind",
        "text",
        "set",
        "action",
        "_selected_action",
        "index",
    ),
    *(
        "select_across",
        "confirmed",
        "tracsync_sealed",
        "tracsync_profile",
        "tracsync_pick",
        "name",
        "mapping",
    ),
    *(
        "prerequisites",
        "tags",
        "quiet_period",
        "rate_limit",
        "document",
        "read_version",
        "id",
        "file",
        "format",
    ),
    *("path-0", "kind-0", "language", "time_zone", "settings.timeout", "production.url", "expires_at_0"),
)


def patterns(found):
    for one in found:
        yield from [one] if isinstance(one, URLPattern) else patterns(one.url_patterns)


PAGES = sorted({one.name for one in patterns(admin.site.get_urls()) if one.name and one.name != "logout"})
LISTS = [page for page in PAGES if page.endswith(("_changelist", "_again"))]


@pytest.fixture
def objects(profile, destination):
    """The id of one of each kind."""
    ApiToken.generate("monitoring")[0].save()
    pair, now = {"profile": profile, "destination": destination}, timezone.now()
    attempt = {"idempotency_key": "1:1", "version": 1, "duration_ms": 12, "outcome": "rejected"}
    file = {"format": "csv", "delimiter": ",", "merge": False, "columns": None}
    return {
        "auth_user": None,
        "destinations_destination": destination.pk,
        "destinations_profilesync": ProfileSync.objects.create(**pair, due_at=now).pk,
        "destinations_deliveryattempt": DeliveryAttempt.objects.create(**pair, at=now, **attempt).pk,
        "destinations_backfill": Backfill.objects.create(destination=destination, total=10).pk,
        "destinations_replay": Replay.objects.create(destination=destination, choice={"of": "syncs"}).pk,
        "destinations_resource": destination.resource.pk,
        "destinations_extension": "http_api",
        "profiles_profile": profile.pk,
        "profiles_importjob": ImportJob.objects.create(name="x.csv", options=file, phase="columns").pk,
        "tracsync_apitoken": ApiToken.objects.get().pk,
    }


@pytest.fixture
def addresses(objects, admin_user):
    """All addresses of a page, with the ids of objects that are there, or with another one."""
    ids = {**objects, "auth_user": admin_user.pk}

    def find(page, id=None):
        its = "retry" if page.endswith("_again") else ids.get(page.rpartition("_")[0], "x")
        own = next((value for name, value in ids.items() if page.startswith(f"{name}_")), its)
        first = "retry" if page.endswith("_again") else quote(own if id is None else id)
        for args in ([], [first], [first, ids["destinations_destination"]]):
            with suppress(NoReverseMatch):
                yield reverse(f"admin:{page}", args=args)

    return find


@pytest.fixture
def answers(admin_client):
    """Ask, or post, and take back whatever was done."""

    def ask(url, **data):
        with transaction.atomic():
            answer = admin_client.post(url, data) if data else admin_client.get(url)
            transaction.set_rollback(True)
        assert answer.status_code < 500, (url, data)
        return answer

    return ask


# Each asks all pages: making the objects anew for each of them would take as long as asking.


def test_objects_that_cannot_be_there_are_not_found(addresses, answers):
    for url in sorted({url for page in PAGES for id in ("x", "²", NUL, HUGE) for url in addresses(page, id)}):
        answers(url)
        answers(url, confirmed="yes")


def test_filters_that_make_no_sense_are_answered(addresses, answers):
    for url in sorted({url for page in LISTS for url in addresses(page)}):
        for name in IN_LISTS:
            for nonsense in (NUL, HUGE, FIRST_DAY):
                answers(f"{url}?{urlencode({name: nonsense})}")


def test_addresses_and_forms_that_make_no_sense_are_answered(addresses, answers, objects):
    there = {
        "resource": objects["destinations_resource"],
        "type": "http_api",
        "destination": objects["destinations_destination"],
    }
    for url in sorted({url for page in PAGES for url in addresses(page)}):
        for nonsense in NONSENSE:
            answers(f"{url}?{urlencode(dict.fromkeys(IN_ADDRESSES, nonsense))}")
            answers(f"{url}?{urlencode(there)}", **dict.fromkeys(IN_FORMS, nonsense))


def test_secrets_that_no_key_opens_are_no_error(addresses, answers, settings):
    settings.TRACSYNC_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    pages = [page for page in PAGES if page.startswith(("destinations_", "profiles_"))]
    for url in sorted({url for page in pages for url in addresses(page)}):
        answers(f"{url}?profile=anna")
        answers(url, profile="anna", confirmed="yes", number="1")


def test_resources_that_no_key_opens_are_not_deleted_by_ticking_them(resource, destination, post, settings):
    settings.TRACSYNC_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    ticked = {"action": "delete_selected", "_selected_action": resource.pk}
    assert "It cannot be opened" in post("destinations_resource_changelist", **ticked)


def test_a_destination_that_makes_no_sense_is_not_all_of_them(profile, destination, post):
    for nonsense in ("x", "²", HUGE, "-1"):
        post("profiles_profile_replay", profile.pk, destination=nonsense, confirmed="yes")
    assert not ProfileSync.objects.exists()


@pytest.mark.parametrize("page", ["profilesync", "deliveryattempt", "backfill", "replay"])
def test_what_is_no_destination_lists_nothing(page, objects, admin_client):
    url = reverse(f"admin:destinations_{page}_changelist")
    assert admin_client.get(url, {"destination": HUGE}).context["cl"].result_count == 0


@pytest.mark.parametrize("year", ["1066", "9998"])
def test_moments_are_of_years_that_every_zone_has(year, page, post, db):
    text = page("destinations_deliveryattempt_changelist", query=f"at__gte={year}-12-31T00:00")
    assert "Write a year between 1900 and 9000." in text
    text = post("tracsync_apitoken_add", name="a", expires_at_0=f"{year}-12-31", expires_at_1="00:00")
    assert "Write a year between 1900 and 9000." in text


def test_a_form_longer_than_any_page_has_is_not_read(client, db):
    path = reverse("admin:login")
    assert client.post(path, {"username": "x" * 9_000_000, "password": "y"}).status_code == 200
    answer = client.post(path, f"username={'x' * 12_000_000}", "application/x-www-form-urlencoded")
    assert answer.status_code == 400
