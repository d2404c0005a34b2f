"""Whoever may look at everything, but not at personal data, finds none of it: on no page and in no answer."""

import json
import re

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from destinations.connectors.base import Accepted, Exchange
from destinations.models import Audit, AuditFinding, Backfill, DeliveryAttempt, Health, ProfileSync, Replay
from profiles import personal
from profiles.models import Profile
from tests.ticking import run_all
from tracsync.common.messages import joined, message, of_others
from tracsync.models import ApiToken, Incident
from tracsync.notices import findings, incidents

pytestmark = pytest.mark.django_db
ID = "person-1"
VALUE, EMAIL, NAME = "m4rk3r-city", "m4rk3r.ada@people.example", "M4rk3r Lovelace"
SAID = "taken by m4rk3r.bob@people.example, see /find?q=m4rk3r.bob%40people.example and profile@data.contact"
# What a connector gives now, and what releases before stored.
WORDS = message("answered %(status)s: %(said)s", status=409, said=of_others("M4rk3r Bob has 0171 55 m4rk3r"))
BEFORE = joined(": ", (message("answered %(status)s", status=409), "M4rk3r Bob has 0171 55 m4rk3r"))
MARKER = re.compile("m4rk3r", re.IGNORECASE)


@pytest.fixture
def person(make_destination, recording, frozen, settings):
    """One profile with values everywhere, sent, and what hangs on it."""
    settings.TRACSYNC_ATTEMPT_BODIES = "all"
    destination = make_destination(mapping={"id": "profile@id", "city": "profile@city"})
    profile = Profile(
        document={"id": ID, "name": NAME, "email": EMAIL, "city": VALUE, "visits": 7, "by": {EMAIL: 1}}
    )
    profile.save()
    body = json.dumps({"id": ID, "city": VALUE, "email": EMAIL, EMAIL: 1})
    exchange = Exchange(
        request=f"POST https://crm.example/{VALUE}\nX: {VALUE}\n\n{body}", response=f"HTTP 200\n\n{body}"
    )
    recording.script(Accepted({"id": "4711"}, exchange=exchange))
    frozen.forward(20)
    run_all()
    audit = Audit.objects.create(destination=destination, chosen=[ID], finished_at=frozen.now)
    AuditFinding.objects.create(audit=audit, profile_id=ID, kind="missing")
    Backfill.objects.create(destination=destination)
    said_by_others(destination, frozen.now)
    Replay.objects.create(destination=destination, choice={"of": "syncs"})
    return destination


def said_by_others(destination, now):
    """What a system knows by itself of somebody, wherever such words are kept."""
    audit = Audit.objects.create(destination=destination, paused_at=now, problem=SAID)
    AuditFinding.objects.create(audit=audit, profile_id=ID, kind="unknown", reason=SAID)
    refused = {"code": "", "remote_id": "m4rk3r.bob@people.example"}
    ProfileSync.objects.update(state="rejected", last_error=WORDS, due_at=None, reason=SAID, **refused)
    DeliveryAttempt.objects.update(outcome="rejected", reason=WORDS, **refused)
    attempt = DeliveryAttempt.objects.get()
    attempt.pk, attempt.reason = None, BEFORE
    attempt.save(force_insert=True)
    health, _ = Health.objects.get_or_create(destination=destination)
    health.refusals, health.refusal, health.refused_since = 9, SAID, now
    health.hold_reason, health.problem, health.problem_at = WORDS, BEFORE, now
    health.save()
    Incident.objects.create(
        key="k", event="broken", opened_at=now, destination=destination, sentences={"en": SAID}
    )
    [finding] = findings.broken(now)
    incidents.take(finding, None, now)


