"""The description of the API and the page that shows it."""

import re

import pytest
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from tests.api.conftest import client_with
from tests.harness import ROOT


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
        "/api/v1/profiles/": {"get", "post"},
        "/api/v1/profiles/{id}/": {"get", "put", "patch", "delete"},
        "/api/v1/profiles/bulk/": {"post"},
        "/api/v1/profiles/{id}/syncs/": {"get"},
        "/api/v1/profiles/{id}/sync/": {"post"},
        "/api/v1/extensions/{slug}/install/": {"post"},
        "/api/v1/extensions/{slug}/uninstall/": {"post"},
        "/api/v1/resources/": {"get", "post"},
        "/api/v1/resources/{id}/test/": {"post"},
        "/api/v1/destinations/{id}/": {"get", "put", "patch", "delete"},
        "/api/v1/destinations/{id}/preview/": {"post"},
        "/api/v1/destinations/{id}/test/": {"post"},
        "/api/v1/destinations/{id}/backfill/": {"post"},
        "/api/v1/destinations/{id}/backfills/": {"get"},
        "/api/v1/backfills/": {"get"},
        "/api/v1/backfills/{id}/": {"get"},
        "/api/v1/backfills/{id}/pause/": {"post"},
        "/api/v1/backfills/{id}/resume/": {"post"},
        "/api/v1/backfills/{id}/cancel/": {"post"},
        "/api/v1/replays/": {"get", "post"},
        "/api/v1/replays/{id}/": {"get"},
        "/api/v1/replays/{id}/pause/": {"post"},
        "/api/v1/replays/{id}/resume/": {"post"},
        "/api/v1/replays/{id}/cancel/": {"post"},
        "/api/v1/destinations/{id}/pause/": {"post"},
        "/api/v1/destinations/{id}/resume/": {"post"},
        "/api/v1/syncs/{id}/replay/": {"post"},
        "/api/v1/syncs/replay/": {"post"},
        "/api/v1/attempts/": {"get"},
    }
    for path, methods in expected.items():
        assert methods <= set(schema["paths"][path]), path


def test_every_operation_says_what_it_does(schema):
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            assert operation["security"] == [{"token": []}] or path == "/api/v1/schema/", (path, method)


def test_credentials_only_go_in(schema):
    components = schema["components"]["schemas"]
    assert "credentials" in components["ResourceRequest"]["properties"]
    assert "credentials" not in components["Resource"]["properties"]


@pytest.mark.django_db
def test_it_is_served():
    response = client_with().get("/api/v1/schema/?format=json")
    assert response.status_code == 200
    assert response.json()["openapi"].startswith("3.")


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/v1/schema/", "/api/v1/docs/", "/metrics"])
def test_elsewhere_than_on_this_machine_it_needs_a_token_or_a_session(path, settings, admin_client):
    elsewhere = {"REMOTE_ADDR": "192.0.2.1"}
    assert Client().get(path, **elsewhere).status_code == 401
    assert Client().get(path, headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 401
    assert client_with().get(path, **elsewhere).status_code == 200
    assert admin_client.get(path, **elsewhere).status_code == (401 if path == "/metrics" else 200)
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert Client().get(path, headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 401
    assert Client().get(path).status_code == 401


@pytest.mark.django_db
def test_the_page_needs_nothing_from_elsewhere_and_no_inline_script():
    client = Client()
    page = client.get("/api/v1/docs/")
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


@pytest.mark.parametrize("path", ["destinations", "resources", "notice-channels", "notice-limits"])
def test_it_says_how_to_change_what_was_seen(schema, path):
    operations = schema["paths"][f"/api/v1/{path}/{{id}}/"]
    for method in ("put", "patch", "delete"):
        headers = {one["name"] for one in operations[method]["parameters"] if one["in"] == "header"}
        assert headers == {"If-Match"}
        stale = operations[method]["responses"]["412"]["content"]["application/problem+json"]["schema"]
        name = "Problem" if path.startswith("notice") else "StaleProblem"
        assert stale == {"$ref": f"#/components/schemas/{name}"}
    for method in ("get", "put", "patch"):
        assert "ETag" in operations[method]["responses"]["200"]["headers"]


def test_everything_that_is_edited_minds_if_match(schema):
    """And is read with the tag that it is compared with."""
    edited = [
        (path, method)
        for path, operations in schema["paths"].items()
        if "patch" in operations  # of what is only made and ended nothing can be overwritten
        for method in operations
        if method in ("put", "patch", "delete")
    ]
    assert len(edited) >= 12
    for path, method in edited:
        operation = schema["paths"][path][method]
        assert "If-Match" in [one["name"] for one in operation["parameters"]], (path, method)
        assert "412" in operation["responses"], (path, method)


def test_the_page_of_the_api_says_what_orders_each_list(schema):
    ordered = {}
    for path, operations in schema["paths"].items():
        for one in operations.get("get", {}).get("parameters", ()):
            if one["name"] == "ordering":
                ordered[path.split("/")[-2].replace("-", " ")] = one["schema"]["enum"][::2]
    page = (ROOT / "docs" / "api.md").read_text()
    rows = re.findall(
        r"^\| ([a-z, ]+) \| ((?:`\w+`(?:, )?)+) \|$", page.split("| `ordering` |")[1], re.MULTILINE
    )
    said = {name: re.findall(r"\w+", names) for lists, names in rows for name in lists.split(", ")}
    assert said == ordered


def test_the_page_of_the_api_names_every_code_of_ours():
    rooms = [ROOT / "tracsync" / "api", ROOT / "tracsync" / "common" / "rest", ROOT / "destinations" / "api"]
    sources = [path.read_text() for room in rooms for path in room.glob("*.py")]
    written = re.compile(r'default_code = "(\w+)"|respond\(\s*\d+,\s*"(\w+)"|Conflict\(.+, "(\w+)"\)')
    codes = {code for text in sources for found in written.findall(text) for code in found if code}
    assert {"exists", "invalid_idempotency_key", "precondition_failed"} <= codes
    table = (ROOT / "docs" / "api.md").read_text().split("| status | `code` | meaning |")[1].split("\n\n")[0]
    assert codes - set(re.findall(r"`(\w+)`", table)) == set()
