"""One access token for many processes: who renews it, and what is left when that one is killed."""

import json
import signal

import pytest

from tests.connectors.http.oauth_double import Double
from tests.harness import Installation, need_redis, postgres_database, wait_for

PROCESSES = 6
ACCEPTED, KILLED = ("Accepted", 0), ("", -signal.SIGKILL)
PUSH = """
import json, os, signal
from destinations.connectors import registry
from destinations.connectors.base import ConnectorError, Delivery
from destinations.models import Destination
from destinations.sync import sessions
from destinations.sync.tokens.store import StoredTokens

def outcome():
    destination = Destination.objects.select_related("resource").get()
    try:
        with sessions.borrowed(destination, registry.get("http_api")) as session:
            return type(session.push([Delivery({{"n": 1}}, "k")])[0]).__name__
    except ConnectorError as error:
        return f"{{type(error).__name__}} {{error}}"

gate, opener = os.pipe()
children = []
for _ in range({processes}):
    out, said = os.pipe()
    child = os.fork()
    if not child:
        try:
            {before}
            os.close(opener)
            os.read(gate, 1)  # its end, once the opener is closed by all
            os.write(said, outcome().encode())
            os._exit(0)
        finally:
            os._exit(1)
    os.close(said)
    children.append((child, out))
os.close(opener)
told = []
for child, out in children:
    with open(out) as text:
        told.append([text.read(), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])])
os.close(gate)
print(json.dumps(told))
"""
DIES = {
    "with the answer": "StoredTokens._store = lambda *_: os.kill(os.getpid(), signal.SIGKILL)",
    "before it asks": "from destinations.connectors.http.client import HttpClient;"
    " HttpClient.send = lambda *_: os.kill(os.getpid(), signal.SIGKILL)",
}
LEASE_ENDS = """
from destinations.models import AccessToken
from django.utils import timezone
held = AccessToken.objects.filter(renewing_until__gt=timezone.now())
print(held.update(renewing_until=timezone.now()), end="")
"""
STATE = """
from destinations.models import AccessToken
row = AccessToken.objects.get()
print(row.value["refresh"] if row.value else "", bool(row.asked_at), bool(row.renewing_until), row.problem)
"""


@pytest.fixture
def double():
    double = Double()
    yield double
    double.close()


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def empty(request, tmp_path_factory):
    directory = tmp_path_factory.mktemp("installation")
    if request.param == "sqlite":
        yield from _kept(Installation(directory))
        return
    with postgres_database() as url:
        yield from _kept(Installation(directory, DATABASE_URL=url, REDIS_URL=need_redis()))


def _kept(installation):
    try:
        yield installation
    finally:
        installation.stop()


@pytest.fixture
def installation(empty, double):
    """With a destination that signs in with a refresh token that counts once."""
    oauth2 = double.oauth2(grant="refresh_token", refresh_token=double.consent().refresh)
    empty.python(
        f"""
from django.utils import timezone
from destinations import configuration
from destinations.models import Destination, Extension, Resource
Destination.objects.all().delete(); Resource.objects.all().delete()
Extension.objects.filter(slug="http_api").update(installed_at=timezone.now())
credentials = {{"url": "{double.url}/in", "oauth2": {oauth2!r}}}
resource = Resource(name="crm", type_id="http_api", production=credentials)
configuration.save(resource)
configuration.save(Destination(name="crm", resource=resource, mapping={{}}))
"""
    )
    return empty


def push(installation, before="pass", processes=1):
    """Push in processes of their own, all at once: what came of each, and its return code.

    They are forked off one that has everything imported, and no connections.
    """
    told = json.loads(installation.python(PUSH.format(before=before, processes=processes)))
    return [tuple(one) for one in told]


def refresh_tokens(double):
    return [asked["refresh_token"] for asked in double.asked]


def test_of_many_processes_one_asks(installation, double):
    assert push(installation, processes=PROCESSES) == [ACCEPTED] * PROCESSES
    assert len(double.asked) == 1
    called = len(double.called)
    double.revoke_access()
    double.before_answering = lambda: wait_for(
        lambda: len(double.called) >= called + PROCESSES, "all of them to be refused"
    )
    assert push(installation, processes=PROCESSES) == [ACCEPTED] * PROCESSES
    assert len(double.asked) == 2, "each of them was refused, and one asked"
    assert len(set(refresh_tokens(double))) == 2, "no refresh token is used twice"


def test_who_dies_before_asking_holds_nobody_up_for_long(installation, double):
    assert push(installation, DIES["before it asks"]) == [KILLED]
    assert installation.python(LEASE_ENDS) == "1", "it died while it had the lease"
    assert push(installation) == [ACCEPTED]
    assert len(double.asked) == 1


def test_the_token_before_counts_where_the_service_lets_it(installation, double):
    double.grace = True
    assert push(installation) == [ACCEPTED]
    double.revoke_access()
    assert push(installation, DIES["with the answer"]) == [KILLED]
    kept, doubtful, *_ = installation.python(STATE).split()
    assert (kept, doubtful) == (refresh_tokens(double)[1], "True"), "the one before is kept, and the doubt"
    installation.python(LEASE_ENDS)
    assert push(installation) == [ACCEPTED]
    assert refresh_tokens(double)[1:] == [kept, kept]
    assert installation.python(STATE).split()[:3] == [double.families[0].refresh, "False", "False"]


def test_where_it_does_not_a_person_is_told_why(installation, double):
    assert push(installation) == [ACCEPTED]
    double.revoke_access()
    assert push(installation, DIES["with the answer"]) == [KILLED]
    installation.python(LEASE_ENDS)
    [(said, code)] = push(installation)
    assert code == 0
    assert said.startswith("SignInAgain enter a new refresh token")
    assert "A renewal before was cut off" in said
    assert double.families[0].revoked
    assert "cut off" in installation.python(STATE)
