"""What a token may do: its scopes, and the one destination that it is for."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import URLResolver, get_resolver
from drf_spectacular.generators import SchemaGenerator

from destinations.models import ProfileSync, Replay
from profiles.changes import Change, write
from profiles.models import Profile
from tests.api.conftest import Api, client_with
from tracsync.common.rest import scopes
from tracsync.models import ApiToken, Incident, NoticeLimits

pytestmark = pytest.mark.django_db
DOCUMENT = {"stats": {"visits": 1}}


def with_scopes(*names, **fields):
    return Api(client_with(scopes=[*names], **fields))


def views(patterns):
    for one in patterns:
        if isinstance(one, URLResolver):
            yield from views(one.url_patterns)
        elif hasattr(one.callback, "cls"):
            yield one.callback


def test_every_view_says_its_area_and_asks_for_scopes():
    """Without an area nobody gets in, so that a new view is of no use before it says one."""
    found = [*views(get_resolver().url_patterns)]
    assert len(found) > 100
    described = {"Schema", "Docs"}  # which are also for people who are signed in
    for view in found:
        initial = getattr(view, "initkwargs", {})
        area = initial.get("area", getattr(view.cls, "area", None))
        if view.cls.__name__ not in described:
            assert area in (*scopes.AREAS, scopes.ANY), (view.cls, initial)
            assert any(one.__name__ == "InScope" for one in view.cls.permission_classes), view.cls


def test_what_says_no_area_is_refused(api, monkeypatch):
    monkeypatch.setattr("destinations.api.attempts.AttemptViews.area", None)
    refused = api.get("/api/v1/attempts/")
    assert (refused.status_code, refused.json()["detail"]) == (403, "No token may do this: it says no scope")


@pytest.mark.parametrize("how", ["read", "write"])
@pytest.mark.parametrize(
    ("area", "place"),
    [
        ("profiles", "profiles/"),
        ("configuration", "destinations/"),
        ("configuration", "notice-channels/"),
        ("deliveries", "attempts/"),
        ("operations", "backfills/"),
        ("operations", "incidents/"),
        ("privacy", "erasures/"),
        ("tokens", "tokens/"),
    ],
)
def test_only_its_own_scope_opens_a_place(area, place, how):
    others = [scope for scope in scopes.SCOPES if not scope.startswith(f"{area}:")]
    assert with_scopes(f"{area}:{how}").get(f"/api/v1/{place}").status_code == 200
    ApiToken.objects.update(scopes=others)
    refused = Api(client_with_text()).get(f"/api/v1/{place}")
    assert refused.status_code == 403
    assert refused.json()["detail"] == f"This token does not have the scope {area}:read"


def client_with_text():
    ApiToken.objects.all().delete()
    return client_with(scopes=[])


def test_a_token_without_scopes_sees_what_any_may():
    api = with_scopes()
    assert api.get("/api/v1/").status_code == 200
    assert api.get("/api/v1/tokens/current/").json()["scopes"] == []
    assert api.get("/api/v1/profiles/").status_code == 403


def test_reading_changes_nothing(make_destination):
    destination = make_destination()
    api = with_scopes(*scopes.READS)
    assert api.get(f"/api/v1/destinations/{destination.pk}/").status_code == 200
    for act in ("pause", "preview", "test", "read", "backfill", "audit", "fields"):
        assert api.post(f"/api/v1/destinations/{destination.pk}/{act}/", {}).status_code == 403, act
    assert api.patch(f"/api/v1/destinations/{destination.pk}/", {"name": "x"}).status_code == 403


def test_an_act_is_of_its_own_area(make_destination):
    destination = make_destination()
    operator, editor = with_scopes("operations:write"), None
    assert operator.post(f"/api/v1/destinations/{destination.pk}/pause/").status_code == 200
    assert operator.get(f"/api/v1/destinations/{destination.pk}/").status_code == 403
    ApiToken.objects.all().delete()
    editor = with_scopes("configuration:write")
    assert editor.post(f"/api/v1/destinations/{destination.pk}/resume/").status_code == 403
    refused = editor.post(f"/api/v1/destinations/{destination.pk}/preview/", {"profile": DOCUMENT})
    assert refused.json()["detail"] == "This token does not have the scope profiles:read"


class TestIngest:
    def test_it_writes_and_reads_nothing_back(self, make_profile):
        make_profile("p1", secret="PLANTED")
        api = with_scopes("ingest")
        answers = [
            api.post("/api/v1/profiles/", {"id": "p2", "own": 1}),
            api.put("/api/v1/profiles/p3/", DOCUMENT),
            api.patch("/api/v1/profiles/p1/", DOCUMENT),
            api.post("/api/v1/profiles/bulk/", [{"id": "p1", "set": DOCUMENT}]),
        ]
        assert [one.status_code for one in answers] == [201, 201, 200, 200]
        assert [one.json() for one in answers[:3]] == [{"id": "p2"}, {"id": "p3"}, {"id": "p1"}]
        assert not any(b"PLANTED" in one.content for one in answers)

    def test_it_neither_reads_nor_deletes(self, make_profile):
        make_profile("p1")
        api = with_scopes("ingest")
        assert api.get("/api/v1/profiles/").status_code == 403
        assert api.get("/api/v1/profiles/p1/").status_code == 403
        assert api.delete("/api/v1/profiles/p1/").status_code == 403
        assert api.post("/api/v1/profiles/bulk/delete/", ["p1"]).status_code == 403
        assert api.get("/api/v1/profiles/p1/syncs/").status_code == 403


class TestOneDestination:
    @pytest.fixture
    def two(self, make_destination, make_profile):
        profile = make_profile("p1")
        own, other = make_destination("own"), make_destination("other")
        for one in (own, other):
            ProfileSync.objects.create(profile=profile, destination=one)
        return own, other

    @pytest.fixture
    def limited(self, two):
        return with_scopes(*scopes.OF_ONE_DESTINATION, destination=two[0])

    def test_lists_have_only_its_own(self, two, limited):
        own, other = two
        for one in two:
            Incident.objects.create(event="broken", destination=one, key=one.slug, opened_at=one.created_at)
            NoticeLimits.objects.create(destination=one)
        assert [row["id"] for row in limited.get("/api/v1/destinations/").json()["results"]] == [own.pk]
        for place in ("syncs", "incidents", "notice-limits"):
            rows = limited.get(f"/api/v1/{place}/").json()["results"]
            assert {row["destination"] for row in rows} == {own.pk}, place
        assert limited.get(f"/api/v1/syncs/?destination={other.pk}").json()["results"] == []
        of_profile = limited.get("/api/v1/profiles/p1/syncs/").json()
        assert {row["destination"] for row in of_profile["syncs"]} == {own.pk}
        assert {row["destination"] for row in of_profile["prospects"]} <= {own.pk}

    def test_the_other_is_not_there(self, two, limited):
        own, other = two
        sync = other.syncs.get() if hasattr(other, "syncs") else ProfileSync.objects.get(destination=other)
        for place in (other.pk, other.slug):
            assert limited.get(f"/api/v1/destinations/{place}/").status_code == 404
            assert limited.patch(f"/api/v1/destinations/{place}/", {"name": "x"}).status_code == 404
            assert limited.post(f"/api/v1/destinations/{place}/pause/").status_code == 404
        assert limited.get(f"/api/v1/syncs/{sync.pk}/").status_code == 404
        assert limited.post(f"/api/v1/syncs/{sync.pk}/replay/").status_code == 404
        assert limited.patch(f"/api/v1/destinations/{own.pk}/", {"name": "mine"}).status_code == 200
        assert limited.post(f"/api/v1/destinations/{own.pk}/pause/").status_code == 200

    @pytest.mark.parametrize("named", ["id", "slug", "nowhere"])
    def test_it_names_no_other(self, two, limited, named):
        other = {"id": two[1].pk, "slug": two[1].slug, "nowhere": 99_999}[named]
        for place in ("profiles/p1/sync/", "syncs/replay/", "notice-limits/"):
            refused = limited.post(f"/api/v1/{place}", {"destination": other})
            assert (refused.status_code, refused.json()["detail"]) == (403, scopes.ANOTHER), place

    def test_what_is_sent_again_is_sent_there(self, two, limited):
        own, other = two
        refused = limited.post("/api/v1/replays/", {"choice": {"destination": other.pk}})
        assert (refused.status_code, Replay.objects.count()) == (403, 0)
        for place, body in (
            ("replays/", {"choice": {"profile": "p1"}}),
            ("syncs/replay/", {"profile": "p1"}),
        ):
            assert limited.post(f"/api/v1/{place}", body).json()["replayed"] == 1, place
        assert limited.post("/api/v1/profiles/p1/sync/").json() == {"requested": 1}
        assert not ProfileSync.objects.filter(destination=other, due_at__isnull=False).exists()
        assert ProfileSync.objects.filter(destination=own, due_at__isnull=False).exists()

    @pytest.mark.parametrize(
        "place", ["resources/", "extensions/", "configuration/", "notice-channels/", "erasures/", "tokens/"]
    )
    def test_what_is_of_all_is_not_for_it(self, two, limited, place):
        ApiToken.objects.update(scopes=[*scopes.SCOPES])
        refused = limited.get(f"/api/v1/{place}")
        assert (refused.status_code, "one destination" in refused.json()["detail"]) == (403, True)

    def test_it_makes_none_and_keeps_its_resource(self, two, limited, make_resource):
        own, _other = two
        made = {"name": "new", "resource": own.resource_id, "mapping": {}}
        assert limited.post("/api/v1/destinations/", made).status_code == 403
        other = make_resource("another")
        refused = limited.patch(f"/api/v1/destinations/{own.pk}/", {"resource": other.pk})
        assert (refused.status_code, "another resource" in refused.json()["detail"]) == (403, True)
        same = limited.patch(f"/api/v1/destinations/{own.pk}/", {"resource": own.resource_id})
        assert same.status_code == 200

    def test_it_ends_with_its_destination(self, two, limited):
        two[0].delete()
        assert limited.get("/api/v1/").status_code == 401


class TestOneSource:
    @pytest.fixture
    def shop(self, make_profile):
        make_profile("of nobody", secret="PLANTED")
        Profile.objects.create(id="of crm", document={"secret": "PLANTED"}, source="crm")
        Profile.objects.create(id="of shop", document=DOCUMENT, source="shop")
        return with_scopes("profiles:write", source="shop")

    @pytest.mark.parametrize("id", ["of crm", "of nobody"])
    def test_others_are_not_there(self, shop, id):
        address = f"/api/v1/profiles/{id}/"
        assert shop.get(address).status_code == 404
        assert shop.delete(address).status_code == 404
        assert shop.patch(address, DOCUMENT).status_code == 404
        for answer in (shop.put(address, DOCUMENT), shop.post("/api/v1/profiles/", {"id": id, **DOCUMENT})):
            assert (answer.status_code, "PLANTED" in answer.content.decode()) == (403, False)
        assert Profile.objects.get(pk=id).version == 1

    def test_lists_have_only_its_own(self, shop):
        for place in ("", "?id=of", "?search=of", "?source=shop"):
            rows = shop.get(f"/api/v1/profiles/{place}").json()["results"]
            assert [row["id"] for row in rows] == ["of shop"], place
        assert shop.get("/api/v1/profiles/?source=crm").json()["results"] == []

    def test_what_it_makes_is_its_own(self, shop):
        assert shop.put("/api/v1/profiles/new/", DOCUMENT).status_code == 201
        assert shop.post("/api/v1/profiles/", {"id": "posted"}).status_code == 201
        assert shop.get("/api/v1/profiles/new/").json()["id"] == "new"
        assert shop.patch("/api/v1/profiles/new/", {"more": 1}).status_code == 200
        assert {one.source for one in Profile.objects.filter(pk__in=("new", "posted"))} == {"shop"}
        assert shop.delete("/api/v1/profiles/new/").status_code == 204

    def test_one_line_of_others_fails_alone(self, shop):
        lines = [{"id": "of crm", "own": 1}, {"id": "new"}, {"id": "of nobody", "set": {"own": 1}}]
        answer = shop.post("/api/v1/profiles/bulk/", [*lines, {"id": "of shop", "set": {"own": 1}}]).json()
        assert (answer["created"], answer["changed"], answer["failed"]) == (1, 1, 2)
        assert [error["id"] for error in answer["errors"]] == ["of crm", "of nobody"]
        assert not Profile.objects.exclude(source="shop").filter(version__gt=1)
        deleted = shop.post("/api/v1/profiles/bulk/delete/", ["of crm", "of nobody", "new"]).json()
        assert (deleted["deleted"], deleted["missing"]) == (1, 2)
        assert Profile.objects.filter(pk__in=["of crm", "of nobody"]).count() == 2

    def test_a_deleted_one_is_of_whoever_makes_it_again(self, shop):
        Profile.objects.get(pk="of crm").delete()
        assert shop.put("/api/v1/profiles/of crm/", DOCUMENT).status_code == 201
        assert Profile.objects.get(pk="of crm").source == "shop"
        shop.delete("/api/v1/profiles/of crm/")
        with_scopes_again("profiles:write").put("/api/v1/profiles/of crm/", DOCUMENT)
        assert Profile.objects.get(pk="of crm").source == ""

    def test_who_is_for_all_changes_it_and_leaves_its_source(self, shop):
        everybody = with_scopes_again("profiles:write")
        everybody.put("/api/v1/profiles/of shop/", {"own": 2})
        everybody.post("/api/v1/profiles/bulk/", [{"id": "of shop", "set": {"own": 3}}])
        stored = Profile.objects.get(pk="of shop")
        assert (stored.source, stored.version) == ("shop", 3)

    def test_those_of_others_do_not_hide_its_own_in_searches(self, shop, monkeypatch):
        monkeypatch.setattr("profiles.search.finding.MOST_LISTED", 2)
        monkeypatch.setattr("profiles.search.finding.WORDS_EACH", 1)
        everybody = [Change(f"a{n}", "put", {"name": "Ada", "email": "ada@x.example"}) for n in range(9)]
        write(everybody)
        write([Change("z", "put", {"name": "Ada", "email": "ada@x.example"})], source="shop")
        for place in ("?search=ada", "?email=ada@x.example"):
            rows = shop.get(f"/api/v1/profiles/{place}").json()["results"]
            assert [row["id"] for row in rows] == ["z"], place

    @pytest.mark.skipif(
        connection.vendor == "sqlite", reason="where one writes at a time nothing comes between"
    )
    def test_nobody_takes_one_over_while_many_are_deleted(self, shop):
        with CaptureQueriesContext(connection) as asked:
            shop.post("/api/v1/profiles/bulk/delete/", ["of shop"])
        found = [one["sql"] for one in asked if '"source" =' in one["sql"]]
        assert found
        assert all(sql.endswith("FOR NO KEY UPDATE") for sql in found)

    def test_it_ingests_and_reads_nothing(self, shop):
        ingest = with_scopes_again("ingest", source="shop")
        assert ingest.put("/api/v1/profiles/of shop/", {"own": 2}).json() == {"id": "of shop"}
        assert ingest.get("/api/v1/profiles/of shop/").status_code == 403
        assert ingest.put("/api/v1/profiles/of crm/", {"own": 2}).status_code == 403

    def test_nothing_else_is_for_it(self, shop, make_destination):
        """Whatever scopes somebody gave it: what a view does not mind is refused."""
        make_destination()
        ApiToken.objects.get().delete()
        wide = with_scopes(*scopes.SCOPES, source="shop")
        assert wide.get("/api/v1/").status_code == 200
        assert wide.get("/api/v1/tokens/current/").json()["source"] == "shop"
        for place in ("destinations", "syncs", "attempts", "profiles/of shop/syncs", "tokens", "trail"):
            refused = wide.get(f"/api/v1/{place}/")
            assert (refused.status_code, "one source" in refused.json()["detail"]) == (403, True), place

    def test_the_release_before_allows_it_nothing(self, shop):
        """It compares scopes as they are stored, and knows of no source."""
        assert not {*ApiToken.objects.get().scopes} & {*scopes.SCOPES}


def with_scopes_again(*names, **fields):
    ApiToken.objects.all().delete()
    return with_scopes(*names, **fields)


def test_the_description_says_the_scopes_of_each_operation():
    schema = SchemaGenerator().get_schema(request=None, public=True)
    operations = {
        (method, path): operation for path, of in schema["paths"].items() for method, operation in of.items()
    }
    for at, operation in operations.items():
        if operation.get("security") == [{"token": []}]:
            assert "scope" in operation["description"] or "Any token may" in operation["description"], at
            assert all(scope in scopes.SCOPES for one_of in operation["x-scopes"] for scope in one_of), at
    assert operations["put", "/api/v1/profiles/{id}/"]["x-scopes"] == [["profiles:write", "ingest"]]
    preview = operations["post", "/api/v1/destinations/{id}/preview/"]
    assert preview["x-scopes"] == [["configuration:write"], ["profiles:read"]]
