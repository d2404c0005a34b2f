"""Profiles over HTTP."""

import io
import tracemalloc

import pytest
from django.core.handlers.wsgi import WSGIRequest
from django.utils.http import http_date, urlencode

from destinations.models import ProfileSync
from profiles import documents, request_stream
from profiles.models import Profile
from tests.api.conftest import mistakes, wrong

pytestmark = pytest.mark.django_db

IDS = ["p1", "a/b", "a b", "ü→🙂", "a%2Fb", "a/", "/", "x?y#z", "line\nend", "sync", "a" * 255, "..a"]


def address(id):
    from urllib.parse import quote

    return f"/api/v1/profiles/{quote(id, safe='')}/"


@pytest.mark.parametrize("id", IDS)
def test_any_text_is_an_id(api, id):
    assert api.put(address(id), {"data": 1}).status_code == 201
    assert api.get(address(id)).json() == {"id": id, "data": 1}
    assert Profile.objects.get().pk == id
    assert api.delete(address(id)).status_code == 204
    assert api.get(address(id)).status_code == 404


@pytest.mark.parametrize("id", IDS)
def test_a_created_profile_tells_its_address(api, id):
    response = api.post("/api/v1/profiles/", {"id": id})
    assert response.status_code == 201, response.json()
    assert api.get(response["Location"]).json() == {"id": id}


def test_the_last_slash_may_be_missing(api):
    assert api.put("/api/v1/profiles/p1", {}).status_code == 201
    assert api.get("/api/v1/profiles/p1").status_code == 200
    assert api.post("/api/v1/profiles", {"id": "p2"}).status_code == 201


def test_an_id_is_generated(api):
    response = api.post("/api/v1/profiles/", {"name": "x"})
    assert response.status_code == 201
    assert len(response.json()["id"]) == 36
    assert api.get(response["Location"]).json() == response.json()


def test_an_existing_id_is_a_conflict_with_a_hint(api, make_profile):
    make_profile("p1", a=1)
    response = api.post("/api/v1/profiles/", {"id": "p1"})
    assert response.status_code == 409
    assert "PUT" in response.json()["detail"]
    assert Profile.objects.get().document == {"id": "p1", "a": 1}


@pytest.mark.parametrize("id", ["bulk", "bulk/delete", "a/sync", "a/syncs"])
def test_reserved_paths_say_so(api, id):
    response = api.post("/api/v1/profiles/", {"id": id})
    assert response.status_code == 400
    assert "reserved" in mistakes(response)["id"][0]
    assert not Profile.objects.exists()


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["bulk", "bulk/delete"])
def test_bulk_is_no_profile(api, method, path):
    response = api(method, f"/api/v1/profiles/{path}/", {})
    assert response.status_code == 405
    assert f"“{path}”" in response.json()["detail"]


def test_version_and_time_are_headers(api, make_profile):
    profile = make_profile("p1")
    response = api.get("/api/v1/profiles/p1/")
    assert response["ETag"].startswith('"1-')
    assert response["Last-Modified"] == http_date(profile.changed_at.timestamp())
    same = {"If-None-Match": f"W/{response['ETag']}"}
    assert api.get("/api/v1/profiles/p1/", **same).status_code == 304
    assert api.get("/api/v1/profiles/p1/", **{"If-None-Match": '"2"'}).status_code == 200
    assert api.get("/api/v1/profiles/p1/", **{"If-Match": '"2"'}).json()["detail"]


def test_put_replaces_and_counts_real_changes(api):
    first = api.put("/api/v1/profiles/p1/", {"a": 1, "b": 2})["ETag"]
    assert api.get("/api/v1/profiles/p1/")["ETag"] == first
    response = api.put("/api/v1/profiles/p1/", {"b": 2.0, "a": 1})
    assert (response.status_code, response["ETag"]) == (200, first)
    response = api.put("/api/v1/profiles/p1/", {"a": 1})
    assert (response.json(), response["ETag"][:3]) == ({"id": "p1", "a": 1}, '"2-')
    assert api.get("/api/v1/profiles/p1/")["ETag"] == response["ETag"]


