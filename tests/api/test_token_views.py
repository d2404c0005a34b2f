"""API tokens over HTTP: whose are seen, and that none gives more than it has."""

from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace

import pytest
import time_machine
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from tests.api.conftest import Api, client_with
from tracsync.common.rest import scopes
from tracsync.models import ApiToken, KeptAnswer

pytestmark = pytest.mark.django_db
TOKENS = "/api/v1/tokens/"
WARDEN = ["tokens:write", "profiles:read"]


@pytest.fixture
def person(django_user_model):
    made = django_user_model.objects.create_user("person", is_staff=True)
    made.groups.set([Group.objects.get(name="Viewer")])
    made.user_permissions.add(Permission.objects.get(codename="add_apitoken"))
    return made


@pytest.fixture
def warden(person):
    return Api(client_with(scopes=WARDEN, owner=person))


def works(text):
    return APIClient(HTTP_AUTHORIZATION=f"Bearer {text}").get("/api/v1/").status_code == 200


def stored(name, **fields):
    token, text = ApiToken.generate(name, **fields)
    token.save()
    return token, text


def names(api):
    return {row["name"] for row in api.get(TOKENS).json()["results"]}


def test_own_ones_are_listed_and_all_for_who_may_see_them(warden, person):
    stored("own", owner=person)
    stored("nobody's")
    assert names(warden) == {"tests", "own"}
    person.user_permissions.add(Permission.objects.get(codename="view_apitoken"))
    assert names(warden) == {"tests", "own", "nobody's"}


def test_no_text_and_no_digest_is_listed(warden, person):
    token, text = stored("own", owner=person)
    shown = warden.get(TOKENS).content.decode()
    assert token.prefix in shown
    assert text not in shown
    assert token.digest not in shown


def test_a_made_one_works_and_is_the_same_owners(warden, person):
    made = warden.post(TOKENS, {"name": "new", "scopes": ["profiles:read"]})
    assert made.status_code == 201
    assert works(made.json()["token"])
    token = ApiToken.objects.get(name="new")
    assert (token.owner, token.granted) == (person, ("profiles:read",))
    assert made.json()["about"]["owner"] == "person"
    assert timedelta(days=89) < token.expires_at - timezone.now() <= timedelta(days=90)


@pytest.mark.parametrize("beyond", ["profiles:write", "ingest", "configuration:read", "privacy:read"])
def test_none_gives_what_it_does_not_have(warden, beyond):
    refused = warden.post(TOKENS, {"name": "new", "scopes": ["profiles:read", beyond]})
    assert (refused.status_code, beyond in refused.json()["detail"]) == (400, True)
    assert ApiToken.objects.count() == 1


def test_nor_what_its_owner_has_not(person):
    """A token that outlives its owner's rank: the scopes are there, and of no use."""
    api = Api(client_with(scopes=["tokens:write", "profiles:write"], owner=person))
    refused = api.post(TOKENS, {"name": "new", "scopes": ["profiles:write"]})
    assert (refused.status_code, "person may not" in refused.json()["detail"]) == (400, True)
    person.user_permissions.clear()
    assert api.post(TOKENS, {"name": "new", "scopes": ["tokens:write"]}).status_code == 403


def test_nor_longer_than_itself(person):
    end = timezone.now() + timedelta(days=10)
    api = Api(client_with(scopes=WARDEN, owner=person, expires_at=end))
    asked = {"name": "new", "scopes": ["profiles:read"]}
    for later in (None, (end + timedelta(days=1)).isoformat()):
        assert api.post(TOKENS, {**asked, "expires_at": later}).status_code == 400
    assert api.post(TOKENS, asked).status_code == 201
    assert ApiToken.objects.get(name="new").expires_at == end


