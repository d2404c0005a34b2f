"""Real customers, their changes through the API at full speed, an HTTP receiver and a RabbitMQ queue."""

import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pika
import pytest
import requests

from tests.harness import (
    FIXTURES,
    RABBITMQ,
    Installation,
    Receiver,
    missing,
    need_redis,
    postgres_database,
    wait_for,
)

QUIET_PERIOD = 2  # seconds
PREREQUISITES = "profile@data.contact.email.business exists"
MAPPING = {
    "id": "profile@id",
    "email": "profile@data.contact.email.business",
    "name": "{{profile@data.pii.firstname}} {{profile@data.pii.lastname}}",
    "value": "profile@data.metrics.ltv",
    "orders": "profile@data.metrics.ltcocc",
    "interests": "profile@interests",
    "segments": ["tracsync", "profile@segments"],
    "consents": "profile@consents",
    "county?": "profile@data.contact.address.county",
}


def expected(document):
    """What the mapping makes of a profile, by hand."""
    data = document["data"]
    county = data["contact"]["address"].get("county")
    return {
        "id": document["id"],
        "email": data["contact"]["email"]["business"],
        "name": f"{data['pii']['firstname']} {data['pii']['lastname']}",
        "value": data["metrics"]["ltv"],
        "orders": data["metrics"]["ltcocc"],
        "interests": document["interests"],
        "segments": ["tracsync", document["segments"]],
        "consents": document["consents"],
        **({"county": county} if county is not None else {}),
    }


def path(name):
    return FIXTURES / "chinook" / f"chinook_{name}.jsonl"


def read(name):
    return [json.loads(line) for line in path(name).read_text().splitlines()]


class Queue:
    """A RabbitMQ queue of this test's own."""

    def __init__(self):
        self.name = f"tracsync-test-{uuid.uuid4().hex}"
        self.payloads = []
        try:
            self.connection = pika.BlockingConnection(pika.URLParameters(RABBITMQ))
        except pika.exceptions.AMQPError as error:
            missing("RabbitMQ", error)
        self.channel = self.connection.channel()

    def last(self):
        """The last payload for each id."""
        while (body := self._next()) is not None:
            self.payloads.append(json.loads(body))
        return {payload["id"]: payload for payload in self.payloads}

    def _next(self):
        try:
            return self.channel.basic_get(self.name, auto_ack=True)[2]
        except pika.exceptions.ChannelClosedByBroker:  # there is no such queue before the first push
            self.channel = self.connection.channel()
            return None

    def close(self):
        channel = self.connection.channel()
        channel.queue_delete(self.name)
        channel.exchange_delete(self.name)
        self.connection.close()


class Api:
    """The API as an integration engineer uses it."""

    def __init__(self, url, token):
        self.url, self.token = url, token
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {token}"

    def post(self, path, body=None):
        return self._answer("POST", path, json=body)

    def patch(self, path, body):
        return self._answer("PATCH", path, json=body)

    def get(self, path, **query):
        return self._answer("GET", path, params=query)

    def _answer(self, method, path, **options):
        answer = self.session.request(method, f"{self.url}/api/{path}", timeout=60, **options)
        assert answer.ok, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()


@pytest.fixture(scope="module", params=["sqlite", "postgres and redis, two workers"])
def api(request, tmp_path_factory):
    """The API of an installation with workers, where the extensions are installed."""
    directory = tmp_path_factory.mktemp("installation")
    if request.param == "sqlite":
        yield from _running(Installation(directory), workers=1)
        return
    with postgres_database() as url:
        yield from _running(Installation(directory, DATABASE_URL=url, REDIS_URL=need_redis()), workers=2)


def _running(installed, workers):
    try:
        for _ in range(workers):
            installed.start_worker()
        api = Api(installed.start_web(), installed.manage("create_token", "test").stdout.split()[-1])
        for slug in ("http_api", "rabbitmq"):
            api.post(f"extensions/{slug}/install/")
        api.installed = installed
        yield api
    finally:
        installed.stop()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def queue():
    queue = Queue()
    yield queue
    queue.close()


