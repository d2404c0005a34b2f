"""The description of the API and the page that shows it."""

import re

import pytest
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from tests.api.conftest import client_with


@pytest.fixture(scope="module")
def schema():
    GENERATOR_STATS.reset()
    generated = SchemaGenerator().get_schema(request=None, public=True)
    assert not GENERATOR_STATS._warn_cache, GENERATOR_STATS._warn_cache
    assert not GENERATOR_STATS._error_cache, GENERATOR_STATS._error_cache
    return generated


def test_it_is_valid_and_free_of_warnings(schema):
    validate_schema(schema)


def test_it_holds_the_fixed_names(schema):
    expected = {
        "/api/profiles/": {"get", "post"},
        "/api/profiles/{id}/": {"get", "put", "patch", "delete"},
        "/api/profiles/bulk/": {"post"},
        "/api/profiles/{id}/syncs/": {"get"},
        "/api/profiles/{id}/sync/": {"post"},
        "/api/extensions/{slug}/install/": {"post"},
        "/api/extensions/{slug}/uninstall/": {"post"},
        "/api/resources/": {"get", "post"},
        "/api/resources/{id}/test/": {"post"},
        "/api/destinations/{id}/": {"get", "put", "patch", "delete"},
        "/api/destinations/{id}/preview/": {"post"},
        "/api/destinations/{id}/test/": {"post"},
        "/api/destinations/{id}/backfill/": {"post"},
        "/api/destinations/{id}/backfills/": {"get"},
        "/api/backfills/": {"get"},
        "/api/backfills/{id}/": {"get"},
        "/api/backfills/{id}/pause/": {"post"},
        "/api/backfills/{id}/resume/": {"post"},
        "/api/backfills/{id}/cancel/": {"post"},
        "/api/replays/": {"get", "post"},
        "/api/replays/{id}/": {"get"},
        "/api/replays/{id}/pause/": {"post"},
        "/api/replays/{id}/resume/": {"post"},
        "/api/replays/{id}/cancel/": {"post"},
        "/api/destinations/{id}/pause/": {"post"},
        "/api/destinations/{id}/resume/": {"post"},
        "/api/syncs/{id}/replay/": {"post"},
        "/api/syncs/replay/": {"post"},
        "/api/attempts/": {"get"},
    }
    for path, methods in expected.items():
        assert methods <= set(schema["paths"][path]), path


def test_every_operation_says_what_it_does(schema):
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            assert operation["security"] == [{"token": []}] or path == "/api/schema/", (path, method)


def test_credentials_only_go_in(schema):
    components = schema["components"]["schemas"]
    assert "credentials" in components["ResourceRequest"]["properties"]
    assert "credentials" not in components["Resource"]["properties"]


@pytest.mark.django_db
def test_it_is_served():
    response = client_with().get("/api/schema/?format=json")
    assert response.status_code == 200
    assert response.json()["openapi"].startswith("3.")


@pytest.mark.django_db
def test_the_page_needs_nothing_from_elsewhere_and_no_inline_script():
    client = Client()
    page = client.get("/api/docs/")
    assert page.status_code == 200
    text = page.content.decode()
    scripts = re.findall(r"<script([^>]*)>([^<]*)</script>", text)
    assert scripts
    assert all("src=" in attributes and not body.strip() for attributes, body in scripts)
    sources = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert all(source.startswith("/") for source in sources)
    for source in sources:
        answer = client.get(source.replace("&amp;", "&"))
        assert answer.status_code == 200, source
        answer.close()
    policy = page["Content-Security-Policy"]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert "unsafe" not in directives["script-src"]
    assert directives["style-src"] == "'self' 'unsafe-inline'"
    assert "'unsafe-inline'" not in client.get("/admin/login/").get("Content-Security-Policy", "")


@pytest.mark.parametrize("path", ["/api/destinations/{id}/", "/api/resources/{id}/"])
def test_it_says_how_to_change_what_was_seen(schema, path):
    operations = schema["paths"][path]
    for method in ("put", "patch", "delete"):
        headers = {one["name"] for one in operations[method]["parameters"] if one["in"] == "header"}
        assert headers == {"If-Match"}
        stale = operations[method]["responses"]["412"]["content"]["application/json"]["schema"]
        assert stale == {"$ref": "#/components/schemas/Stale"}
    for method in ("get", "put", "patch"):
        assert "ETag" in operations[method]["responses"]["200"]["headers"]