@pytest.mark.parametrize(
    "wrong",
    [
        {"scopes": []},
        {"scopes": ["nonsense"]},
        {"name": ""},
        {"name": "tests"},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"expires_at": "2999-01-01T00:00:00Z"},
        {"owner": "admin"},
    ],
)
def test_what_is_wrong_is_said(warden, wrong):
    refused = warden.post(TOKENS, {"name": "new", "scopes": ["profiles:read"], **wrong})
    assert (refused.status_code, bool(refused.json()["errors"])) == (400, True)
    assert ApiToken.objects.count() == 1


def test_one_for_a_destination(make_destination):
    destination = make_destination()
    api = Api(client_with(scopes=[*scopes.SCOPES]))
    asked = {"name": "new", "scopes": ["operations:write"], "destination": destination.slug}
    assert api.post(TOKENS, asked).json()["about"]["destination"] == destination.pk
    refused = api.post(TOKENS, {**asked, "name": "other", "scopes": ["ingest"]})
    assert (refused.status_code, "reaches all" in refused.json()["detail"]) == (400, True)


def test_revoking(warden, person):
    token, text = stored("own", owner=person)
    assert warden.delete(f"{TOKENS}{token.pk}/").status_code == 204
    assert not works(text)


@pytest.mark.parametrize("act", ["rotate", "delete"])
def test_those_of_others_are_out_of_reach(warden, person, django_user_model, act):
    boss = django_user_model.objects.create_superuser("boss")
    token, text = stored("boss's", owner=boss, scopes=["profiles:read"])

    def tried():
        place = f"{TOKENS}{token.pk}/"
        return (warden.post(f"{place}rotate/") if act == "rotate" else warden.delete(place)).status_code

    assert tried() == 404
    names = [f"{one}_apitoken" for one in ("view", "change", "delete")]
    person.user_permissions.add(*Permission.objects.filter(codename__in=names))
    assert tried() == 403
    assert works(text)


def test_rotating_one_that_may_do_more_would_be_a_way_to_get_it(warden, person):
    token, text = stored("own", owner=person, scopes=["configuration:read", "profiles:read"])
    refused = warden.post(f"{TOKENS}{token.pk}/rotate/")
    assert (refused.status_code, "configuration:read" in refused.json()["detail"]) == (403, True)
    assert ApiToken.objects.get(pk=token.pk).matches(text)


class TestRotation:
    @pytest.fixture
    def clock(self):
        with time_machine.travel("2026-03-01", tick=False) as clock:
            yield clock

    @pytest.fixture
    def own(self, clock, warden, person):
        return stored(
            "own", owner=person, scopes=["profiles:read"], expires_at=timezone.now() + timedelta(days=9)
        )

    def rotated(self, warden, token, **body):
        answer = warden.post(f"{TOKENS}{token.pk}/rotate/", body)
        assert answer.status_code == 200, answer.content
        token.refresh_from_db()
        return answer.json()["token"]

    def test_both_work_until_the_old_one_ends(self, warden, own, clock):
        token, old = own
        clock.shift(timedelta(days=5))
        new = self.rotated(warden, token)
        assert token.expires_at == timezone.now() + timedelta(days=9)
        assert works(old)
        assert works(new)
        clock.shift(timedelta(hours=24))
        assert (works(old), works(new)) == (False, True)

    def test_never_beyond_the_old_ones_own_end(self, warden, own, clock):
        token, old = own
        clock.shift(timedelta(days=8, hours=23))
        self.rotated(warden, token)
        clock.shift(timedelta(hours=1))
        assert not works(old)

    def test_at_once(self, warden, own):
        token, old = own
        new = self.rotated(warden, token, overlap_hours=0)
        assert (works(old), works(new)) == (False, True)

    def test_where_the_answer_was_lost_the_one_in_use_goes_on(self, warden, own):
        token, in_use = own
        lost = self.rotated(warden, token)
        new = self.rotated(warden, token)
        assert (works(in_use), works(lost), works(new)) == (True, False, True)

    def test_one_that_was_used_goes_on_in_its_place(self, warden, own):
        token, first = own
        second = self.rotated(warden, token)
        assert works(second)
        third = self.rotated(warden, token)
        assert (works(first), works(second), works(third)) == (False, True, True)

    def test_an_ended_one_stays_ended(self, warden, own, clock):
        token, old = own
        clock.shift(timedelta(days=10))
        new = self.rotated(warden, token)
        assert (works(old), works(new)) == (False, True)

    @pytest.mark.parametrize("hours", [-1, 721, "1", 1.5])
    def test_a_strange_overlap(self, warden, own, hours):
        token, _text = own
        assert warden.post(f"{TOKENS}{token.pk}/rotate/", {"overlap_hours": hours}).status_code == 400

    def test_revoking_ends_both(self, warden, own):
        token, old = own
        new = self.rotated(warden, token)
        warden.delete(f"{TOKENS}{token.pk}/")
        assert (works(old), works(new)) == (False, False)


