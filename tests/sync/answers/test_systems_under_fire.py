"""Systems that ship hold exactly who is wanted, as they are, whatever their doubles answer on the way."""

from __future__ import annotations

import json
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import requests
import responses
from django.utils import timezone

from destinations import configuration
from destinations.configuration import validation
from destinations.connectors import registry
from destinations.connectors.testing import SeenRequest
from destinations.connectors.testing.doubles.crm.hubspot import HubSpot
from destinations.connectors.testing.doubles.marketing.brevo import Brevo
from destinations.connectors.testing.doubles.marketing.klaviyo import Klaviyo
from destinations.connectors.testing.doubles.marketing.mailchimp import Mailchimp
from destinations.connectors.testing.doubles.system import System
from destinations.models import DeliveryAttempt, Destination, Extension, ProfileSync, Resource
from destinations.notation import parse_template
from profiles import changes
from profiles.models import Profile
from tests.sync.test_order import drain
from tests.test_no_secret_anywhere import stored

PROFILES, ROUNDS, AT_ONCE = 12, 20, 5
BAD = 0.1  # of the changes
LOCKED_OUT = 3  # calls in a row are answered 401
# How many of a hundred calls that may change something end how; the others as the double says.
FATES = {"busy": 5, "failed": 4, "reset": 3, "cut off": 4, "failed afterwards": 3, "late": 2, "locked out": 2}
TAKEN = ("", "cut off", "failed afterwards", "late")


@dataclass(frozen=True)
class Way:
    """How a system is used. `items` are the profiles that a body is about, `core` what of a payload, of an
    item or of what is stored is compared, and `profile` whose it is.
    """

    double: type[System]
    mapping: Mapping[str, Any]
    items: Callable[[Any], list[Any]]
    core: Callable[[Any], Any]
    profile: Callable[[Any], str]
    settings: Mapping[str, Any] = field(default_factory=dict)
    leaving: str = "remove"


def some(*names: str) -> Callable[[Any], Any]:
    return lambda one: {name: one[name] for name in names}


WAYS = [
    Way(
        HubSpot,
        {"id": "profile@id", "properties": {"pid": "profile@id", "age": "profile@age", "n": "profile@n"}},
        lambda body: body.get("inputs", []),
        lambda one: one.get("properties", one),
        lambda core: core["pid"],
        {"id_property": "tracsync_id"},
    ),
    Way(
        Mailchimp,
        {"email_address": "profile@mail", "merge_fields": {"PID": "profile@id", "N": "profile@n"}},
        lambda body: body.get("members", []),
        some("email_address", "merge_fields"),
        lambda core: core["merge_fields"]["PID"],
        Mailchimp.settings,
    ),
    Way(
        Brevo,
        {"email": "profile@mail", "attributes": {"PID": "profile@id", "N": "profile@n"}},
        lambda body: [body],
        some("email", "attributes"),
        lambda core: core["attributes"]["PID"],
        Brevo.settings,
    ),
    Way(
        Klaviyo,
        {"external_id": "profile@id", "email": "profile@mail", "properties": {"n": "profile@n"}},
        lambda body: [body["data"]["attributes"]] if body["data"]["type"] == "profile" else [],
        some("external_id", "email", "properties"),
        lambda core: core["external_id"],
        leaving="erase",
    ),
]


