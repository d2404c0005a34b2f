"""Systems that hold profiles hold exactly those that are wanted, as they are, whatever happens on the way."""

import json
import random
import re

import pytest
import responses
from django.utils import timezone

from destinations import configuration
from destinations.configuration import validation
from destinations.models import Destination, Extension, ProfileSync, Resource
from destinations.operations import actions
from profiles import changes
from profiles.models import Profile
from tests.connectors.mautic.double import MauticDouble, as_callback
from tests.sync.test_order import drain

BASE = "https://mautic.example"
PROFILES, ROUNDS, AT_ONCE = 15, 40, 4
UNWELL = 0.1  # of the calls that change something


@pytest.fixture
def mautic():
    double, rng = MauticDouble(), random.Random(31)
    answer = as_callback(double)

    def sometimes(request):
        """A 503 before anything was done."""
        if not double.calm and request.method != "GET" and rng.random() < UNWELL:
            return 503, {}, "busy"
        return answer(request)

    double.calm = False
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for method in ("GET", "POST", "PATCH", "DELETE"):
            mock.add_callback(method, re.compile(f"{BASE}/.*"), callback=sometimes)
        yield double


@pytest.fixture
def make(db):
    def make(slug, credentials, mapping, **settings):
        Extension.objects.filter(slug=slug).update(installed_at=timezone.now())
        resource = Resource(name=slug, type_id=slug, production=credentials)
        configuration.save(resource)
        made = Destination(
            name=slug,
            resource=resource,
            mapping=mapping,
            settings=settings,
            prerequisites="profile@consent == true",
            on_leave="remove",
            on_delete="remove",
            quiet_period=1,
        )
        validation.check_destination(made)
        configuration.save(made)

    return make


def come_and_go(frozen):
    """Profiles change, leave, are deleted and made again, at any moment of their pushes."""
    rng = random.Random(32)
    for count in range(1, ROUNDS + 1):
        for number in rng.sample(range(PROFILES), AT_ONCE):
            id = f"p{number}"
            if rng.random() < 0.2:
                Profile.objects.filter(pk=id).delete()
                continue
            mail = f"{id}-{rng.randrange(3)}@x.example"  # it may be another one each time
            document = {"id": id, "mail": mail, "n": count, "consent": rng.random() < 0.7}
            changes.write([changes.Change(id, "put", document)])
        frozen.forward(rng.uniform(0.5, 4))
        if rng.random() < 0.3:
            drain(frozen)


def at_last(frozen):
    """What is wanted, when all that was refused has been tried again and nothing is waiting."""
    drain(frozen)
    actions.replay(ProfileSync.objects.filter(state="rejected"))
    drain(frozen)
    wanted = [one.document for one in Profile.objects.all() if one.document["consent"]]
    assert wanted
    return wanted


@pytest.mark.django_db(transaction=True)
def test_mautic(frozen, make, mautic):
    keys = {"api_url": BASE, "public_key": "public", "private_key": "secret"}
    make("mautic", keys, {"email": "profile@mail", "points": "profile@n"})
    come_and_go(frozen)
    mautic.calm = True
    wanted = sorted((one["mail"], one["n"]) for one in at_last(frozen))
    assert [(one["email"], one["points"]) for one in mautic.held()] == wanted
    assert sum(call.startswith("DELETE") for call in mautic.calls) > PROFILES / 2


class Shelf:
    """A web service that keeps objects by their name; now and then it has done it and says 500."""

    def __init__(self):
        self.held, self.deleted, self.calm = {}, 0, False
        self.rng = random.Random(33)

    def answer(self, request):
        name = request.url.rpartition("/")[2]
        if request.method == "PUT":
            self.held[name] = json.loads(request.body)["n"]
            status = 200
        else:
            self.deleted += 1
            status = 404 if self.held.pop(name, None) is None else 204
        return (500 if not self.calm and self.rng.random() < UNWELL else status), {}, ""


@pytest.mark.django_db(transaction=True)
def test_http_api(frozen, make):
    shelf = Shelf()
    make(
        "http_api",
        {"url": "https://shelf.example/objects"},
        {"n": "profile@n"},
        method="PUT",
        path="/{{profile@id}}",
        remove={"path": "/{{delivery@key}}"},
    )
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for method in ("PUT", "DELETE"):
            mock.add_callback(method, re.compile("https://shelf.example/.*"), callback=shelf.answer)
        come_and_go(frozen)
        shelf.calm = True
        wanted = {one["id"]: one["n"] for one in at_last(frozen)}
    assert shelf.held == wanted
    assert shelf.deleted > PROFILES / 2
