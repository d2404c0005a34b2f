"""A connector of a file whose system answers later, from a saved profile to the end of the job."""

import json
from datetime import timedelta

import pytest

from destinations.connectors.http.manifests import start
from destinations.insight import explain
from destinations.models import DeliveryAttempt, Health, ProfileSync
from destinations.scheduler import loop
from destinations.sync import retry
from tests.sync.answers.acme import AcmePeer, installed

pytestmark = pytest.mark.django_db
POLLING = {
    "limits": {"batch": 50},
    "push": {
        "item": {"id": "delivery@key", "contact": "delivery@payload", "push": "delivery@idempotency_key"},
        "request": {"path": "/imports", "body": {"contacts": "items@"}},
    },
    "poll": {
        "job": "answer@job",
        "after": 60,
        "request": {"path": "/imports/{{job@id}}"},
        "answers": [{"when": {"if": 'answer@state == "done"'}, "is": "accepted"}],
        "results": [
            {"at": "answer@good", "by": "key", "key": "item@id", "match": "id", "id": "number"},
            {
                "at": "answer@bad",
                "by": "key",
                "key": "item@id",
                "match": "id",
                "error": "why",
                "code": "code",
            },
        ],
    },
}


class Importer(AcmePeer):
    """Names a job for each call, and says of it what `states` holds, by its number."""

    def __init__(self):
        super().__init__()
        self.states = {}
        self.taken = []
        self.pushes = []

    def answer(self, request):
        if request.method == "POST":
            contacts = json.loads(request.body)["contacts"]
            self.taken.append(sorted(one["id"] for one in contacts))
            self.pushes.append({one["push"] for one in contacts})
            return 202, {}, json.dumps({"job": len(self.taken)}).encode()
        status, answer = self.states.get(request.path.rpartition("/")[2], (200, {"state": "running"}))
        return status, {}, json.dumps(answer).encode()


@pytest.fixture
def server():
    with Importer() as peer:
        yield peer


@pytest.fixture
def due(frozen, manifests, server, make_profile):
    """Two profiles that are due at a destination whose connector is a file that polls."""
    content = json.loads(start.text("acme")) | POLLING
    del content["remote_id"], content["remove"]
    installed(manifests, json.dumps(content), server.url)
    for name in ("ana", "bo"):
        make_profile(name, email=f"{name}@x.example")
    frozen.forward(20)
    loop.tick()


def rows():
    found = ProfileSync.objects.select_related("profile", "destination__resource", "destination__health")
    return {one.profile_id: one for one in found}


def states():
    return {name: one.state for name, one in rows().items()}


def test_it_is_awaited_asked_for_and_accepted_or_refused(frozen, due, server):
    assert server.taken == [["ana", "bo"]]
    assert states() == {"ana": "pending", "bo": "pending"}
    said = explain.sentence(rows()["ana"])
    assert "waits for the destination's answer since" in said
    assert "asks again at 12:01:20" in said
    frozen.forward(60)
    loop.tick()
    assert [one.path for one in server.seen] == ["/imports", "/imports/1"]
    assert states() == {"ana": "pending", "bo": "pending"}
    assert "is still at work" in rows()["ana"].reason
    refused = {"id": "bo", "why": "bo@x.example has left", "code": "suppressed"}
    server.states["1"] = (200, {"state": "done", "good": [{"id": "ana", "number": 47}], "bad": [refused]})
    frozen.forward(60)
    loop.tick()
    found = rows()
    assert (found["ana"].state, found["ana"].remote_id, found["ana"].synced_version) == ("synced", "47", 1)
    assert (found["bo"].state, found["bo"].code) == ("rejected", "suppressed")
    assert "bo@x.example" not in found["bo"].reason
    assert [one.path for one in server.seen] == ["/imports", *["/imports/1"] * 2]
    outcomes = dict(DeliveryAttempt.objects.values_list("profile_id", "outcome"))
    assert outcomes == {"ana": "accepted", "bo": "rejected"}


def test_a_job_that_is_lost_is_sent_again_with_its_keys(frozen, due, server):
    server.states["1"] = (404, {})
    frozen.forward(60)
    loop.tick()
    assert states() == {"ana": "retrying", "bo": "retrying"}
    assert "not known there any more" in rows()["ana"].reason
    frozen.forward(5)
    loop.tick()
    assert server.taken == [["ana", "bo"]] * 2
    first, again = server.pushes
    assert first == again
    server.states["2"] = (200, {"state": "done", "good": [{"id": "ana"}, {"id": "bo"}]})
    frozen.forward(60)
    loop.tick()
    assert states() == {"ana": "synced", "bo": "synced"}


def test_a_question_that_is_refused_holds_the_destination_and_sends_nothing_again(frozen, due, server):
    server.states["1"] = (401, {})
    frozen.forward(60)
    loop.tick()
    assert states() == {"ana": "pending", "bo": "pending"}
    assert Health.objects.get().is_held(frozen.now)
    server.states["1"] = (200, {"state": "done", "good": [{"id": "ana"}, {"id": "bo"}]})
    frozen.forward(300)
    loop.tick()
    loop.tick()
    assert states() == {"ana": "synced", "bo": "synced"}
    assert len(server.taken) == 1


def test_what_never_ends_is_unknown_after_a_day(frozen, due, server):
    frozen.forward((retry.LONGEST_AWAITED + timedelta(seconds=1)).total_seconds())
    loop.tick()
    assert len(server.seen) == 1
    assert "within 24 hours" in rows()["ana"].reason
    assert set(DeliveryAttempt.objects.values_list("outcome", flat=True)) == {"unknown"}
