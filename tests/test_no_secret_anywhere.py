"""Markers planted in every secret are found nowhere: not at rest, in answers, on pages, in logs or tasks."""

import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django_q.models import OrmQ
from django_q.tasks import async_task

from destinations.connectors import registry, schemas, value_search
from destinations.connectors.redaction import url_secrets
from destinations.models import DeliveryAttempt, Destination, Extension, ProfileSync, Resource
from destinations.operations import actions
from destinations.scheduler import loop
from profiles.models import Profile
from tests.connectors.manifests.test_doubles import DOUBLES
from tests.ticking import run_all
from tracsync.models import ApiToken

pytestmark = pytest.mark.django_db

MARKER = "m4rk3r"
PERSONAL = "ada.l0velace@secret-life.example"
OF_PEOPLE = {"profiles_profile", "profiles_searchword"}  # the profile, and the words that it is found by


class Echo(BaseHTTPRequestHandler):
    """Answers every request with everything it was sent, as careless systems do."""

    status = 400

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        answer = f"{self.path}\n{self.headers}\n{body}".encode()
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def do_HEAD(self):
        self.send_response(self.status)
        self.end_headers()

    do_GET = do_POST

    def log_message(self, *args):
        pass


@pytest.fixture
def echo():
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def planted(echo, frozen):
    """Resources and destinations with a marker in every secret, and a profile for them."""
    Extension.objects.update(installed_at=frozen.now)
    http = {
        "url": f"http://{MARKER}-user:{MARKER}-userinfo@{echo}/hook?key={MARKER}-query",
        "headers": {"X-Api-Key": f"{MARKER}-header"},
    }
    database = {"host": "127.0.0.1", "port": 1, "database": "d", "user": "u", "tls": False}
    sets = {
        "http token": (
            "http_api",
            {**http, "token": f"{MARKER}-token", "url": f"http://{echo}/a?k={MARKER}-q"},
        ),
        "http password": (
            "http_api",
            {"url": f"http://{echo}/b", "username": "u", "password": f"{MARKER}-password"},
        ),
        "http address": ("http_api", http),
        "http proxy": (
            "http_api",
            {"url": "http://proxied.example/", "proxy": f"http://u:{MARKER}-proxy@{echo}"},
        ),
        "queue": ("rabbitmq", {"uri": f"amqp://u:{MARKER}-amqp@127.0.0.1:1/%2F"}),
        "table": ("postgresql", {**database, "password": f"{MARKER}-postgresql"}),
        "other table": ("mysql", {**database, "password": f"{MARKER}-mysql"}),
        "stream": (
            "redis",
            {"host": "127.0.0.1", "port": 1, "tls": False, "password": f"{MARKER}-redis"},
        ),
        "topic": (
            "kafka",
            {
                "servers": "127.0.0.1:1",
                "tls": False,
                "timeout": 1,
                "user": "u",
                "password": f"{MARKER}-kafka",
            },
        ),
        "broker": (
            "mqtt",
            {"host": "127.0.0.1", "port": 1, "tls": False, "user": "u", "password": f"{MARKER}-mqtt"},
        ),
        "subject": (
            "nats",
            {"host": "127.0.0.1", "port": 1, "tls": False, "user": "u", "password": f"{MARKER}-nats"},
        ),
        "mautic": (
            "mautic",
            {"api_url": f"http://{echo}", "public_key": "key", "private_key": f"{MARKER}-key"},
        ),
    }
    settings = {
        "http_api": {
            "cookies": {"session": f"{MARKER}-cookie"},
            "headers": {"Authorization": f"{MARKER}-setting"},
        },
        "rabbitmq": {"queue": {"name": "q", "routing_key": "q"}},
        "postgresql": {"table": "t"},
        "mysql": {"table": "t"},
        "redis": {"key": "k"},
        "kafka": {"topic": "t"},
        "mqtt": {"topic": "t"},
        "nats": {"stream": "s", "subject": "s"},
        "mautic": {},
    }
    classes = {
        slug for slug, point in registry._declared().items() if point.value.startswith("destinations.")
    }
    assert classes == settings.keys()  # manifests have their own test, below
    for name, (slug, credentials) in sets.items():
        resource = Resource.objects.create(name=name, type_id=slug, production=credentials, test=credentials)
        chosen = {} if name in ("http token", "http password") else settings[slug]
        Destination.objects.create(
            name=name, resource=resource, settings=chosen, quiet_period=1, mapping={"email": "profile@email"}
        )
    profile = Profile(document={"id": "p1", "email": PERSONAL})
    profile.save()
    return profile


