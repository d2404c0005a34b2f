"""tracsync within another Django project: its settings, taken over, and its addresses, below another one."""

import os
import subprocess
import sys

import pytest
from django.test import Client
from django.urls import clear_url_caches
from drf_spectacular.generators import SchemaGenerator

from destinations.models import ProfileSync
from destinations.scheduler import loop
from profiles.models import Profile
from tests.api.conftest import Api, client_with, mistakes
from tests.harness import PATIENCE, ROOT
from tracsync.common.rest import scopes

SETTINGS = """
from tracsync.settings import *

INSTALLED_APPS = ["shop", *INSTALLED_APPS]
ROOT_URLCONF = "shop.urls"
"""
URLS = """
from django.urls import include, path
from tracsync.urls import handler400, handler403, handler404, handler500

urlpatterns = [path("sync/", include("tracsync.urls"))]
"""


@pytest.fixture
def embedded(settings):
    settings.ROOT_URLCONF = "tests.api.embedding_urls"
    clear_url_caches()
    yield
    clear_url_caches()


def test_the_api_is_where_it_was_put(embedded, db):
    api = Api(client_with(scopes=scopes.SCOPES))
    made = api.post("/sync/api/v1/profiles/", {"id": "p1"}, **{"Idempotency-Key": "k"})
    assert made["Location"] == "http://testserver/sync/api/v1/profiles/p1/"
    again = api.post("/sync/api/v1/profiles/", {"id": "p1"}, **{"Idempotency-Key": "k"})
    assert (again.status_code, again["Idempotency-Replayed"]) == (201, "true")
    assert api.get(made["Location"]).json() == {"id": "p1"}
    for place in api.get("/sync/api/").json().values():
        assert place.startswith("http://testserver/sync/api/v1/")
        assert api.get(place, accept="*/*").status_code == 200
    missing = api.get("/sync/api/v1/nothing/")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert mistakes(api.get("/sync/api/v1/syncs/?x=1")) != {}
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    assert "/sync/api/v1/profiles/{id}/" in paths
    assert all(path.startswith("/sync/api/v1/") for path in paths)


def test_so_are_the_admin_and_the_pages_for_errors(embedded, admin_client):
    assert admin_client.get("/sync/admin/").status_code == 200
    missing = admin_client.get("/nothing/")
    assert (missing.status_code, missing["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert Client().get("/sync/healthz").status_code == 200


@pytest.mark.django_db
def test_what_the_project_saves_is_sent(embedded, frozen, recording, make_destination):
    make_destination(mapping={"id": "profile@id", "orders": "profile@orders"})
    for _ in range(2):
        assert Client().get("/order/").status_code == 200
    assert Profile.objects.get().version == 3
    frozen.forward(20)
    loop.tick()
    assert ProfileSync.objects.get().state == "synced"
    assert [delivery.payload for delivery in recording.deliveries] == [{"id": "ada", "orders": 2}]


@pytest.fixture
def project(tmp_path):
    """Another project's folder, and what runs a command of it."""
    (tmp_path / "shop").mkdir()
    for name, text in (("__init__", ""), ("settings", SETTINGS), ("urls", URLS)):
        (tmp_path / "shop" / f"{name}.py").write_text(text)
    environment = {
        # On a database of its own, whichever these tests run on.
        **{name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")},
        "PYTHONPATH": f"{tmp_path}:{ROOT}",
        "DJANGO_SETTINGS_MODULE": "shop.settings",
        "TRACSYNC_DATA_DIR": str(tmp_path / "data"),
    }

    def run(*command):
        asked = [sys.executable, "-m", "django", *command]
        done = subprocess.run(asked, env=environment, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_its_settings_are_taken_over(project):
    for command in (["check"], ["makemigrations", "--check", "--dry-run"]):
        project(*command)


def test_commands_of_django_are_in_the_trail(project):
    project("migrate", "-v0")
    eve = ("--username", "eve", "--email", "eve@example.com")
    project("createsuperuser", "--noinput", *eve)
    project("axes_reset_username", "eve")
    said = "from tracsync.models import TrailEntry; print(*TrailEntry.objects.values_list('said', 'object'))"
    told = project("shell", "-v0", "-c", said)
    assert "('createsuperuser', 'eve')" in told
    assert "('axes_reset_username', 'eve')" in told