def add_destination(api, slug, credentials, settings, **fields):
    resource = api.post(
        "resources/", {"name": uuid.uuid4().hex, "type": slug, "credentials": {"production": credentials}}
    )
    fields = {"name": uuid.uuid4().hex, "resource": resource["id"], "settings": settings, **fields}
    api.post("destinations/", fields)


def bursts(changes):
    """How often changes may have been quiet for long enough: they were saved between being asked for and
    answered."""
    return 1 + sum(answered - asked > QUIET_PERIOD for (asked, _), (_, answered) in pairwise(changes))


def test_every_customer_arrives_as_the_changes_left_it(api, receiver, queue):
    after = read("profiles_final")
    business = {one["id"]: expected(one) for one in after if "business" in one["data"]["contact"]["email"]}
    assert (len(business), len(after) - len(business)) == (10, 49)
    began = time.monotonic()
    imported = api.installed.manage("import_profiles", str(path("profiles")))
    assert "created 59" in imported.stdout
    wanted = {"prerequisites": PREREQUISITES, "mapping": MAPPING, "quiet_period": QUIET_PERIOD}
    add_destination(api, "http_api", {"url": receiver.url}, {}, **wanted)
    queue_settings = {"queue": {"name": queue.name, "routing_key": queue.name}}
    add_destination(api, "rabbitmq", {"uri": RABBITMQ}, queue_settings, **wanted)
    changed = {id: [(began, time.monotonic())] for id in business}
    for change in read("changes"):
        asked = time.monotonic()
        answer = api.post("profiles/bulk/", [{"id": change["id"], "set": change["set"]}])
        assert answer["failed"] == 0
        changed.get(change["id"], []).append((asked, time.monotonic()))
    wait_for(lambda: receiver.last() == business, "the last states at the receiver")
    wait_for(lambda: queue.last() == business, "the last states in the queue")
    wait_for(lambda: not api.get("syncs/", owed="true")["results"], "that nothing is waiting")
    assert queue.last() == receiver.last() == business
    pushed = {id: sum(payload["id"] == id for *_, payload in receiver.arrivals) for id in business}
    assert all(pushed[id] <= bursts(changed[id]) for id in business), (pushed, changed)


def test_a_push_comes_a_quiet_period_after_the_last_change(api, receiver):
    """On a real clock; the last change was saved after it was asked for."""
    quiet = 6.0  # seconds; more than a change takes, however busy the machine is
    mapping = {"id": "profile@id", "visits": "profile@stats.visits"}
    wanted = {"prerequisites": 'profile@id == "visitor"', "mapping": mapping, "quiet_period": quiet}
    add_destination(api, "http_api", {"url": receiver.url}, {}, **wanted)
    for visits in range(11):
        asked = time.time()
        api.post("profiles/bulk/", [{"id": "visitor", "set": {"stats": {"visits": visits}}}])
    wait_for(lambda: receiver.arrivals, "the push")
    wait_for(lambda: not api.get("syncs/", owed="true")["results"], "that nothing is waiting")
    [(at, _, payload)] = receiver.arrivals
    assert payload == {"id": "visitor", "visits": 10}
    assert at - asked >= quiet


def test_patches_at_once_lose_nothing(api):
    """Through one web server's threads; each writer adds keys of its own."""
    api.post("profiles/", {"id": "patched", "n": {}})
    writers = [Api(api.url, api.token) for _ in range(4)]

    def add(number):
        for step in range(10):
            writers[number].patch("profiles/patched/", {"n": {f"{number} {step}": step}})

    with ThreadPoolExecutor(len(writers)) as pool:
        list(pool.map(add, range(len(writers))))
    answer = api.session.get(f"{api.url}/api/profiles/patched/")
    assert (len(answer.json()["n"]), answer.headers["ETag"].partition("-")[0]) == (40, '"41')