class Fire:
    """A double that fails by a script. `stories`: by profile, what it was told, nothing where the profile was
    to be taken away, and whether it has done so and said so. `was_mixed`: it took some of a call, not others.
    """

    def __init__(self, way: Way, double: System, seed: int) -> None:
        self.way, self.double = way, double
        self.rng = random.Random(f"{seed}:fates")
        self.is_calm = self.was_mixed = False
        self.fates: set[str] = set()
        self.stories: dict[str, list[tuple[Any, bool]]] = defaultdict(list)
        self._locked_out = 0

    def answer(self, sent: requests.PreparedRequest) -> Any:
        body = sent.body.encode() if isinstance(sent.body, str) else sent.body or b""
        path = sent.url.removeprefix(self.double.url)
        request = SeenRequest(sent.method, path, dict(sent.headers), body)
        fate = self._fate() if self.double.changes(request) else ""
        self.fates.add(fate)
        about = list(self._about(request))
        answer = self.double.take(request) if fate in TAKEN else None
        held = self.held()
        for profile, core in about:
            self.stories[profile].append((core, fate == "" and held.get(profile) == core))
        self.was_mixed |= {held.get(profile) == core for profile, core in about} == {True, False}
        return self._said(fate, request, answer)

    def _fate(self) -> str:
        if self.is_calm:
            return ""
        if self._locked_out:
            self._locked_out -= 1
            return "locked out"
        (fate,) = self.rng.choices([*FATES, ""], [*FATES.values(), 100 - sum(FATES.values())])
        self._locked_out = LOCKED_OUT - 1 if fate == "locked out" else 0
        return fate

    def _about(self, request: SeenRequest) -> Iterator[tuple[str, Any]]:
        """Each profile that a call is about, with nothing where it is to be taken away."""
        body = json.loads(request.body) if request.body else {}
        items = self.way.items(body) if body else []
        for one in items:
            core = self.way.core(one)
            yield self.way.profile(core), core
        if not items:
            named = {unquote(part) for part in urlsplit(request.path).path.split("/")}
            for key, held in self.double.stored.items():
                if key in named or f'"{key}"' in request.body.decode():
                    yield self.way.profile(self.way.core(held)), None

    def _said(self, fate: str, request: SeenRequest, answer: Any) -> Any:
        echo = json.dumps({"message": f"{dict(request.headers)} {request.body.decode()}"}).encode()
        match fate:
            case "":
                return answer
            case "busy":
                return 429, {"Retry-After": "3"}, echo
            case "failed" | "failed afterwards":
                return 500, {}, echo
            case "locked out":
                return self.double.refusal(request)
            case "late":
                raise requests.ReadTimeout
        raise requests.ConnectionError("reset")  # before it was taken, or after

    def needless(self) -> list[str]:
        """Profiles of which what it had taken, and had said so, was sent once more."""
        return [
            profile
            for profile, story in self.stories.items()
            if any(was_plain and first == second for (first, was_plain), (second, _) in pairwise(story))
        ]

    def held(self) -> dict[str, Any]:
        cores = [self.way.core(one) for one in self.double.stored.values()]
        return {self.way.profile(core): core for core in cores}


def make(way: Way, double: System) -> Destination:
    slug = double.slug
    Extension.objects.filter(slug=slug).update(installed_at=timezone.now())
    resource = Resource(name=slug, type_id=slug, production=double.credentials)
    configuration.save(resource)
    made = Destination(
        name=slug,
        resource=resource,
        mapping=way.mapping,
        settings=way.settings,
        prerequisites="profile@consent == true",
        on_leave=way.leaving,
        on_delete=way.leaving,
        quiet_period=1,
    )
    validation.check_destination(made)
    configuration.save(made)
    return made


def come_and_go(frozen: Any, seed: int) -> None:
    """Profiles change, are refused, leave, are deleted and made again, at any moment of their pushes."""
    rng = random.Random(f"{seed}:changes")
    for count in range(1, ROUNDS + 1):
        for number in rng.sample(range(PROFILES), AT_ONCE):
            id = f"p{number}"
            if rng.random() < 0.2:
                Profile.objects.filter(pk=id).delete()
                continue
            is_bad = rng.random() < BAD
            document = {
                "id": id,
                "mail": f"{id}@" if is_bad else f"{id}@x.example",
                "age": "old" if is_bad else "40",
                "n": rng.choice(["few", "some", str(count)]),  # now and then as it was before
                "consent": rng.random() < 0.7,
                "is_bad": is_bad,
            }
            changes.write([changes.Change(id, "put", document)])
        frozen.forward(rng.uniform(0.5, 4))
        if rng.random() < 0.4:
            drain(frozen)


@pytest.mark.django_db
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.double.slug)
def test_it_holds_exactly_who_is_wanted(way: Way, seed: int, frozen: Any) -> None:
    with way.double() as double, responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        fire = Fire(way, double, seed)
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            mock.add_callback(method, re.compile(f"{re.escape(double.url)}/.*"), callback=fire.answer)
        make(way, double)
        come_and_go(frozen, seed)
        fire.is_calm = True
        drain(frozen)
    assert len(fire.fates) > len(FATES) / 2
    assert fire.was_mixed == (registry.get(double.slug).batch_size > 1)

    template = parse_template(way.mapping)
    wanted = [one.document for one in Profile.objects.all() if one.document["consent"]]
    good = [template.render({"profile": one}) for one in wanted if not one["is_bad"]]
    bad = {one["id"] for one in wanted if one["is_bad"]}
    expected = {way.profile(way.core(one)): way.core(one) for one in good}
    assert expected
    refused = {row.profile_id: row for row in ProfileSync.objects.filter(state="rejected")}
    assert {id: core for id, core in fire.held().items() if id not in bad} == expected
    assert refused.keys() == bad
    assert fire.needless() == []

    assert DeliveryAttempt.objects.exclude(outcome="accepted").exists()
    secret = next(value for name, value in double.credentials.items() if name != "base_url")
    assert not [table for table, row in stored() if secret in row]
