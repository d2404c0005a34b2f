"""No address that somebody enters, or that a system answers, leads this installation to an internal one.

A place is found by what the schemas say of it, so one of a new connector is tried from its first day.
"""

import itertools
import json
import socket
import time
import uuid
from contextlib import suppress
from functools import cache

import pytest

from destinations.connectors import registry, schemas
from destinations.connectors.base import ConnectorError, Delivery, MemoryTokenStore, Runtime, Token
from destinations.connectors.capabilities import abilities
from destinations.connectors.http.connector import described
from destinations.connectors.http.manifests import files
from destinations.connectors.testing import HttpPeer
from tests.attacks import addresses
from tracsync.models import NoticeChannel
from tracsync.notices import delivery as notices

OAUTH2 = {"token_url": "https://a.example/token", "client_id": "me", "client_secret": "s3cret-of-ours"}
SERVER = {"host": "a.example", "tls": False, "timeout": 1}
SQL = {**SERVER, "database": "d", "user": "u", "password": "p"}
# What each class of ours can be opened with; those of manifests are in their own tests.
OPENED = {
    "http_api": ({"url": "https://a.example/x", "oauth2": OAUTH2, "proxy": ""}, {}),
    "mautic": ({"api_url": "https://a.example/api", "public_key": "k", "private_key": "s"}, {}),
    "rabbitmq": ({"uri": "amqp://u:p@a.example/", "timeout": 1}, {"queue": {"name": "q"}}),
    "kafka": ({"servers": "a.example:9092", "tls": False, "timeout": 3}, {"topic": "t"}),
    "mqtt": (SERVER, {"topic": "t"}),
    "nats": (SERVER, {"stream": "s", "subject": "a"}),
    "redis": (SERVER, {"key": "k"}),
    "postgresql": (SQL, {"table": "t"}),
    "mysql": (SQL, {"table": "t"}),
}
# Marked as addresses, and no place to connect to.
NONE = {
    "authorities": "certificates",
    "tls": "on or off",
    "ssl_check": "on or off",
    "port": "a number",
    "oauth2.authorize_url": "the browser of the person goes there",
    "oauth2.address_field": "the name of a field: see what systems answer, below",
    "region": "a part of what is signed",
    "queue_url": "stands in what is sent to SQS",
}
C_LIBRARIES = {"kafka", "postgresql"}  # only the trap sees them connect
OTHER_PROTOCOLS = {"rabbitmq", "kafka", "mqtt", "nats", "redis", "postgresql", "mysql"}
MANIFESTS = sorted(registry._packaged())
SLUGS = sorted({*registry._declared(), *MANIFESTS})


def opened(slug):
    if slug in OPENED:
        return OPENED[slug]
    [packaged] = [one for one in files.packaged() if one.slug == slug]
    tests = json.loads(packaged.raw())["tests"]
    return tests["credentials"], tests.get("settings", {})


@cache
def places(slug):
    """Part and dotted path of all that is entered and connected to. Not looked for before a test asks: to
    compile all manifests takes as long as many tests, and each process collects all tests.
    """
    given = zip(PARTS, schemas_of(registry.get(slug)), opened(slug), strict=True)
    return sorted(
        (part, path)
        for part, schema, values in given
        for path, field, _value in schemas._fields(schema, schemas.with_defaults(schema, values))
        if schemas._is_address(path, field) and path not in NONE
    )


def schemas_of(connector):
    return connector.credentials_schema, connector.settings_schema


PARTS = ("credentials", "settings")


def hosts_for(slug, at):
    """All of them for what has a client of its own. Manifests share one: each tries some, all of them all."""
    return addresses.HOSTS if slug in OPENED else addresses.HOSTS[(MANIFESTS.index(slug) + at) % 12 :: 12]


def with_host(slug, part, path, host, port):
    """What the connector is opened with, in which this place has another host. Without TLS, which would
    take most of the time."""
    connector = registry.get(slug)
    filled = map(schemas.with_defaults, schemas_of(connector), opened(slug))
    credentials, settings = json.loads(json.dumps(list(filled)))
    *parents, name = path.split(".")
    inner = credentials if part == "credentials" else settings
    for one in parents:
        inner = inner[one]
    before = (inner.get(name) or "http://a.example").replace("https:", "http:")
    scheme, found, rest = before.partition("://")
    if found:
        _netloc, slash, tail = rest.partition("/")
        inner[name] = f"{scheme}://{'u:p@' if scheme == 'amqp' else ''}{host}:{port}{slash}{tail}"
    elif name == "servers":
        inner[name] = f"{host}:{port}"
    else:
        inner |= {name: host, "port": port}
    return connector, credentials, settings


