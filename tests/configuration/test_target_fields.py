"""The fields of the other system: fetched when asked for, kept for a while, compared with mappings."""

import json

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from destinations import configuration
from destinations.configuration import target_fields
from destinations.connectors import registry
from destinations.connectors.base import Accepted, ConfigurationError, Field, Held, Unreachable
from destinations.connectors.capabilities import fields_settings
from destinations.connectors.testing.recording import _RecordingSession
from destinations.insight import checking
from destinations.models import Destination, Extension, KnownFields
from tracsync.models import ApiToken

pytestmark = pytest.mark.django_db
FIELDS = [
    Field("email", "E-mail", "email", unique=True),
    Field("company", "Company <b>", choices=("a", "b")),
    Field("created", "Created", read_only=True),
    Field("address.city"),
]


@pytest.fixture
def api(db):
    token, text = ApiToken.generate("tests")
    token.save()
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    return client


@pytest.fixture
def system(recording, monkeypatch):
    """What the other system tells: put in what it is to answer, or an exception."""
    system = {"fields": FIELDS, "read": [Held({"visits": "3", "id": "p1"})]}

    def tell(name):
        def told(*_deliveries):
            answer = system[name]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return told

    monkeypatch.setattr(recording, "abilities", ("fields", "read"), raising=False)
    monkeypatch.setattr(_RecordingSession, "fields", lambda _self: tell("fields")(), raising=False)
    monkeypatch.setattr(_RecordingSession, "read", lambda _self, _d: tell("read")(), raising=False)
    return system


def test_they_are_fetched_and_kept_for_a_set_of_credentials(system, make_destination):
    destination = make_destination()
    assert target_fields.known(destination) == []
    target_fields.refresh(destination)
    assert [field.name for field in target_fields.known(destination)] == [field.name for field in FIELDS]
    assert target_fields.known(destination)[1].choices == ["a", "b"]
    destination.use_test_credentials = True
    assert target_fields.known(destination) == []


@pytest.mark.parametrize(
    ("error", "said"),
    [(Unreachable("it is away"), "it is away"), (KeyError("s3cr3t"), "the connector failed with KeyError")],
)
def test_a_failure_is_told_and_keeps_what_was_known(error, said, system, make_destination):
    destination = make_destination()
    target_fields.refresh(destination)
    system["fields"] = error
    assert str(target_fields.refresh(destination).problem) == said
    assert len(target_fields.known(destination)) == len(FIELDS)
    system["fields"] = FIELDS
    assert target_fields.refresh(destination).problem == ""


def test_after_a_while_they_are_not_relied_on(system, make_destination, frozen):
    destination = make_destination()
    target_fields.refresh(destination)
    frozen.forward(target_fields.KEPT.total_seconds() + 1)
    assert target_fields.known(destination) == []


def test_other_credentials_may_be_of_another_system(system, make_destination):
    destination = make_destination()
    target_fields.refresh(destination)
    destination.resource.production = {"token": "another"}
    configuration.save(destination.resource)
    assert not KnownFields.objects.exists()


TABLES = {
    "type": "object",
    "properties": {"table": {"type": "string", "default": "t"}, "pace": {"type": "integer"}},
}


@pytest.fixture
def tables(system, recording, monkeypatch):
    """The system has fields for each table that a destination's settings name."""
    monkeypatch.setattr(recording, "settings_schema", TABLES)
    monkeypatch.setattr(recording, "fields_settings", ("table",), raising=False)
    return system


def test_two_tables_of_one_resource_have_fields_of_their_own(tables, make_destination, admin_client, api):
    one = make_destination(settings={"table": "people"}, mapping={"email": "profile@id"})
    other = make_destination("other", settings={"table": "orders"}, mapping={"email": "profile@id"})
    assert target_fields.stored(other) is None
    target_fields.refresh(one)
    tables["fields"] = [Field("total")]
    target_fields.refresh(other)
    assert len(target_fields.known(one)) == len(FIELDS)
    assert [field.name for field in target_fields.known(other)] == ["total"]
    shown = [text(admin_client.get(ADMIN.format(pk, "fields"))) for pk in (one.pk, other.pk)]
    assert ["total" in page.partition("tracsync-panel")[2] for page in shown] == [False, True]
    assert "has no field email" in str(api.get(f"/api/v1/destinations/{other.pk}/").json()["warnings"])
    assert "has no field" not in str(api.get(f"/api/v1/destinations/{one.pk}/").json()["warnings"])