@pytest.mark.parametrize("is_purged", [False, True])
def test_a_profile_that_comes_back_is_another_one(api, is_purged):
    first = api.put("/api/v1/profiles/p1/", {"a": 1})["ETag"]
    api.delete("/api/v1/profiles/p1/")
    if is_purged:
        Profile.with_deleted.all().purge()
    again = api.put("/api/v1/profiles/p1/", {"a": 1})
    assert again["ETag"] == api.get("/api/v1/profiles/p1/")["ETag"] != first
    for method in ("PUT", "PATCH", "DELETE"):
        assert api(method, "/api/v1/profiles/p1/", {"a": 2}, **{"If-Match": first}).status_code == 412
    assert api.patch("/api/v1/profiles/p1/", {"a": 2}, **{"If-Match": again["ETag"]}).status_code == 200


def test_patch_merges(api, make_profile):
    make_profile("p1", data={"a": 1, "b": {"c": 2, "d": 3}})
    response = api.patch("/api/v1/profiles/p1/", {"data": {"a": None, "b": {"d": [4]}}})
    assert response.status_code == 200
    assert response.json() == {"id": "p1", "data": {"b": {"c": 2, "d": [4]}}}


def test_patch_creates_nothing(api):
    assert api.patch("/api/v1/profiles/p1/", {}).status_code == 404
    assert not Profile.objects.exists()


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_if_match_guards_every_change(api, make_profile, method):
    make_profile("p1", a=1)
    body, tag = {"a": 2}, api.get("/api/v1/profiles/p1/")["ETag"]
    for stale in ['"2"', '"0"', '"1"', tag.strip('"'), '"7", "8"', "nonsense"]:
        assert api(method, "/api/v1/profiles/p1/", body, **{"If-Match": stale}).status_code == 412
    assert Profile.objects.get().version == 1
    assert api(method, "/api/v1/profiles/p1/", body, **{"If-Match": f'"9", {tag}'}).status_code in (200, 204)


def test_if_match_of_what_is_not_there(api):
    assert api.put("/api/v1/profiles/p1/", {}, **{"If-Match": "*"}).status_code == 412
    assert api.put("/api/v1/profiles/p1/", {}, **{"If-None-Match": "*"}).status_code == 201
    there = api.put("/api/v1/profiles/p1/", {"a": 1}, **{"If-None-Match": "*"})
    assert (there.status_code, there.json()["detail"]) == (412, "It is there already")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("[]", "a list"),
        ('"text"', "text"),
        ("5", "a number"),
        ("null", "null"),
        ("{", "not JSON"),
        ('{"a": NaN}', "NaN"),
        ('{"a": 1e999}', "too large"),
        ('{"a": "\\u0000"}', "null byte"),
        ('{"a": "\\ud800"}', "surrogate"),
        (b'{"a": "\xff"}', "UTF-8"),
        ('{"id": "other"}', "not the id"),
        ('{"id": 5}', "text"),
        ("[" * 100_000, ""),
        ('{"a": ' * 100 + "1" + "}" * 100, "deep"),
        ("9" * 10_000, "long"),
        ("", "empty"),
    ],
)
def test_what_is_no_document_is_refused(api, body, says):
    response = api.put("/api/v1/profiles/p1/", body)
    assert response.status_code == 400
    assert says in response.json()["detail"]
    assert not Profile.objects.exists()


@pytest.mark.parametrize("id", ["a\0b", "x" * 256])
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_impossible_ids_are_refused(api, method, id):
    assert api(method, address(id), {"a": 1}).status_code == 400


def test_a_large_document_is_refused(api, settings):
    settings.TRACSYNC_MAX_DOCUMENT_BYTES = 1000
    response = api.put("/api/v1/profiles/p1/", {"a": "x" * 1000})
    assert response.status_code == 400
    assert "1,000" in response.json()["detail"]


def test_a_large_body_is_not_read(api, settings):
    settings.TRACSYNC_MAX_REQUEST_BYTES = 1000
    assert api.put("/api/v1/profiles/p1/", {"a": "x" * 1000}).status_code == 413


def lists():
    return b'{"id": "p1", "a": [' + b"[]," * 16_000_000 + b"[]]}"  # 48 MB, and 1.2 GB as Python's objects


