"""What answers tell browsers and proxies: what holds personal data is kept by nobody."""

import pytest
from django.urls import reverse

from profiles.models import Profile

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "path", ["", "profiles/", "profiles/anna/", "profiles/nobody/", "syncs/", "nothing/"]
)
@pytest.mark.parametrize("root", ["/api/v1/", "/api/"])
def test_answers_of_the_api_are_kept_by_nobody(api, root, path):
    Profile.objects.create(id="anna", document={"id": "anna"})
    assert "no-store" in api.get(f"{root}{path}")["Cache-Control"]


def test_nor_is_a_refusal(client):
    assert "no-store" in client.get("/api/v1/profiles/")["Cache-Control"]


@pytest.mark.parametrize(
    "page",
    ["index", "login", "profiles_profile_changelist", "auth_user_changelist", "preferences", "settings"],
)
def test_pages_of_the_admin_are_kept_by_nobody(admin_client, page):
    assert "no-store" in admin_client.get(reverse(f"admin:{page}"))["Cache-Control"]


def test_what_is_exported_is_kept_by_nobody(admin_client):
    assert (
        "no-store" in admin_client.get(reverse("admin:export", args=["profiles", "profile"]))["Cache-Control"]
    )


@pytest.mark.parametrize(
    "path", ["/api/nothing/", "/admin/nothing/", "/admin/session/", "/admin/second-factor/code/"]
)
def test_nor_is_what_nobody_has_thought_of(client, path):
    assert "no-store" in client.get(path)["Cache-Control"]


def test_a_link_to_set_a_password_is_kept_by_nobody(client):
    assert "no-store" in client.get(reverse("admin:join", args=["x", "y-z"]))["Cache-Control"]


def test_the_receiver_page_is_kept_by_nobody(admin_client):
    page = reverse("admin:destinations_destination_changelist") + "receiver/"
    answer = admin_client.get(page)
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]


def test_what_is_the_same_for_everybody_may_be_kept(admin_client):
    assert "no-store" not in admin_client.get(reverse("admin:jsi18n")).get("Cache-Control", "")


def test_without_https_nothing_asks_for_it(client):
    assert "Strict-Transport-Security" not in client.get("/admin/login/")


@pytest.mark.parametrize("path", ["/metrics", "/api/v1/schema/", "/api/v1/docs/"])
def test_from_elsewhere_nobody_without_access_sees_what_there_is(client, api, path):
    assert client.get(path, REMOTE_ADDR="192.0.2.1").status_code in (401, 403)
    assert client.get(path, headers={"X-Forwarded-For": "127.0.0.1"}).status_code in (401, 403)
    assert api.client.get(path, REMOTE_ADDR="192.0.2.1").status_code == 200


@pytest.mark.parametrize("path", ["/admin/login/", "/api/v1/", "/healthz", "/nothing"])
def test_browsers_are_told_what_no_page_needs(client, settings, path):
    settings.SECURE_HSTS_SECONDS = 31_536_000  # as TRACSYNC_HTTPS sets it
    answer = client.get(path, secure=True)
    assert answer["Strict-Transport-Security"].startswith("max-age=31536000")
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert {"camera=()", "geolocation=()", "microphone=()"} <= {*answer["Permissions-Policy"].split(", ")}
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert answer["X-Content-Type-Options"] == "nosniff"