def test_other_settings_change_nothing_of_what_is_known(tables, make_destination):
    one = make_destination(settings={"table": "t"})
    target_fields.refresh(one)
    same = make_destination("other", settings={"pace": 4})  # of the table that is the default
    assert len(target_fields.known(same)) == len(FIELDS)
    same.settings = {"table": "another"}
    assert target_fields.known(same) == []


def test_tables_that_nobody_names_any_more_are_forgotten(tables, make_destination):
    destination = make_destination(settings={"table": "people"})
    for table in ("typed", "and typed", "people"):
        destination.settings = {"table": table}
        target_fields.refresh(destination)
    assert KnownFields.objects.get().scope == target_fields.scope(destination)


def test_another_destination_that_no_key_opens_harms_nothing(tables, make_destination):
    destination, sealed = make_destination(settings={"table": "people"}), make_destination("sealed")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE destinations_destination SET settings = 'x' WHERE id = %s", [sealed.pk])
    target_fields.refresh(destination)
    assert len(target_fields.known(destination)) == len(FIELDS)


def test_the_form_says_how_old_they_are(system, make_destination, admin_client, frozen):
    destination = make_destination()
    change = ADMIN.format(destination.pk, "change")
    assert "Fetched:" not in text(admin_client.get(change))
    target_fields.refresh(destination)
    assert "Fetched: " in text(admin_client.get(change))
    assert "too long ago" not in text(admin_client.get(change))
    assert "Fetched: just now." in text(admin_client.get(change))
    frozen.forward(target_fields.KEPT.total_seconds() + 1)
    assert "too long ago to be relied on" in text(admin_client.get(change))


def test_what_fields_of_a_system_hang_on_is_read_off_its_file():
    found = {one.slug: sorted(fields_settings(one)) for one in registry.all_connectors()}
    columns = ["json_column", "key_column", "schema", "table", "version_column"]
    assert {slug: names for slug, names in found.items() if names} == {
        **{"elasticsearch": ["index"], "opensearch": ["index"], "mailchimp": ["audience"]},
        **{"mysql": columns, "postgresql": columns, "salesforce": ["api_version", "object"]},
    }


def test_they_are_bounded():
    many = (Field("n" * 999, "t" * 999, choices=["c" * 999] * 999) for _ in range(target_fields.MOST + 5))
    stored = target_fields.bounded(many)
    assert len(stored) == target_fields.MOST
    assert {len(stored[0]["name"]), len(stored[0]["title"])} == {target_fields.LONGEST}
    assert len(stored[0]["choices"]) == target_fields.MOST_CHOICES


def test_a_connector_that_cannot_tell_them(make_destination):
    with pytest.raises(ConfigurationError, match="does not tell the fields"):
        target_fields.refresh(make_destination())


MAPPING = {
    "email": "profile@id",
    "emial": "profile@id",
    "created?": "profile@id",
    "address": {"city": "profile@id", "street": "profile@id"},
    "company": {"any": "profile@id"},
    "...": "profile@traits",
}


def test_what_chooses_a_value_is_no_field(system, make_destination):
    chosen = {"$if": "profile@id EXISTS", "then": "a", "else": {"deep": "b"}}
    destination = make_destination(mapping={"email": chosen, "company": chosen, "address": {"city": chosen}})
    target_fields.refresh(destination)
    assert checking.warnings(Destination.objects.get(), None) == []


def test_unknown_and_read_only_fields_are_warned_of(system, make_destination):
    destination = make_destination(mapping=MAPPING)
    assert checking.warnings(destination, None) == []
    target_fields.refresh(destination)
    found = checking.warnings(Destination.objects.get(), None)
    assert {(one.path, one.message, one.hint) for one in found} == {
        ("$.emial", "the destination has no field emial", "the nearest that it has is email"),
        ("$.created", "the destination has created only for reading", ""),
        (
            "$.address.street",
            "the destination has no field address.street",
            "the nearest that it has is address.city",
        ),
    }


