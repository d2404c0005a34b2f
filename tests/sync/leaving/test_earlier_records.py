"""A system that finds people by their address makes another record when that changes: all of them leave."""

import json

import pytest

from destinations import configuration
from destinations.connectors.base import Accepted, Delivery, Runtime
from destinations.connectors.http.connector import HttpApi
from destinations.connectors.http.manifests import reading, start
from destinations.connectors.http.manifests.connector import ManifestConnector
from destinations.models import DeliveryAttempt, Destination, Extension, ProfileSync, Resource
from profiles.models import Profile
from tests.conftest import START
from tests.sync.answers.acme import AcmePeer, installed
from tests.ticking import run_all
from tracsync.privacy import erasing, steps

pytestmark = pytest.mark.django_db
State = ProfileSync.State
LEAVING = {"method": "DELETE", "path": "/contacts/{{delivery@remote.id}}"}
FORGETTING = {"method": "POST", "path": "/contacts/{{delivery@remote.id}}/forget"}


class ByAddress(AcmePeer):
    """Creates or updates by the e-mail address. `broken`: statuses of what comes next, by method."""

    def __init__(self):
        super().__init__()
        self.held, self.count, self.broken, self.keys = {}, 46, {}, []

    def answer(self, request):
        self.keys.append((request.path, request.headers["Idempotency-Key"]))
        if waiting := self.broken.get(f"{request.method} {request.path}") or self.broken.get(request.method):
            return waiting.pop(0), {}, b""
        number = request.path.removesuffix("/forget").rpartition("/")[2]
        if request.method == "DELETE" or request.path.endswith("/forget"):
            return (204 if self.held.pop(number, None) else 404), {}, b""
        email = json.loads(request.body)["contact"]["email"]
        known = next((one for one, held in self.held.items() if held == email), None)
        if known is None:
            self.count += 1
            known = str(self.count)
        self.held[known] = email
        status = 200
        if waiting := self.broken.get("after POST"):
            status = waiting.pop(0)
        return status, {}, json.dumps({"contact": {"id": known}}).encode()

    @property
    def asked(self):
        return [f"{one.method} {one.path}" for one in self.seen if one.path != "/contacts"]


@pytest.fixture
def server():
    with ByAddress() as peer:
        yield peer


def of_a_file(manifests, server):
    content = json.loads(start.text("acme"))
    del content["push"]["update"]
    content["erase"] = FORGETTING
    installed(manifests, json.dumps(content), server.url)


def of_settings(_manifests, server):
    extension = Extension.objects.get_or_create(
        slug="http_api", defaults={"name": "HTTP API", "installed_at": START}
    )[0]
    extension.installed_at = START
    extension.save()
    resource = Resource.objects.create(name="api", type=extension, production={"url": server.url})
    settings = {
        "method": "POST",
        "path": "/contacts",
        "body": {"contact": "delivery@payload"},
        "remote_id": "answer@contact.id",
        "remove": LEAVING,
        "erase": FORGETTING,
    }
    configuration.save(
        Destination(
            name="crm",
            resource=resource,
            mapping={"email": "profile@email"},
            settings=settings,
            quiet_period=20,
        )
    )


@pytest.fixture(params=[of_a_file, of_settings])
def destination(request, frozen, manifests, server):
    request.param(manifests, server)
    destination = Destination.objects.get()
    destination.prerequisites = "profile@email EXISTS"
    destination.on_leave, destination.on_delete = "remove", "remove"
    configuration.save(destination)
    return destination


@pytest.fixture
def change(frozen):
    def change(email, id="p1"):
        profile = Profile.objects.filter(pk=id).first() or Profile(document={"id": id})
        profile.document = {"id": id, **({"email": email} if email else {})}
        profile.save()
        frozen.forward(20)
        run_all()

    return change


def row(id="p1"):
    return ProfileSync.objects.get(profile=id)


def later(frozen):
    frozen.forward(3600)
    run_all()


def reason():
    return str(DeliveryAttempt.objects.order_by("-pk").first().reason)


def test_a_removal_takes_every_record_away(destination, change, server):
    change("ana@x.example")
    change("ana@y.example")
    assert row().remote == {"id": "48", "earlier": ["47"]}
    assert "that one, 47, stays known" in reason()
    change("ana@z.example")
    assert row().remote == {"id": "49", "earlier": ["48", "47"]}
    change("")
    assert (row().state, row().remote, server.held) == (State.REMOVED, {}, {})
    assert server.asked == ["DELETE /contacts/49", "DELETE /contacts/48", "DELETE /contacts/47"]
    assert "2" in reason()
    keys = [key for path, key in server.keys if path != "/contacts"]
    assert len(set(keys)) == 3  # a server that knows a key would not carry the second one out


def test_a_person_who_is_erased_is_forgotten_in_every_record(destination, change, server, frozen):
    change("ana@x.example")
    change("ana@y.example")
    erasure = erasing.request("p1", "ana")
    server.broken["POST /contacts/47/forget"] = [500]
    frozen.forward(20)
    run_all()
    assert server.held == {"47": "ana@x.example"}
    (step,) = erasing.look(erasure).steps
    assert step["state"] == "waiting"
    assert "the record 48, 47" in steps.what_to_do(step, steps.remote_ids("p1")[step["destination"]])
    later(frozen)
    (step,) = erasing.look(erasure).steps
    assert (step["state"], server.held) == ("done", {})
    assert "DELETE" not in {one.method for one in server.seen}


