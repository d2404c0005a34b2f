"""http_api from a saved profile to the wire and back: remote ids, addresses, leaving."""

from __future__ import annotations

import json

import pytest
from django.utils import timezone

from destinations import configuration
from destinations.configuration import validation
from destinations.models import Destination, Extension, ProfileSync, Resource
from destinations.scheduler import loop

pytestmark = pytest.mark.django_db


@pytest.fixture
def push(frozen):
    def pushed():
        frozen.forward(30)
        while loop.tick():
            pass

    return pushed


@pytest.fixture
def make(server, settings):
    settings.TRACSYNC_ALLOWED_INTERNAL_NETWORKS = ["127.0.0.0/8"]
    Extension.objects.filter(slug="http_api").update(installed_at=timezone.now())
    resource = Resource.objects.create(
        name="crm", type_id="http_api", production={"url": f"{server.url}/api"}
    )

    def made(**fields):
        destination = Destination(name="crm", resource=resource, quiet_period=0, **fields)
        validation.check_destination(destination)
        configuration.save(destination)
        return destination

    return made


def change(profile, **data):
    profile.document = {**profile.document, **data}
    profile.save()


def test_it_is_created_updated_and_taken_away_by_the_id_that_was_told(
    make, server, push, make_profile
) -> None:
    make(
        mapping={"name": "profile@name"},
        prerequisites="profile@wanted == true",
        on_leave="remove",
        settings={
            "path": "/contacts",
            "remote_id": "answer@id",
            "update": {"path": "/contacts/{{delivery@remote.id}}"},
            "remove": {"path": "/contacts/{{delivery@remote.id}}", "query": {"key": "delivery@key"}},
        },
    )
    server.answers.append((201, {}, b'{"id": 47}'))
    profile = make_profile("p 1", name="Ana", wanted=True)
    push()
    change(profile, name="Eva")
    push()
    change(profile, wanted=False)
    push()
    assert [(seen.method, seen.path) for seen in server.seen] == [
        ("POST", "/api/contacts"),
        ("PUT", "/api/contacts/47"),
        ("DELETE", "/api/contacts/47?key=p+1"),
    ]
    assert ProfileSync.objects.get().state == "removed"


def test_what_the_address_takes_from_a_profile_is_part_of_what_is_sent(
    make, server, push, make_profile
) -> None:
    make(mapping={"name": "profile@name"}, settings={"path": "/by/{{profile@mail}}", "method": "PUT"})
    profile = make_profile("p1", name="Ana", mail="a@x")
    push()
    change(profile, mail="b@x", other=1)
    push()
    change(profile, other=2)
    push()
    assert [seen.path for seen in server.seen] == ["/api/by/a%40x", "/api/by/b%40x"]


def test_a_missing_value_is_a_rejection_that_names_it_until_it_is_there(
    make, server, push, make_profile
) -> None:
    make(mapping={}, settings={"path": "/by/{{profile@mail}}"})
    profile = make_profile("p1")
    push()
    row = ProfileSync.objects.get()
    assert (row.state, row.code, row.field) == ("rejected", "missing_key", "profile@mail")
    change(profile, mail="a@x")
    push()
    row.refresh_from_db()
    assert row.state == "synced"


def test_a_batch_goes_in_one_call_and_each_has_its_own_outcome(make, server, push, make_profile) -> None:
    results = {"at": "answer@results", "id": "id", "error": "error"}
    make(mapping={"id": "profile@id"}, settings={"batch": {"size": 10, "results": results}})
    for number in range(3):
        make_profile(f"p{number}")
    server.answers.append(
        (200, {}, json.dumps({"results": [{"id": 1}, {"error": "no"}, {"id": 3}]}).encode())
    )
    push()
    assert len(server.seen) == 1
    assert sorted(ProfileSync.objects.values_list("state", flat=True)) == ["rejected", "synced", "synced"]
    assert set(ProfileSync.objects.values_list("remote_id", flat=True)) == {"", "1", "3"}