class SignedIn(MemoryTokenStore):
    """A token is there already, so that the place behind it is come to."""

    def get(self):
        return Token("t0ken-of-theirs", time.time() + 600)


def tokens_for(slug, path):
    """Salesforce's says where to go on."""
    return None if path.endswith("token_url") or slug == "salesforce" else SignedIn()


def use(connector, credentials, settings, allowed=(), tokens=None):
    """All that a session can be asked for. What it raises is a ConnectorError, or it has a fault."""
    delivery = Delivery(
        {"id": "p1", "email": "p1@x.example"}, "p1:1", {"id": "1"}, key="p1", version=1, profile={"id": "p1"}
    )
    runtime = Runtime(allowed, tokens or MemoryTokenStore())
    with suppress(ConnectorError), connector.open(credentials, settings, runtime) as session:
        for asked in (
            session.check,
            lambda: session.push([delivery]),
            *(lambda one=one: getattr(session, one)(*([[delivery]] if one == "read" else []))
              for one in abilities(connector, settings)),
        ):  # fmt: skip
            with suppress(ConnectorError):
                asked()


@pytest.mark.parametrize("slug", SLUGS)
def test_a_place_is_one(slug, trap, connections):
    """What is tried below would connect, if it might."""
    assert places(slug)
    for part, path in places(slug):
        with connections() as seen:
            tokens = tokens_for(slug, path)
            use(*with_host(slug, part, path, "127.0.0.1", trap.port), ("127.0.0.0/8",), tokens)
        assert seen.tried == ({"the trap"} if slug in C_LIBRARIES else {"127.0.0.1"}), path


@pytest.mark.parametrize("slug", SLUGS)
def test_no_host_leads_inside(slug, trap, connections):
    found = {}
    for at, (part, path) in enumerate(places(slug)):
        tokens = tokens_for(slug, path)
        for host in hosts_for(slug, at):
            with connections() as seen:
                use(*with_host(slug, part, path, host, trap.port), tokens=tokens)
            if inside := seen.tried - {addresses.PUBLIC}:
                found[path, host] = inside
    assert found == {}


@pytest.mark.parametrize("slug", SLUGS)
def test_a_name_that_leads_elsewhere_the_second_time(slug, trap, connections, monkeypatch):
    """Only what was checked is connected to, however the name is answered later (DNS rebinding)."""
    both = (("127.0.0.1", addresses.PUBLIC), (addresses.PUBLIC, "127.0.0.1"))
    for (part, path), (first, later) in itertools.product(places(slug), both):
        answers = iter([first])

        def getaddrinfo(host, port, *args, answers=answers, later=later, **kwargs):
            is_name = host == "rebinding.example"
            return addresses.getaddrinfo(next(answers, later) if is_name else host, port)

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        with connections() as seen:
            monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
            tokens = tokens_for(slug, path)
            use(*with_host(slug, part, path, "rebinding.example", trap.port), tokens=tokens)
        assert not seen.tried - {addresses.PUBLIC}, path


class Elsewhere(HttpPeer):
    """Whatever it is asked, it says where else to go: in the status, in headers, and in what it answers."""

    status, where = 302, ""

    def payload(self, number):
        return {}

    def received(self):
        return []

    def answer(self, request):
        headers = {"Location": self.where, "Content-Location": self.where, "Refresh": f"0; url={self.where}"}
        headers |= {"Link": f'<{self.where}>; rel="next"', "Content-Type": "application/json"}
        names = (
            "url",
            "href",
            "next",
            "instance_url",
            "location",
            "job_url",
            "id",
            "status_url",
            "api_domain",
        )
        said = dict.fromkeys(names, self.where)
        told = {**said, "access_token": "t0ken-of-theirs", "links": said, "paging": said, "data": [said]}
        return self.status, headers, json.dumps(told).encode()


@pytest.fixture
def elsewhere():
    with Elsewhere() as peer:
        yield peer