def test_an_answer_with_a_secret_is_kept_nowhere(warden):
    asked = {"name": "new", "scopes": ["profiles:read"]}
    made = warden.post(TOKENS, asked, **{"Idempotency-Key": "k1"})
    assert (made.status_code, KeptAnswer.objects.count()) == (201, 0)
    assert warden.post(TOKENS, asked, **{"Idempotency-Key": "k1"}).status_code == 400, "the name is taken"


def test_the_token_that_asks():
    end = timezone.now() + timedelta(days=1)
    shown = Api(client_with(scopes=["ingest"], expires_at=end)).get(f"{TOKENS}current/").json()
    assert (shown["name"], shown["scopes"], shown["owner"]) == ("tests", ["ingest"], None)


def test_what_was_made_before_there_were_scopes():
    """By a process of the release before, after the migration."""
    api = Api(client_with())
    ApiToken.objects.update(scopes=None)
    assert api.put("/api/v1/profiles/p1/", {}).status_code == 201
    assert api.get(TOKENS).status_code == 403
    ApiToken.objects.update(read_only=True)
    assert api.get("/api/v1/profiles/").status_code == 200
    assert api.put("/api/v1/profiles/p1/", {}).status_code == 403


def test_the_migration_gives_what_a_token_could_do():
    everything, reads, scoped = (
        stored("a")[0],
        stored("b", read_only=True)[0],
        stored("c", scopes=["ingest"])[0],
    )
    ApiToken.objects.filter(pk__in=[everything.pk, reads.pk]).update(scopes=None)
    import_module("tracsync.migrations.0011_scopes_of_earlier_tokens").give(
        apps, SimpleNamespace(connection=connection)
    )
    found = {token.pk: tuple(token.scopes) for token in ApiToken.objects.all()}
    assert found == {everything.pk: scopes.EVERYTHING, reads.pk: scopes.READS, scoped.pk: ("ingest",)}


def test_one_for_a_source(person, make_destination):
    everything = Api(client_with(scopes=[*scopes.SCOPES]))
    made = everything.post(TOKENS, {"name": "shop", "scopes": ["ingest"], "source": "shop"})
    assert (made.status_code, made.json()["about"]["source"], made.json()["about"]["scopes"]) == (
        *(201, "shop"),
        ["ingest"],
    )
    shop = Api(APIClient(HTTP_AUTHORIZATION=f"Bearer {made.json()['token']}"))
    assert shop.get(f"{TOKENS}current/").json()["source"] == "shop"
    wrong = [
        {"scopes": ["ingest"], "source": "No Name"},
        {"scopes": ["ingest", "operations:read"], "source": "shop"},
        {"scopes": ["profiles:read"], "source": "shop", "destination": make_destination().pk},
    ]
    for number, one in enumerate(wrong):
        assert everything.post(TOKENS, {"name": f"wrong {number}", **one}).status_code == 400, one
    assert ApiToken.objects.filter(name__startswith="wrong").count() == 0