def test_what_the_payload_has_beside_the_listed_fields_is_known(make_destination, make_resource):
    """Brevo lists attributes; the address beside them is no field, and needed."""
    brevo, _is_new = Extension.objects.get_or_create(slug="brevo", defaults={"name": "Brevo"})
    resource = make_resource("brevo", type=brevo, production={"api_key": "key"})
    mapping = {
        "email": "profile@id",
        "attributes": {"NAME": "profile@id", "NAM": "profile@id"},
        "ext": "profile@id",
    }
    destination = make_destination(resource=resource, mapping=mapping)
    told = target_fields.bounded([Field("attributes.NAME")])
    KnownFields.objects.create(resource=resource, use_test=False, fields=told, fetched_at=timezone.now())
    assert [one.path for one in checking.warnings(destination, None)] == ["$.attributes.NAM", "$.ext"]


def test_what_is_unknown_is_marked_at_its_key_while_it_is_written(system, make_destination, admin_client):
    destination = make_destination()
    target_fields.refresh(destination)
    text = """{
 "email": "profile@id",
 "emial?": "profile@id",
 "address": {"street": "x"},
 "company": "c"
}"""
    url = reverse("admin:destinations_destination_editor_check")
    given = {"kind": "mapping", "text": text, "resource": destination.resource_id}
    found = admin_client.post(url, given).json()["problems"]
    assert [(one["line"], one["column"], one["length"], one["path"]) for one in found] == [
        (3, 2, 8, "$.emial"),
        (4, 14, 8, "$.address.street"),
        (5, 2, 9, "$.company"),
    ]
    assert {one["severity"] for one in found} == {"warning"}
    assert (found[2]["message"], found[2]["hint"]) == (
        "the field company of the destination does not take this",
        "it takes: a, b",
    )
    for fixed in ("b", "profile@id", "{{profile@id}}", "`profile@id`"):
        fine = {**given, "text": json.dumps({"company": fixed}), "destination": destination.pk}
        assert admin_client.post(url, fine).json()["problems"] == []
    for nobody in ({"use_test": "true"}, {"resource": "0"}, {"resource": "x\0"}, {"resource": ""}):
        assert admin_client.post(url, {**given, **nobody}).json()["problems"] == []


def test_the_editor_is_given_what_can_be_written_with_its_choices(system, make_destination, admin_client):
    destination = make_destination()
    target_fields.refresh(destination)
    url = reverse("admin:destinations_destination_change", args=[destination.pk])
    text = admin_client.get(url).content.decode()
    start = text.index(">", text.index('id="tracsync-notation"')) + 1
    assert json.loads(text[start : text.index("</script>", start)])["targets"] == [
        {"name": "email", "detail": "E-mail, email, unique", "choices": []},
        {"name": "company", "detail": "Company <b>", "choices": ["a", "b"]},
        {"name": "address.city", "detail": "", "choices": []},
    ]
    assert "Company <b>" not in text


def test_the_api_tells_and_fetches_them(system, make_destination, api):
    url = f"/api/v1/destinations/{make_destination(mapping=MAPPING).pk}/"
    nothing = {"offered": True, "fetched_at": None, "problem": "", "fields": []}
    assert api.get(f"{url}fields/").json() == nothing
    fetched = api.post(f"{url}fields/").json()
    assert fetched["fetched_at"]
    assert fetched["fields"][0] == {
        **{"name": "email", "title": "E-mail", "type": "email"},
        **{"unique": True, "read_only": False, "choices": []},
    }
    assert api.get(f"{url}fields/").json() == fetched
    assert "the destination has no field emial" in str(api.get(url).json()["warnings"])
    system["fields"] = Unreachable("it is away")
    assert api.post(f"{url}fields/").json() == {**fetched, "problem": "it is away"}


def test_the_api_says_where_there_are_none(make_destination, api):
    url = f"/api/v1/destinations/{make_destination().pk}/fields/"
    assert api.get(url).json()["offered"] is False
    assert api.post(url).status_code == 400


def test_the_api_reads_back(system, make_destination, make_profile, api):
    url = f"/api/v1/destinations/{make_destination().pk}/read/"
    make_profile("p1", stats={"visits": 4})
    assert api.post(url, {"profile": "p1"}, format="json").json() == {
        **{"there": True, "problem": "", "held": {"visits": "3", "id": "p1"}},
        "made": {"id": "p1", "visits": 4},
        "differences": [{"field": "visits", "held": "3", "made": 4}],
    }
    system["read"] = [Held()]
    assert api.post(url, {"profile": "p1"}, format="json").json()["there"] is False
    for answer, said in (
        (Unreachable("it is away"), "it is away"),
        ([Held(problem="not now")], "not now"),
        ([Accepted()], "it told nothing that can be read"),
        (KeyError("s3cr3t"), "the connector failed with KeyError"),
    ):
        system["read"] = answer
        told = api.post(url, {"profile": "p1"}, format="json").json()
        assert (told["there"], told["problem"]) == (None, said)
    assert api.post(url, {"profile": "nobody"}, format="json").status_code == 400
    assert api.post(url, {}, format="json").status_code == 400