@pytest.mark.parametrize("slug", sorted({*SLUGS} - OTHER_PROTOCOLS))
def test_no_answer_leads_elsewhere(slug, trap, elsewhere, connections):
    port = int(elsewhere.url.rpartition(":")[2])
    over_http = [(part, path) for part, path in places(slug) if path.endswith("url")]
    assert over_http
    for (part, path), elsewhere.status in itertools.product(over_http, (200, 202, 302, 307)):
        # One that is refused, and one that may be reached, and that nobody has asked for.
        for host in ("169.254.169.254", addresses.OURS):
            elsewhere.where = f"http://{host}:{trap.port}/latest"
            with connections(port) as seen:
                given = with_host(slug, part, path, addresses.OURS, port)
                use(*given, [addresses.OURS], tokens_for(slug, path))
            seen.tried.discard(addresses.PUBLIC)  # once a token was asked for
            # Salesforce says where to go on with the token; that is checked as any other address.
            assert not seen.tried or (slug, host) == ("salesforce", addresses.OURS), path


def test_the_address_that_comes_with_a_token_is_checked(trap, elsewhere, connections):
    """As that of Salesforce, whose `instance_url` says where to go on."""
    port = int(elsewhere.url.rpartition(":")[2])
    elsewhere.status = 200
    oauth2 = {**OAUTH2, "token_url": f"http://{addresses.OURS}:{port}/token", "address_field": "instance_url"}
    credentials = {"url": "http://a.example/x", "oauth2": oauth2}

    def tried(host, *allowed):
        elsewhere.where = f"http://{host}:{trap.port}"
        with connections(port) as seen:
            use(registry.get("http_api"), credentials, {}, [addresses.OURS, *allowed])
        return seen.tried

    for host in addresses.HOSTS:
        assert tried(host) <= {addresses.PUBLIC}, host
    assert tried("10.0.0.1", "10.0.0.1") == {"10.0.0.1"}


BEHIND_A_PROXY = [
    one for one in addresses.HOSTS if one not in addresses.NAMES or not one.endswith(".example")
]


@pytest.mark.parametrize("path", ["url", "oauth2.token_url"])
def test_no_proxy_is_asked_for_what_is_inside(path, elsewhere, connections):
    """It would connect for us, and resolves names by itself: those that look public are its business."""
    port = int(elsewhere.url.rpartition(":")[2])
    tokens = tokens_for("http_api", path)
    for host in BEHIND_A_PROXY[path == "url" :: 2]:
        connector, credentials, settings = with_host("http_api", "credentials", path, host, 80)
        credentials["proxy"] = f"http://{addresses.OURS}:{port}"
        elsewhere.seen.clear()
        with connections(port) as seen:
            use(connector, credentials, settings, [addresses.OURS], tokens)
        asked = {one.path.partition("://")[2].partition("/")[0].partition(":")[0] for one in elsewhere.seen}
        assert not seen.tried, host
        assert asked <= {"public.example", "a.example"}, host


def test_the_code_that_a_person_came_back_with_is_not_sent_inside(trap, connections):
    """Authorise: the exchange of the code has a client of its own."""

    def exchange(host, allowed=()):
        oauth2 = {**OAUTH2, "token_url": f"http://{host}:{trap.port}/token", "grant": "authorization_code"}
        oauth2["authorize_url"] = "https://a.example/authorise"
        with connections() as seen, suppress(ConnectorError):
            made = described({"url": "https://a.example", "oauth2": oauth2}, {}).authorisation
            made.token("code", "https://here.example/", "verifier", Runtime(allowed))
        return seen.tried

    for host in addresses.HOSTS[::4]:
        assert exchange(host) <= {addresses.PUBLIC}, host
    assert exchange("10.0.0.1", ["10.0.0.1"]) == {"10.0.0.1"}


@pytest.mark.parametrize("kind", [kind for kind in NoticeChannel.Kind if kind != NoticeChannel.Kind.EMAIL])
def test_no_notice_is_sent_inside(kind, trap, connections, settings):
    content = dict.fromkeys(("title", "sentence", "link", "type", "closed_at", "opened_at"), "x")
    content |= {"figures": [], "subject": "x"}

    def send(host):
        secret = "whsec_" + "c2VjcmV0LW9mLW91cnMtMjQtYnl0ZXM="
        told = notices.Message(kind, [f"http://{host}:{trap.port}/hook"], secret, content, uuid.UUID(int=1))
        with connections() as seen, pytest.raises(notices.NotDelivered):
            notices.send(told)
        return seen.tried

    settings.TRACSYNC_ALLOWED_INTERNAL_NETWORKS = []
    for host in addresses.HOSTS:
        assert send(host) <= {addresses.PUBLIC}, host
    settings.TRACSYNC_ALLOWED_INTERNAL_NETWORKS = ["10.0.0.1"]
    assert send("10.0.0.1") == {"10.0.0.1"}
