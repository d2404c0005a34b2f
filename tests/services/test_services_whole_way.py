"""Real customers, their changes through the API at full speed, an HTTP receiver and a RabbitMQ queue."""

import json
import time
import uuid
from itertools import pairwise

import pika
import pytest
import requests

from tests.harness import (
    RABBITMQ,
    ROOT,
    Installation,
    Receiver,
    missing,
    need_redis,
    postgres_database,
    wait_for,
)

DATA = ROOT.parent / "shared" / "data"
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


def read(name):
    if not DATA.is_dir():
        pytest.skip("the sample data is not beside this checkout")
    return [json.loads(line) for line in (DATA / name).read_text().splitlines()]


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
        self.url = url
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {token}"

    def post(self, path, body=None, **options):
        answer = self.session.post(f"{self.url}/api/{path}", json=body, timeout=30, **options)
        assert answer.ok, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def get(self, path, **query):
        answer = self.session.get(f"{self.url}/api/{path}", params=query, timeout=30)
        assert answer.ok, answer.text
        return answer.json()


@pytest.fixture(params=["sqlite", "postgres and redis, two workers"])
def installation(request, tmp_path):
    if request.param == "sqlite":
        installed = Installation(tmp_path)
        yield from _running(installed, workers=1)
        return
    with postgres_database() as url:
        installed = Installation(tmp_path, DATABASE_URL=url, REDIS_URL=need_redis())
        yield from _running(installed, workers=2)


def _running(installed, workers):
    try:
        for _ in range(workers):
            installed.start_worker()
        yield installed
    finally:
        installed.stop()


def set_up(installation, api, receiver, queue):
    for slug in ("http_api", "rabbitmq"):
        api.post(f"extensions/{slug}/install/")
    for name, slug, credentials, settings in (
        ("receiver", "http_api", {"url": receiver.url}, {}),
        ("queue", "rabbitmq", {"uri": RABBITMQ}, {"queue": {"name": queue.name, "routing_key": queue.name}}),
    ):
        resource = api.post(
            "resources/", {"name": name, "type": slug, "credentials": {"production": credentials}}
        )
        api.post(
            "destinations/",
            {
                "name": name,
                "resource": resource["id"],
                "prerequisites": PREREQUISITES,
                "mapping": MAPPING,
                "settings": settings,
                "quiet_period": QUIET_PERIOD,
            },
        )


def bursts(changes):
    """How often changes may have been quiet for long enough: they were saved between being asked for and
    answered."""
    return 1 + sum(answered - asked > QUIET_PERIOD for (asked, _), (_, answered) in pairwise(changes))


def test_every_customer_arrives_as_the_changes_left_it(installation):
    before, changes, after = (
        read(f"chinook_{name}.jsonl") for name in ("profiles", "changes", "profiles_final")
    )
    business = {one["id"]: expected(one) for one in after if "business" in one["data"]["contact"]["email"]}
    assert (len(business), len(after) - len(business)) == (10, 49)
    receiver, queue = Receiver(), Queue()
    try:
        api = Api(installation.start_web(), installation.manage("create_token", "test").stdout.split()[-1])
        began = time.monotonic()
        imported = installation.manage("import_profiles", str(DATA / "chinook_profiles.jsonl"))
        assert f"created {len(before)}" in imported.stdout
        set_up(installation, api, receiver, queue)
        changed = {id: [(began, time.monotonic())] for id in business}
        for change in changes:
            asked = time.monotonic()
            answer = api.post("profiles/bulk/", [{"id": change["id"], "set": change["set"]}])
            assert answer["failed"] == 0
            changed.get(change["id"], []).append((asked, time.monotonic()))
        wait_for(lambda: receiver.last() == business, 60, "the last states at the receiver")
        wait_for(lambda: queue.last() == business, 60, "the last states in the queue")
        wait_for(lambda: not api.get("syncs/", owed="true")["results"], 30, "that nothing is waiting")
        assert queue.last() == receiver.last() == business
        pushed = {id: sum(payload["id"] == id for *_, payload in receiver.arrivals) for id in business}
        assert all(pushed[id] <= bursts(changed[id]) for id in business), (pushed, changed)
    finally:
        queue.close()
        receiver.close()


def test_the_documented_timeline_in_real_time(tmp_path):
    receiver = Receiver()
    installed = Installation(tmp_path)
    try:
        installed.add_destination(receiver, quiet_period=20.0)
        token = installed.manage("create_token", "test").stdout.split()[-1]
        api = Api(installed.start_web(), token)
        installed.start_worker()
        api.post("profiles/", {"id": "visitor", "stats": {"visits": 0}})
        for second in range(1, 11):
            time.sleep(1)  # the timeline is in real time
            api.post("profiles/bulk/", [{"id": "visitor", "set": {"stats": {"visits": second}}}])
        last_change = time.time()
        wait_for(lambda: receiver.arrivals, 30, "the push")
        [(at, _, payload)] = receiver.arrivals
        assert payload == {"id": "visitor", "visits": 10}
        assert 19.95 <= at - last_change <= 21.5  # the last answer took a moment to come back
        wait_for(lambda: not api.get("syncs/", owed="true")["results"], 10, "that nothing is waiting")
        assert len(receiver.arrivals) == 1
    finally:
        installed.stop()
        receiver.close()
