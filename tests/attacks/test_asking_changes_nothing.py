"""What is only asked for changes nothing: a link or a picture on another site could ask in anybody's name."""

import re

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.auth import get_user_model
from django.db import connection
from django.urls import URLPattern
from drf_spectacular.generators import SchemaGenerator

from tests.api.conftest import client_with
from tests.attacks.planting import plant

pytestmark = pytest.mark.django_db

WRITING = re.compile(r"\s*(INSERT|UPDATE|DELETE|REPLACE|CREATE|DROP|ALTER)\b[^\"]*\"?(\w*)", re.IGNORECASE)
ALLOWED = {
    "django_session": "whose it is, and when it ends",
    "auth_user": "when somebody was here last",
    "tracsync_apitoken": "when a token was used last",
    "destinations_arrival": "what has arrived at the receiver page is forgotten after some minutes",
}
# Tables that certain pages and lists bring up to date for whoever looks, the same whoever asks and how often.
BROUGHT_UP_TO_DATE = {
    # a channel of one's own is made when it is first looked at, and the trail says so
    "/admin/notices/": {"tracsync_noticechannel", "tracsync_trailentry"},
    # with the packages that are installed
    "/admin/destinations/extension/table/": {"destinations_extension"},
    # with what the destinations have done meanwhile
    "/admin/tracsync/erasure/": {"tracsync_erasure", "destinations_profilesync"},
    "/api/v1/extensions/": {"destinations_extension"},
    "/api/v1/erasures/": {"tracsync_erasure", "destinations_profilesync"},
}
QUERY = "?confirmed=yes&profile=p1&set=production&forget=1&index=1&action=delete_selected"
ENDS_SOMETHING = {"logout"}  # answered only when posted to, as test_sign_in.py asks


@pytest.fixture
def written():
    """What is written meanwhile, by its table."""
    found = []

    def note(execute, sql, params, many, context):
        if (match := WRITING.match(sql)) and match[2] not in ALLOWED:
            found.append(match[2])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield found


@pytest.fixture
def there(db, admin_user):
    get_user_model().objects.create_superuser("operator", password="operator")
    return plant("http://127.0.0.1:9/hook")


def patterns(found, before="/admin/"):
    for one in found:
        if isinstance(one, URLPattern):
            yield before + str(one.pattern), one.name or ""
        else:
            yield from patterns(one.url_patterns, before + str(one.pattern))


def addresses(there):
    """All of the admin, with the objects that are there."""
    for route, name in patterns(admin.site.get_urls()):
        if name in ENDS_SOMETHING or "(?P" in route:
            continue
        own = next((pk for label, pk in there.items() if name.startswith(f"{label}_")), "1")
        given = {"destination_id": there["destinations_destination"], "how": "retry", "page": "admin"}
        given |= {"app": "destinations", "model": "destination", "object_id": quote(own)}
        yield re.sub(r"<(?:\w+:)?(\w+)>", lambda found, given=given: str(given.get(found[1], "1")), route)


def test_no_page_of_the_admin_changes_anything(there, admin_client, written):
    wrong, asked = {}, 0
    for url in addresses(there):
        written.clear()
        answer = admin_client.get(url if url.endswith(("/add/", "change/")) else url + QUERY)
        asked += answer.status_code == 200
        if answer.streaming:
            b"".join(answer.streaming_content)
        usual = [tables for start, tables in BROUGHT_UP_TO_DATE.items() if url.startswith(start)]
        if others := set(written).difference(*usual):
            wrong[url] = others
    assert wrong == {}, wrong
    assert asked > 60


def test_no_operation_of_the_api_that_reads_changes_anything(there, written):
    client = client_with()
    written.clear()
    rows = {"destinations": "destinations_destination", "resources": "destinations_resource"}
    rows |= {"syncs": "destinations_profilesync", "attempts": "destinations_deliveryattempt"}
    rows |= {"profiles": "profiles_profile", "extensions": "destinations_extension"}
    wrong = {}
    for path, operations in SchemaGenerator().get_schema(request=None, public=True)["paths"].items():
        if "get" in operations:
            written.clear()
            own = next((there[label] for part, label in rows.items() if f"/{part}/" in path), "1")
            answer = client.get(re.sub(r"\{\w+\}", lambda _found, own=own: str(own), path))
            assert answer.status_code < 500, path
            usual = [tables for start, tables in BROUGHT_UP_TO_DATE.items() if path.startswith(start)]
            if others := set(written).difference(*usual):
                wrong[path] = others
    assert wrong == {}, wrong