def test_who_has_to_delete_by_hand_is_told_of_every_record(frozen, manifests, change, server):
    of_settings(manifests, server)
    destination = Destination.objects.get()
    destination.settings = {
        name: value for name, value in destination.settings.items() if name not in ("remove", "erase")
    }
    configuration.save(destination)
    change("ana@x.example")
    change("ana@y.example")
    erasure = erasing.request("p1", "ana")
    later(frozen)
    (step,) = erasing.look(erasure).steps
    assert step["state"] == "by_hand"
    assert "the record 48, 47" in steps.what_to_do(step, steps.remote_ids("p1")[step["destination"]])


def test_one_that_fails_keeps_the_others_from_being_said_done(destination, change, server, frozen):
    change("ana@x.example")
    change("ana@y.example")
    server.broken["DELETE /contacts/48"] = [503]
    change("")
    assert (row().state, server.held) == (State.RETRYING, {"48": "ana@y.example"})
    assert row().remote == {"id": "48", "earlier": ["47"]}
    later(frozen)  # what is gone already is asked for again, and is no hindrance
    assert (row().state, server.held) == (State.REMOVED, {})


def test_an_address_that_comes_back_is_the_record_it_was(destination, change, server):
    change("ana@x.example")
    change("ana@y.example")
    change("ana@x.example")
    assert row().remote == {"id": "47", "earlier": ["48"]}
    change("")
    assert server.held == {}


def test_the_earlier_record_of_one_may_be_anothers_today(destination, change, server):
    """Whoever was accepted with it last owns it."""
    change("ana@x.example")
    change("ana@y.example")
    change("ana@x.example", "p2")
    assert row("p2").remote == {"id": "47"}
    change("")
    assert (row().state, server.held) == (State.REMOVED, {"47": "ana@x.example"})
    assert server.asked == ["DELETE /contacts/48"]
    change("", "p2")
    assert server.held == {}


def test_who_loses_the_id_to_another_keeps_the_earlier_ones(destination, change, server):
    change("ana@x.example")
    change("ana@y.example")
    change("ana@y.example", "p2")
    assert (row().remote, row("p2").remote) == ({"earlier": ["47"]}, {"id": "48"})
    change("ana@z.example")
    assert row().remote == {"id": "49", "earlier": ["47"]}
    change("")
    assert server.held == {"48": "ana@y.example"}


def test_a_second_record_that_was_not_heard_of_is_not_left_behind(destination, change, server, frozen):
    """Only its answer tells the id: the push is repeated before the profile is taken away."""
    change("ana@x.example")
    server.broken["after POST"] = [500]
    change("ana@y.example")
    assert (row().state, row().remote, len(server.held)) == (State.RETRYING, {"id": "47"}, 2)
    Profile.objects.get().delete()
    later(frozen)
    later(frozen)
    assert (row().state, server.held) == (State.REMOVED, {})


def test_nor_is_one_before_the_address_changes_again(destination, change, server, frozen):
    change("ana@x.example")
    server.broken["after POST"] = [500]
    change("ana@y.example")
    change("ana@z.example")
    later(frozen)
    assert row().remote == {"id": "49", "earlier": ["48", "47"]}


def test_what_has_no_room_any_more_is_said(destination, change, server):
    for number in range(22):
        change(f"ana{number}@x.example")
    known = row().remote
    assert (known["id"], len(known["earlier"]), known["earlier"][-1]) == ("68", 20, "48")
    assert "47 is not known any more" in reason()


def test_an_update_that_is_answered_404_leaves_nothing_behind(frozen, manifests, server, change):
    """The record is gone, and the new one is the only one."""
    installed(manifests, start.text("acme"), server.url)
    server.broken["PUT"] = [404]
    change("ana@x.example")
    server.held.clear()
    change("ana@y.example")
    assert row().remote == {"id": "48"}


@pytest.fixture
def loopback():
    return Runtime(allowed_internal=("127.0.0.0/8",))


def test_a_job_tells_of_it_when_it_has_ended(manifests, server, loopback):
    """What was known when it was sent is kept with the job, since its end has no delivery any more."""
    content = json.loads(start.text("acme"))
    del content["push"]["update"], content["remote_id"]
    content["poll"] = {
        "job": "answer@job",
        "request": {"path": "/jobs/{{job@id}}"},
        "answers": [{"when": {"status": [200]}, "is": "accepted"}],
        "remote_id": "answer@number",
    }
    connector = ManifestConnector(reading.read(json.dumps(content).encode(), "acme.json"))
    server.answer = lambda request: (
        200,
        {},
        json.dumps({"number": "48"} if request.method == "GET" else {"job": 1}).encode(),
    )
    credentials = {"token": "t", "base_url": server.url}
    known = {"id": "47", "earlier": ["46"]}
    with connector.open(credentials, {}, loopback) as session:
        (waits,) = session.push([Delivery({"email": "ana@x.example"}, "key", known)])
        (done,) = session.poll([waits.job])
    assert done.remote == {"id": "48", "earlier": ["47", "46"]}


def test_a_removal_that_is_not_made_by_id_is_made_once(server, loopback):
    settings = {
        "remote_id": "answer@id",
        "remove": {"path": "/contacts/{{delivery@key}}"},
        "erase": {"path": "/{{delivery@remote.id}}"},
    }
    remote = {"id": "48", "earlier": ["47"]}
    with HttpApi().open({"url": server.url}, settings, loopback) as session:
        outcomes = session.push([Delivery(None, "key", remote, "remove", "p1")])
    assert [type(one) for one in outcomes] == [Accepted]
    assert server.asked == ["DELETE /contacts/p1"]