def test_a_destination_that_cannot_be_asked(make_destination, make_profile, api):
    make_profile("p1")
    told = api.post(
        f"/api/v1/destinations/{make_destination().pk}/read/", {"profile": "p1"}, format="json"
    ).json()
    assert told["problem"] == "this destination cannot be asked what it holds"


ADMIN = "/admin/destinations/destination/{}/{}/"


def text(response):
    assert response.status_code == 200, response
    return response.content.decode()


def test_the_page_lists_and_fetches_them(system, make_destination, admin_client):
    pk = make_destination().pk
    assert ADMIN.format(pk, "fields") in text(admin_client.get(ADMIN.format(pk, "change")))
    assert "None is known." in text(admin_client.get(ADMIN.format(pk, "fields")))
    fetched = text(admin_client.post(ADMIN.format(pk, "act/fetch_fields"), follow=True))
    assert "4 fields are known now." in fetched
    assert "Company &lt;b&gt;" in fetched
    assert "read-only" in fetched
    system["fields"] = Unreachable("it is away")
    assert "could not be fetched: it is away" in text(
        admin_client.post(ADMIN.format(pk, "act/fetch_fields"), follow=True)
    )


def test_the_form_offers_them(system, make_destination, admin_client, recording, monkeypatch):
    schema = {"type": "object", "properties": {"match": {"type": "string", "choices": "unique_fields"}}}
    monkeypatch.setattr(recording, "settings_schema", schema)
    destination = make_destination()
    target_fields.refresh(destination)
    for url in (ADMIN.format(destination.pk, "change"), "/admin/destinations/destination/add/?resource=1"):
        shown = text(admin_client.get(url.replace("=1", f"={destination.resource_id}")))
        assert '<option value="email">E-mail</option></datalist>' in shown
        assert '"name": "company", "detail": "Company' in shown
        assert '"name": "created"' not in shown  # it is only for reading


def test_the_form_offers_them_without_what_the_payload_has_before_their_names(
    system, make_destination, admin_client, recording, monkeypatch
):
    asked = {"type": "string", "choices": "fields", "choices_prefix": "address."}
    monkeypatch.setattr(recording, "settings_schema", {"type": "object", "properties": {"match": asked}})
    destination = make_destination()
    target_fields.refresh(destination)
    shown = text(admin_client.get(ADMIN.format(destination.pk, "change")))
    assert '<option value="city">' in shown
    assert '<option value="email">E-mail</option>' in shown


def test_why_shows_what_is_held_to_those_who_ask(system, make_destination, make_profile, admin_client):
    destination, profile = make_destination(), make_profile("p1", stats={"visits": 4})
    url = f"/admin/profiles/profile/{profile.pk}/why/{destination.pk}/"
    before = text(admin_client.get(url))
    assert "Look there now" in before
    assert "Held there" not in before
    after = text(admin_client.post(url))
    assert "<code>&quot;3&quot;</code>" in after
    system["read"] = [Held({"id": "p1", "visits": 4, "more": "<i>"})]
    after = text(admin_client.post(url))
    assert "All that the mapping makes of the profile is held as it is." in after
    assert "&lt;i&gt;" in after
    system["read"] = [Held(problem="not <now>")]
    assert "not &lt;now&gt;" in text(admin_client.post(url))
    system["read"] = [Held()]
    assert "The profile is not there." in text(admin_client.post(url))


def test_who_may_not_see_destinations_does_not_ask(
    system, make_destination, make_profile, client, django_user_model
):
    user = django_user_model.objects.create_user("reader", password="reader", is_staff=True)
    permissions = Permission.objects.filter(codename__in=("view_profile", "view_profilesync"))
    user.user_permissions.set(permissions)
    client.force_login(user)
    destination, profile = make_destination(), make_profile("p1")
    system["read"] = AssertionError("it was asked")
    shown = text(client.post(f"/admin/profiles/profile/{profile.pk}/why/{destination.pk}/"))
    assert "Look there now" not in shown
    assert "cannot be told" not in shown
