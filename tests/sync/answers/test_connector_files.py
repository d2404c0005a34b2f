"""A connector whose file is changed, gone or broken: what waits is kept, and goes when the file is back."""

import json
from collections import deque

import pytest
from django.db import connection

from destinations.api.destination_serializers import DestinationSerializer
from destinations.connectors import registry
from destinations.connectors.http.manifests import start
from destinations.insight import status_words
from destinations.models import Destination, Health, ProfileSync
from tests.sync.answers.acme import AcmePeer, installed
from tests.ticking import run_all

pytestmark = pytest.mark.django_db
State = ProfileSync.State


class Acme(AcmePeer):
    """Answers what it is told to, one after the other."""

    def __init__(self):
        super().__init__()
        self.answers = deque()

    def answer(self, request):
        return self.answers.popleft() if self.answers else (200, {}, b"")


@pytest.fixture
def server():
    with Acme() as peer:
        yield peer


@pytest.fixture
def due(frozen, manifests, server, make_profile):
    """A profile that is due at a destination whose connector is a file; `server` answers."""
    path = installed(manifests, start.text("acme"), server.url)
    make_profile("p1", email="ana@x.example")
    frozen.forward(20)
    return path


def created(server, number):
    server.answers.append((201, {}, json.dumps({"contact": {"id": number}}).encode()))


def test_a_manifest_pushes_and_updates(frozen, due, server, make_profile):
    created(server, 47)
    run_all()
    (sync,) = ProfileSync.objects.all()
    assert (sync.state, sync.remote_id) == (State.SYNCED, "47")
    make_profile("p1", email="ana@y.example")
    frozen.forward(20)
    run_all()
    assert [(one.method, one.path) for one in server.seen] == [("POST", "/contacts"), ("PUT", "/contacts/47")]
    assert json.loads(server.seen[1].body) == {"contact": {"email": "ana@y.example"}}


@pytest.mark.parametrize("text", [None, '{"manifest": 2}', "{"])
def test_without_its_file_the_destination_says_so_and_goes_on_when_it_is_back(frozen, due, server, text):
    before = due.read_text(encoding="utf-8")
    due.unlink()
    if text is not None:
        due.write_text(text, encoding="utf-8")
    run_all()
    (sync,) = ProfileSync.objects.all()
    assert sync.state in (State.PENDING, State.RETRYING)
    assert not server.seen
    said = str(Health.objects.get().problem)
    assert "acme" in said
    if text is not None:
        assert "acme.json, line 1" in said
    due.write_text(before, encoding="utf-8")
    created(server, 47)
    frozen.forward(3600)
    run_all()
    sync.refresh_from_db()
    assert sync.state == State.SYNCED
    assert Health.objects.get().problem == ""


@pytest.mark.parametrize(
    ("text", "says"),
    [(None, "no file that is called so"), ("{", "acme.json, line 1")],
)
def test_without_its_file_it_says_so_also_while_nothing_is_due(frozen, due, server, text, says):
    created(server, 47)
    run_all()
    before = due.read_text(encoding="utf-8")
    due.unlink()
    if text is not None:
        due.write_text(text, encoding="utf-8")
    frozen.forward(5)
    destination = Destination.objects.select_related("resource", "health").get()
    assert destination.health.problem == ""
    assert says in status_words.problem(destination)
    assert says in DestinationSerializer().get_health(destination)["problem"]
    assert registry.problem("acme")
    due.write_text(before, encoding="utf-8")
    frozen.forward(5)
    assert status_words.problem(destination) == ""
    assert DestinationSerializer().get_health(destination)["problem"] == ""


def test_a_changed_file_counts_for_the_next_push(frozen, due, server, make_profile):
    created(server, 47)
    run_all()
    changed = due.read_text(encoding="utf-8").replace(
        '"PUT", "path": "/contacts/', '"PATCH", "path": "/people/'
    )
    due.write_text(changed, encoding="utf-8")
    make_profile("p1", email="ana@y.example")
    frozen.forward(20)
    run_all()
    assert [(one.method, one.path) for one in server.seen][1:] == [("PATCH", "/people/47")]


def test_secrets_of_a_manifest_are_stored_encrypted(due):
    with connection.cursor() as cursor:
        cursor.execute("SELECT production FROM destinations_resource")
        assert "t0ken-of-acme" not in str(cursor.fetchall())