@pytest.mark.parametrize("is_chunked", [False, True])
def test_what_is_no_document_takes_no_memory(is_chunked):
    text = lists()
    body = io.BytesIO(text)
    environ = {"REQUEST_METHOD": "PUT", "wsgi.input": body, "CONTENT_LENGTH": str(len(text))}
    if is_chunked:
        environ |= {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    tracemalloc.start()
    with pytest.raises(request_stream.BodyTooLarge, match="a profile has at most 1,000,000"):
        request_stream.whole(WSGIRequest(environ))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30_000_000
    assert body.tell() <= (9_000_000 if is_chunked else 0)


def test_nor_does_what_is_a_little_too_long_for_one(settings):
    text = lists()[:7_900_000] + b"[]]}"
    tracemalloc.start()
    with pytest.raises(documents.InvalidDocument, match="at most 1,000,000 are allowed"):
        documents.parse(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


@pytest.mark.parametrize("text", [" " * 1_500_000 + "{}", '{"a": "' + "\\u00e9" * 400_000 + '"}'])
def test_blanks_and_escapes_do_not_make_a_document_too_large(api, text):
    assert api.put("/api/v1/profiles/p1/", text).status_code == 201


def test_the_list_has_the_documents(api, make_profile):
    for id in ("b", "a", "c"):
        make_profile(id, n=id)
    assert api.get("/api/v1/profiles/").json() == {
        "next": None,
        "previous": None,
        "results": [{"id": id, "n": id} for id in "abc"],
    }


def test_pages_follow_each_other(api, make_profile, django_assert_num_queries):
    ids = sorted(f"é {n}/ü" for n in range(25))
    for id in ids:
        make_profile(id)
    url, seen = "/api/v1/profiles/?page_size=10", []
    api.get(url)  # notes that the token is in use
    while url:
        with django_assert_num_queries(2):  # the token and the page
            page = api.get(url).json()
        seen += [document["id"] for document in page["results"]]
        url = page["next"]
    assert sorted(seen) == ids


def test_ids_are_found_by_their_beginning(api, make_profile):
    for id in ("cust-1", "cust-2", "Cust-3", "cu%t", "other"):
        make_profile(id)

    def found(prefix):
        query = urlencode({"id": prefix})
        return {document["id"] for document in api.get(f"/api/v1/profiles/?{query}").json()["results"]}

    assert found("cust") == {"cust-1", "cust-2"}
    assert found("cu%") == {"cu%t"}
    assert found("nobody") == set()


def test_changed_since_and_still_changing(api, make_profile, frozen):
    make_profile("old")
    Profile.objects.update_marks(first_changed_at=None)
    frozen.forward(60)
    moment = frozen.now.isoformat()
    make_profile("new")

    def found(query):
        return [document["id"] for document in api.get(f"/api/v1/profiles/?{query}").json()["results"]]

    assert found(f"changed_since={moment}") == ["new"]  # its plus is not even encoded
    assert found("changed_since=2026-03-01") == ["new", "old"]
    assert found("unsettled=true") == ["new"]
    assert found("unsettled=false") == ["old"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("changed_since=yesterday", "changed_since"),
        ("changed_since=0001-01-01T00:00:00%2B14:00", "changed_since"),
        ("unsettled=maybe", "unsettled"),
        ("id=%00", "id"),
        ("typo=1", "typo"),
        ("page_size=0", "page_size"),
        ("page_size=x", "page_size"),
        ("page_size=5000", "page_size"),
        ("cursor=x", "cursor"),
        ("cursor=cD0lMDA%3D", "cursor"),  # a null byte inside
    ],
)
def test_bad_filters_are_named(api, query, field):
    response = api.get(f"/api/v1/profiles/?{query}")
    assert response.status_code == 400
    assert field in wrong(response)


def test_a_deleted_profile_is_gone_and_its_removal_can_be_followed(api, make_destination, make_profile):
    destination = make_destination(on_delete="remove")
    profile = make_profile("p1")
    ProfileSync.objects.create(profile=profile, destination=destination, version=1, synced_version=1)
    assert api.delete("/api/v1/profiles/p1/").status_code == 204
    assert api.get("/api/v1/profiles/p1/").status_code == 404
    assert api.delete("/api/v1/profiles/p1/").status_code == 404
    assert api.get("/api/v1/profiles/").json()["results"] == []
    told = api.get("/api/v1/profiles/p1/syncs/").json()
    assert (told["version"], told["deleted_by"].startswith("API token")) == (2, True)
    assert told["deleted_at"] is not None
    assert told["syncs"][0]["reason"].startswith("to be removed at")
    assert api.put("/api/v1/profiles/p1/", {"id": "p1"}).status_code == 201
    assert api.get("/api/v1/profiles/p1/syncs/").json()["version"] == 3