@pytest.fixture
def role(client):
    """Somebody of the staff who may view everything, and see what `more` says."""

    def role(*more, name="viewer"):
        user = get_user_model().objects.create_user(name, is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
        user.user_permissions.add(*Permission.objects.filter(codename__in=more))
        client.force_login(user)
        return client

    return role


def addresses(person):
    """Every page of the admin that is reached by its name alone, or by the ids of what is there."""
    ids = {
        "profiles_profile": ID,
        "destinations_destination": person.pk,
        "destinations_resource": person.resource_id,
        **{
            f"destinations_{model._meta.model_name}": model.objects.values_list("pk", flat=True).first()
            for model in (Audit, Backfill, Replay, ProfileSync, DeliveryAttempt)
        },
    }
    for name, takes in named(get_resolver()):
        if name in LEAVE:
            continue
        model = next((one for one in sorted(ids, key=len, reverse=True) if name.startswith(one)), None)
        values = {"object_id": ids.get(model), "destination_id": person.pk}
        if all(values.get(one) for one in takes):
            yield reverse(f"admin:{name}", kwargs={one: values[one] for one in takes})


LEAVE = {"logout", "jsi18n", "app_list", "view_on_site"}


def named(resolver, inside=False, takes=()):
    for entry in resolver.url_patterns:
        found = (*takes, *entry.pattern.converters)
        if isinstance(entry, URLResolver):
            yield from named(entry, inside or entry.namespace == "admin", found)
        elif isinstance(entry, URLPattern) and inside and entry.name:
            yield entry.name, found


def test_no_page_shows_a_value(person, role):
    client = role()
    seen = 0
    for url in addresses(person):
        for query in ("", "?q=lovelace", f"?q={ID}", "?export=csv", f"?profile={ID}"):
            answer = client.get(url + query)
            text = b"".join(answer.streaming_content if answer.streaming else [answer.content]).decode(
                errors="replace"
            )
            seen += answer.status_code == 200
            assert not MARKER.search(text), (
                url + query,
                text[max(0, MARKER.search(text).start() - 200) :][:400],
            )
    assert seen > 100
    page = client.get(reverse("admin:profiles_profile_change", args=[ID])).content.decode()
    assert "M***" in page
    told = client.get(reverse("admin:destinations_profilesync_changelist")).content.decode()
    attempts = client.get(reverse("admin:destinations_deliveryattempt_changelist")).content.decode()
    assert attempts.count("answered 409: ***") >= 2
    client.cookies["django_language"] = "de"
    attempts = client.get(reverse("admin:destinations_deliveryattempt_changelist")).content.decode()
    assert attempts.count("antwortete mit 409: ***") >= 2
    assert "taken by m***@p***, see /find?q=m***@p*** and profile@data.contact" in told


def test_who_may_see_it_does(person, role):
    client = role("see_personal_data")
    page = client.get(reverse("admin:profiles_profile_change", args=[ID])).content.decode()
    assert VALUE in page
    assert NAME in client.get(reverse("admin:profiles_profile_changelist")).content.decode()
    assert SAID in client.get(reverse("admin:destinations_profilesync_changelist")).content.decode()


def test_masked_it_is_shown_found_by_its_id_alone_and_cannot_be_changed(person, role):
    client = role("change_profile", "add_profile")
    listed = reverse("admin:profiles_profile_changelist")
    page = client.get(listed).content.decode()
    assert ("M***" in page, "m***@p***" in page) == (True, True)
    assert ID in client.get(f"{listed}?q={ID}").content.decode()
    assert f"{ID}</a>" not in client.get(f"{listed}?q=lovelace").content.decode()
    change = reverse("admin:profiles_profile_change", args=[ID])
    assert "M***" in client.get(change).content.decode()
    assert client.post(change, {"document": "{}"}).status_code == 403
    assert Profile.objects.get().document["city"] == VALUE
    with pytest.raises(ValueError, match="masked profile cannot be saved"):
        personal.mask_profile(Profile.objects.get()).save()


def test_paths_of_the_installation(settings):
    document = {
        "id": "x@y.example",
        "traits": {"email": "ada@crm.example", "plan": "gold"},
        "a": [{"b": 1, "c": 2}],
        "consent": {"given": True, "ended": None},
    }
    assert personal.masked_document(document) == {
        "id": "x@y.example",
        "traits": {"email": "a***@c***", "plan": "g***"},
        "a": [{"b": "***", "c": "***"}],
        "consent": {"given": "***", "ended": None},
    }
    settings.TRACSYNC_MASKED_PATHS = ["a.b"]
    assert personal.masked_document(document) == {
        "id": "x@y.example",
        "traits": {"email": "a***@c***", "plan": "gold"},  # where e-mail addresses are
        "a": [{"b": "***", "c": 2}],
        "consent": {"given": True, "ended": None},
    }


def test_what_others_said_is_not_guessed_by_searching(person, role):
    """In the answer: what is told of it, not whether something has it."""
    listed = reverse("admin:destinations_deliveryattempt_changelist")
    client = role()
    for text in ("m4rk3", "nothing like it"):
        page = client.get(f"{listed}?error={text}").content.decode()
        assert ("answered 409" in page, "Only for whoever may see personal data." in page) == (False, True)
    client = role("see_personal_data", name="knowing")
    assert "answered 409" in client.get(f"{listed}?error=m4rk3").content.decode()


def test_keys_that_are_addresses():
    document = {"id": "1", "seen": {"ada@x.example": 1, "abe@xy.example": {"zoe@z.example": None}, "b": 2}}
    masked = {"a***@x***": "***", "a***@x*** (2)": {"z***@z***": None}, "b": "***"}
    assert personal.masked_document(document) == {"id": "1", "seen": masked}


def test_the_api_minds_the_owner_of_the_token(person):
    owner = get_user_model().objects.create_user("owner")
    owner.groups.add(Group.objects.get(name="Editor"))
    token, text = ApiToken.generate("crm", owner=owner)
    token.save()
    api = Client(headers={"Authorization": f"Bearer {text}"})
    asked = (
        *("/api/v1/profiles/", f"/api/v1/profiles/{ID}/", f"/api/v1/profiles/?search={ID}"),
        *(f"/api/v1/attempts/{one.pk}/" for one in DeliveryAttempt.objects.all()),
        *("/api/v1/attempts/", "/api/v1/syncs/", f"/api/v1/profiles/{ID}/syncs/", "/api/v1/audits/"),
        f"/api/v1/audits/{Audit.objects.latest('pk').pk}/findings/",
        *(f"/api/v1/destinations/{person.pk}/", f"/api/v1/destinations/{person.pk}/reasons/"),
        "/api/v1/incidents/",
    )
    assert all(MARKER.search(api.get(url).content.decode()) for url in asked)
    see = Permission.objects.get(codename="see_personal_data")
    Group.objects.get(name="Editor").permissions.remove(see)
    for url in asked:
        answer = api.get(url)
        if answer.status_code == 200:
            assert not MARKER.search(answer.content.decode()), url
        else:
            assert answer.status_code == 403
    assert personal.may_see(ApiToken(name="nobody's"))


def test_the_owner_of_a_token_guesses_nobody_by_searching(person):
    """By an id, whatever its case, somebody is found; by a name not, as that could be guessed by letters."""
    owner = get_user_model().objects.create_user("owner")
    owner.user_permissions.set(
        Permission.objects.filter(
            codename__in=("view_profile", "view_profilesync", "view_deliveryattempt", "see_personal_data")
        )
    )
    token, text = ApiToken.generate("crm", owner=owner, scopes=["profiles:read", "deliveries:read"])
    token.save()
    api = Client(headers={"Authorization": f"Bearer {text}"})
    name = Profile.objects.get(pk=ID).name.split()[0]

    def found(term):
        kinds = ("profiles", "syncs")
        return [len(api.get(f"/api/v1/{kind}/?search={term}").json()["results"]) for kind in kinds]

    assert found(name) == found(ID) == [1, 1]
    owner.user_permissions.remove(Permission.objects.get(codename="see_personal_data"))
    assert found(name) == [0, 0]
    assert found(ID.upper()) == found(ID.lower()) == [1, 1]
    owner.user_permissions.add(Permission.objects.get(codename="see_personal_data"))
    ApiToken.objects.filter(pk=token.pk).update(scopes=["deliveries:read"])
    assert len(api.get(f"/api/v1/syncs/?search={name}").json()["results"]) == 0


def test_ready_groups_of_a_new_installation():
    sees = {group.name for group in Group.objects.filter(permissions__codename="see_personal_data")}
    assert sees == {"Operator", "Editor"}


@pytest.mark.django_db(transaction=True)
def test_who_could_look_before_goes_on_seeing_it():
    executor = MigrationExecutor(connection)
    executor.migrate([("profiles", "0008_refused_records")])
    Permission.objects.filter(codename="see_personal_data").delete()
    person = get_user_model().objects.create_user("old")
    person.user_permissions.add(Permission.objects.get(codename="view_profile"))
    try:
        call_command("migrate", "profiles", verbosity=0)
        assert get_user_model().objects.get(pk=person.pk).has_perm("profiles.see_personal_data")
        assert Group.objects.get(name="Viewer").permissions.filter(codename="see_personal_data").exists()
    finally:
        Group.objects.get(name="Viewer").permissions.remove(
            *Permission.objects.filter(codename="see_personal_data")
        )