@pytest.fixture
def api():
    token, text = ApiToken.generate("test")
    token.save()
    return Client(headers={"Authorization": f"Bearer {text}"})


def stored():
    """Every value of every table, as it is at rest."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            for row in cursor.fetchall():
                yield table, " ".join(map(str, row))


def push_everything(frozen):
    for Echo.status in (400, 500, 200):
        frozen.forward(400)
        for destination in Destination.objects.all():
            actions.resume(destination)
        actions.replay(ProfileSync.objects.all())
        while loop.tick():
            pass


def everything_the_api_answers(api):
    paths = ["/api/v1/"]
    paths += [f"/api/v1/{name}/" for name in ("extensions", "resources", "destinations", "syncs", "attempts")]
    paths += [f"/api/v1/resources/{one.pk}/" for one in Resource.objects.all()]
    for path in paths:
        yield path, api.get(path)
    for destination in Destination.objects.all():
        path = f"/api/v1/destinations/{destination.pk}/"
        yield path, api.get(path)
        for action in ("preview/", "test/"):
            yield path + action, api.post(path + action, {"profile": "p1"}, "application/json")
    for resource in Resource.objects.all():
        for which in ("production", "test"):
            path = f"/api/v1/resources/{resource.pk}/test/"
            yield path, api.post(path, {"credentials": which}, "application/json")


def every_admin_page(admin_client):
    for model in ("resource", "destination", "profilesync", "deliveryattempt", "extension", "backfill"):
        yield model, admin_client.get(reverse(f"admin:destinations_{model}_changelist"))
    for model in (Resource, Destination, ProfileSync, DeliveryAttempt):
        for row in model.objects.all():
            path = reverse(f"admin:destinations_{model._meta.model_name}_change", args=[row.pk])
            yield path, admin_client.get(path)
            yield path, admin_client.get(path.replace("/change/", "/history/"))
    yield "profile", admin_client.get(reverse("admin:profiles_profile_change", args=["p1"]))
    yield "index", admin_client.get(reverse("admin:index"))


@pytest.mark.parametrize("bodies", ["none", "asked", "all"])
def test_no_secret_anywhere(planted, frozen, api, admin_client, caplog, settings, bodies):
    settings.TRACSYNC_ATTEMPT_BODIES = bodies
    caplog.set_level(logging.DEBUG)
    push_everything(frozen)
    assert DeliveryAttempt.objects.filter(outcome="rejected").exists()
    async_task("destinations.sync.push.push", "token", [1], sync=False)
    if bodies == "all":
        shown = [*everything_the_api_answers(api), *every_admin_page(admin_client)]
    else:  # pages say nothing else of the rest
        shown = list(attempts_as_they_are_shown(api, admin_client))
    assert not [(path, answer.status_code) for path, answer in shown if answer.status_code >= 400]
    found = [path for path, answer in shown if MARKER in answer.content.decode()]
    found += [f"{table} at rest" for table, row in stored() if MARKER in row]
    found += [f"log: {record.name}" for record in caplog.records if MARKER in str(record.__dict__)]
    assert found == []
    assert OrmQ.objects.count() == 1


def test_no_personal_data_in_reasons_logs_and_tasks(planted, frozen, caplog):
    caplog.set_level(logging.DEBUG)
    push_everything(frozen)
    tables = {table for table, row in stored() if PERSONAL in row}
    assert tables == OF_PEOPLE
    assert not [record.name for record in caplog.records if PERSONAL in str(record.__dict__)]


def test_kept_bodies_are_unreadable_at_rest(planted, frozen, settings):
    settings.TRACSYNC_ATTEMPT_BODIES = "all"
    push_everything(frozen)
    kept = DeliveryAttempt.objects.filter(destination__name="http password", outcome="accepted").first()
    assert PERSONAL in json.dumps(kept.request)
    assert {table for table, row in stored() if PERSONAL in row} == OF_PEOPLE


LOST = -1  # no answer comes
AS_IT_DOES = 0
ANSWERS = (AS_IT_DOES, 400, 404, 409, 422, 429, 500, LOST, 401, 403)


class Echoing:
    """What a double says, or `status` with all that it was sent and would say."""

    def __init__(self, double):
        self.status, self.take = AS_IT_DOES, double.take
        double.take = self.answer

    def answer(self, request):
        answer = self.take(request)
        if answer is None or self.status == AS_IT_DOES:
            return answer
        if self.status == LOST:
            return None
        sent = f"{request.path} {request.headers} {request.body.decode(errors='replace')}"
        told = f"{sent} {answer[2].decode(errors='replace')}"
        fault = {
            "error": told,
            "message": told,
            "detail": told,
            "errors": [{"message": told, "detail": told}],
        }
        headers = {"Content-Type": "application/json", "X-Echo": ascii(sent)}
        return self.status, headers, json.dumps(fault).encode()


def secrets_of(peer):
    """In the forms in which they may be found: as they are, in base64, as JSON writes them ..."""
    schema = registry.get(peer.slug).credentials_schema
    known = [*schemas.secrets(schema, peer.credentials), *peer.secrets()]
    return value_search.forms({part for one in known for part in (one, *url_secrets(one))})


def attempts_as_they_are_shown(api, admin_client):
    """Lists, and the page of one of each outcome at each destination."""
    yield "/api/v1/attempts/", api.get("/api/v1/attempts/")
    yield "attempts", admin_client.get(reverse("admin:destinations_deliveryattempt_changelist"))
    of_each = {(one.destination_id, one.outcome): one.pk for one in DeliveryAttempt.objects.all()}
    for attempt in of_each.values():
        path = reverse("admin:destinations_deliveryattempt_change", args=[attempt])
        yield path, admin_client.get(path)


def shown_of_one(destination, api, admin_client):
    """What API and admin show of a destination, its resource, its sync and its attempts."""
    path = f"/api/v1/destinations/{destination.pk}/"
    for asked in (path, "/api/v1/syncs/"):
        yield asked, api.get(asked)
    for action in ("preview/", "test/"):
        yield path + action, api.post(path + action, {"profile": "p1"}, "application/json")
    for row in (destination, destination.resource, ProfileSync.objects.get()):
        path = reverse(f"admin:destinations_{row._meta.model_name}_change", args=[row.pk])
        yield path, admin_client.get(path)
    yield from attempts_as_they_are_shown(api, admin_client)


@pytest.mark.parametrize("double", DOUBLES, ids=lambda one: one.slug)
def test_no_secret_of_a_system_anywhere(double, frozen, api, admin_client, caplog, settings):
    """Every manifest that ships, as test_doubles.py asks for a double of each."""
    settings.TRACSYNC_ATTEMPT_BODIES = "all"
    caplog.set_level(logging.DEBUG)
    Extension.objects.filter(slug=double.slug).update(installed_at=frozen.now)
    Profile(document={"id": "p1"}).save()
    with double() as peer:
        echoing = Echoing(peer)
        resource = Resource.objects.create(name="r", type_id=peer.slug, production=peer.credentials)
        destination = Destination.objects.create(
            name="d", resource=resource, settings=peer.settings, mapping={"$literal": peer.payload(1)}
        )
        for echoing.status in ANSWERS:
            frozen.forward(400)
            actions.resume(destination)
            actions.replay(ProfileSync.objects.all())
            run_all()
        shown = [
            (path, answer.content.decode()) for path, answer in shown_of_one(destination, api, admin_client)
        ]
        secrets = secrets_of(peer)
    attempts = DeliveryAttempt.objects.all()
    assert {"accepted", "rejected"} <= {attempt.outcome for attempt in attempts}
    shown += [
        (f"kept of an attempt: {one.outcome}", json.dumps([one.request, one.response])) for one in attempts
    ]
    shown += [(f"{table} at rest", row) for table, row in stored()]
    shown += [(f"log: {record.name}", str(record.__dict__)) for record in caplog.records]
    assert secrets
    assert sorted({where for where, text in shown if any(secret in text for secret in secrets)}) == []
