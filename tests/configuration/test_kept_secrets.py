"""A secret that nobody has entered again follows to no other place, whichever way it is tried."""

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from destinations import configuration
from destinations.configuration import validation
from destinations.connectors import registry, schemas
from destinations.models import Destination, Extension, Resource

pytestmark = pytest.mark.django_db

SECRET = "s3cr3t-3141"
HERE, ELSEWHERE = "https://crm.example/in", "https://elsewhere.example/in"
SECRETS = {
    "token": {"token": SECRET},
    "password": {"username": "ann", "password": SECRET},
    "one of the headers": {"headers": {"X-Key": SECRET, "X-Plain": "a"}},
    "the address itself": {"url": f"https://ann:{SECRET}@crm.example/in?key={SECRET}"},
}
MOVES = {
    "another host": {"url": ELSEWHERE},
    "another scheme": {"url": "http://crm.example/in"},
    "another port": {"url": "https://crm.example:8443/in"},
    "a proxy": {"proxy": "http://elsewhere.example:3128"},
    "no verification": {"ssl_check": False},
}


# An address that is entered again brings its own secrets.
PAIRS = [
    (secret, move) for secret in SECRETS for move in MOVES if not SECRETS[secret].keys() & MOVES[move].keys()
]


@pytest.fixture
def extension(db):
    Extension.objects.update(installed_at=timezone.now())
    return Extension.objects.get(pk="http_api")


@pytest.fixture
def make_resource(extension):
    def make(name="api", **credentials):
        sets = {"production": {"url": HERE, **credentials}}
        return Resource.objects.create(name=name, type=extension, **sets)

    return make


def problems(check, *args, **options):
    try:
        check(*args, **options)
    except ValidationError as error:
        return error.message_dict
    return {}


@pytest.mark.parametrize(("secret", "move"), PAIRS)
@pytest.mark.parametrize("name", ["production", "test"])
def test_no_secret_follows_when_the_address_changes(make_resource, secret, move, name):
    stored = {"url": HERE, **SECRETS[secret]}
    resource = Resource.objects.create(
        name="api", type_id=make_resource("other").type_id, **{"production": {"url": HERE}, name: stored}
    )
    setattr(resource, name, {**stored, **MOVES[move]})
    found = problems(validation.check_resource, resource)
    assert set(found) == {name}
    [text] = found[name]
    assert f"enter {next(iter(SECRETS[secret])) if secret != 'password' else 'password'} again" in text
    assert SECRET not in text


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("move", MOVES)
def test_who_enters_them_again_may_move_them(make_resource, secret, move):
    resource = make_resource(**SECRETS[secret])
    resource.production = {**resource.production, **MOVES[move]}
    sent = {**SECRETS[secret], **MOVES[move]}
    assert problems(validation.check_resource, resource, {"production": sent}) == {}


def test_one_header_that_was_kept_among_new_ones_is_found(make_resource):
    resource = make_resource(headers={"X-Key": SECRET})
    sent = {"url": ELSEWHERE, "headers": {"X-Key": "********", "X-New": "n"}}
    schema = registry.get("http_api").credentials_schema
    resource.production = schemas.unmask(schema, sent, resource.production)
    assert resource.production["headers"]["X-Key"] == SECRET
    found = problems(validation.check_resource, resource, {"production": sent})
    assert found == {"production": ["The address leads to another host: enter headers again."]}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"url": HERE}, {"url": "https://crm.example/other?x=1"}),
        ({"url": HERE}, {"url": "HTTPS://CRM.example/in"}),
        ({"url": HERE, "ssl_check": False}, {"url": HERE, "ssl_check": True}),
        ({"url": HERE}, {"url": HERE, "ssl_check": True, "proxy": ""}),
        ({"url": HERE, "proxy": "http://u:a@p:1"}, {"url": HERE, "proxy": "http://u:b@p:1"}),
    ],
)
def test_the_same_place_keeps_them(make_resource, before, after):
    resource = make_resource(token=SECRET, **before)
    resource.production = {**resource.production, **after}
    assert problems(validation.check_resource, resource) == {}


def test_another_type_takes_no_secrets_along(make_resource, recording):
    resource = make_resource(token=SECRET)
    resource.type = Extension.objects.create(slug="recording", name="Recording", installed_at=timezone.now())
    resource.production = {"token": SECRET}
    assert "enter token again" in problems(validation.check_resource, resource)["production"][0]


@pytest.fixture
def crm(make_resource):
    made = Destination(
        name="crm", resource=make_resource(), settings={"cookies": {"session": SECRET}, "timeout": 5}
    )
    configuration.save(made)
    return made


@pytest.mark.parametrize("credentials", [{"url": ELSEWHERE}, {}])
def test_a_destinations_secrets_do_not_follow_to_another_resource(crm, make_resource, credentials):
    crm.resource = make_resource("other", **credentials)
    assert problems(validation.check_destination, crm) == {
        "settings": ["Another resource leads to another place: enter cookies again."]
    }
    assert problems(validation.check_destination, crm, crm.settings) == {}


@pytest.mark.parametrize("settings", [{"cookies": {"session": SECRET}}, {"headers": {"X-Token": SECRET}}])
def test_nor_to_whoever_can_read_without_verification(crm, settings):
    crm.settings = settings
    configuration.save(crm)
    crm.settings = {**settings, "ssl_check": False}
    [text] = problems(validation.check_destination, crm)["settings"]
    assert text == f"This changes who can read what is sent: enter {next(iter(settings))} again."
    assert problems(validation.check_destination, crm, settings) == {}


@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.parametrize("name", ["production", "test"])
def test_a_resources_secrets_are_not_read_on_the_way_because_of_a_destination(
    crm, make_resource, is_new, name
):
    resource = make_resource("with a secret")
    setattr(resource, name, {"url": HERE, "token": SECRET})
    resource.save()
    chosen = Destination(name="new", resource=resource, settings={"timeout": 5})
    if not is_new:
        configuration.save(chosen)
    chosen.settings = {"timeout": 5, "ssl_check": False}
    [text] = problems(validation.check_destination, chosen)["settings"]
    assert "The secrets of the resource with a secret would go this way, too: set ssl_check there" in text
    setattr(resource, name, {"url": HERE, "token": SECRET, "ssl_check": False})
    assert problems(validation.check_destination, chosen) == {}


def test_what_was_not_verified_before_can_still_be_edited(crm, make_resource):
    resource = make_resource("with a secret", token=SECRET)
    crm = Destination(name="old", resource=resource, settings={"ssl_check": False})
    configuration.save(crm)
    crm.mapping = {"id": "profile@id"}
    assert problems(validation.check_destination, crm) == {}
    crm.resource = make_resource("another", token=SECRET)
    assert "would go this way" in problems(validation.check_destination, crm)["settings"][0]


@pytest.mark.parametrize("name", ["production", "test"])
@pytest.mark.parametrize("move", MOVES)
def test_a_resource_does_not_take_the_secrets_of_its_destinations_elsewhere(crm, name, move):
    setattr(crm.resource, name, {"url": HERE, **MOVES[move]})
    [text] = problems(validation.check_resource, crm.resource)[name]
    assert text.startswith("The settings of crm hold secrets that would follow to the new address")
    crm.settings = {"timeout": 5}
    configuration.save(crm)
    assert problems(validation.check_resource, crm.resource) == {}


def test_to_the_place_of_the_other_set_they_go_already(crm):
    crm.resource.test = {"url": "https://crm.example/test"}
    assert problems(validation.check_resource, crm.resource) == {}


def test_many_destinations_are_named_in_a_short_sentence(crm):
    for number in range(9):
        configuration.save(Destination(name=f"d{number}", resource=crm.resource, settings=crm.settings))
    crm.resource.production = {"url": ELSEWHERE}
    [text] = problems(validation.check_resource, crm.resource)["production"]
    assert "crm, d0, d1, d2, d3, … hold" in text


def test_what_no_connector_knows_any_more_is_all_secret(crm, make_resource):
    Extension.objects.create(slug="gone", name="Gone", installed_at=timezone.now())
    Resource.objects.filter(pk=crm.resource_id).update(type_id="gone")
    crm.resource = make_resource("other")
    assert "enter cookies, timeout again" in problems(validation.check_destination, crm)["settings"][0]


@pytest.mark.parametrize(
    ("name", "field", "is_address"),
    [
        ("api_url", {"type": "string"}, True),
        ("baseUrl", {"type": "string"}, True),
        ("bootstrap_servers", {"type": "string"}, True),
        ("target", {"format": "uri"}, True),
        ("target", {"address": True}, True),
        ("host", {"address": False}, False),
        ("hourly", {"type": "string"}, False),
        ("timeout", {"type": "number"}, False),
    ],
)
def test_what_an_address_is(name, field, is_address):
    schema = {"properties": {"in": {"properties": {name: field}}}}
    one, other = (schemas.addresses(schema, {"in": {name: value}}) for value in ("a", "b"))
    assert (one != other) is is_address


def test_an_address_that_programs_read_differently_is_another_one():
    schema = {"properties": {"url": {"format": "uri"}}}
    here, odd = ({"url": f"https://crm.example{rest}"} for rest in ("/in", "\\@crm.example/in"))
    assert schemas.addresses(schema, here) != schemas.addresses(schema, odd)
