"""bench delivery and bench changes: that they measure, check and print; never how fast."""

import io
import json
import os
import socket
import subprocess
import sys
import time

import pytest
import requests
from django.core.management import CommandError, call_command

from destinations.models import Destination
from profiles.models import Profile
from tests.harness import PATIENCE, ROOT, need_redis
from tracsync.bench.changes import bulk, saves
from tracsync.bench.delivery import bare, delay, engine, fair, naive, passes, receiving, trickle
from tracsync.bench.delivery.receiving import Arrival, completed, receiver
from tracsync.bench.delivery.together import shares, together
from tracsync.bench.delivery.traffic import MAPPING, Traffic, bodies
from tracsync.bench.inside import CannotMeasureError
from tracsync.bench.plain import PlainProfile, table
from tracsync.bench.report import Report, Section
from tracsync.processes import task_serializer


@pytest.fixture(scope="module")
def other_side():
    with receiver() as running:
        yield running


@pytest.fixture
def fresh(other_side):
    other_side.forget()
    return other_side


def send(url, *documents):
    for document in documents:
        assert requests.post(url, json=document, timeout=5).json() == {}


def test_the_receiver_notes_what_arrives_in_order(fresh):
    began = time.time()
    send(fresh.path("a"), {"id": "x", "n": 1}, {"id": "y", "n": 1})
    send(fresh.path("b", "20"), {"id": "x", "n": 2})
    assert fresh.count() == 3
    assert [one[1:] for one in fresh.arrivals()] == [("/0/a", "x", 1), ("/0/a", "y", 1), ("/20/b", "x", 2)]
    assert all(began <= one.at <= time.time() for one in fresh.arrivals())
    fresh.forget()
    assert fresh.arrivals() == []
    assert fresh.used() > 0


def test_the_receiver_may_take_its_time_or_never_answer(fresh):
    began = time.monotonic()
    send(fresh.path("a", "50"), {"id": "x", "n": 1})
    assert time.monotonic() - began >= 0.05
    with pytest.raises(requests.Timeout):
        requests.post(fresh.path("a", "never"), json={"id": "x", "n": 1}, timeout=0.05)


def test_the_receiver_answers_in_order_on_one_connection(fresh):
    """Also what is sent without waiting, in pieces, and with another pace each."""
    host, port = fresh.url.removeprefix("http://").split(":")
    body = b'{"id":"x","n":1}'
    one, two = (
        b"POST /%s/a HTTP/1.1\r\nHost: x\r\ncontent-length: %d\r\n\r\n%s" % (manner, len(body), body)
        for manner in (b"50", b"0")
    )
    last = b"GET /count HTTP/1.1\r\nConnection: close\r\n\r\n"
    with socket.create_connection((host, int(port))) as connection:
        for piece in (one + two[:20], two[20:-3], two[-3:] + last):
            connection.sendall(piece)
            time.sleep(0.01)
        answers = b"".join(iter(lambda: connection.recv(1000), b""))
    assert answers.count(b"HTTP/1.1 200 OK") == 3
    assert answers.endswith(b"\r\n\r\n2")


def test_the_receiver_wants_to_know_the_length(fresh):
    chunks = iter([b"{}"])
    assert requests.post(fresh.path("a"), data=chunks, timeout=5).status_code == 411


def test_waiting_ends_with_the_last_state_of_all(fresh):
    send(fresh.path("a"), {"id": "x", "n": 2}, {"id": "y", "n": 1}, {"id": "x", "n": 3})
    arrivals = fresh.wait_for({"x": 3, "y": 1})
    assert set(completed({"x": 3, "y": 1}, arrivals)) == {("/0/a", "x"), ("/0/a", "y")}


@pytest.mark.parametrize("states", [{"x": 2}, {"x": 1}, {"z": 1}])
def test_what_is_missing_or_stale_is_said(fresh, states, monkeypatch):
    monkeypatch.setattr(receiving, "PATIENCE", 0.1)
    send(fresh.path("a"), {"id": "x", "n": 2}, {"id": "x", "n": 1})
    if states == {"x": 1}:
        assert fresh.wait_for(states)
        return
    with pytest.raises(CannotMeasureError, match="the last state of 1 of 1 pairs"):
        fresh.wait_for(states)


def test_each_path_is_waited_for(fresh, monkeypatch):
    monkeypatch.setattr(receiving, "PATIENCE", 0.1)
    send(fresh.path("a"), {"id": "x", "n": 1}, {"id": "x", "n": 1})
    with pytest.raises(CannotMeasureError, match="1 of 2 pairs"):
        fresh.wait_for({"x": 1}, ["/0/a", "/0/b"])


def test_traffic_changes_some_profiles_twice():
    traffic = Traffic("t", 21)
    states, documents = traffic.next_round()
    assert len(documents) == 24
    assert states["t-000001"] == 1
    assert states["t-000000"] == states["t-000020"] == 2
    assert {document["id"]: document["n"] for document in documents} == states
    assert traffic.next_round()[0]["t-000001"] == 3
    assert json.loads(bodies(documents)[0]).keys() == MAPPING.keys()


@pytest.mark.parametrize(
    "post",
    [lambda url, ready: bare.post(url, ready, 2), lambda url, ready: bare.post_in_threads(url, ready, 3)],
)
def test_bare_loops_deliver_everything(fresh, post):
    traffic = Traffic("bare", 8)
    run = passes.bare_pass(fresh, traffic, lambda ready: post(fresh.path("bare"), ready))
    assert run() > 0
    assert fresh.count() == 8
    assert passes.able(fresh, run, 8) > 0


def test_processes_begin_together_and_fail_loudly():
    def work(share, begin):
        begin()
        assert share != [1]

    assert shares([0, 1, 2], 2) == [[0, 2], [1]]
    span = together(work, [[0], [2]])
    assert span.began <= span.ended
    with pytest.raises(CannotMeasureError, match="has failed"):
        together(work, [[0], [1]])


def test_ways_take_turns():
    calls = []
    ways = {name: lambda name=name: calls.append(name) or 2.0 * len(name) for name in ("a", "bb", "ccc")}
    found = passes.in_turns(ways, 2)
    assert calls == ["a", "bb", "ccc", "bb", "ccc", "a"]
    assert found == {"a": [2.0, 2.0], "bb": [4.0, 4.0], "ccc": [6.0, 6.0]}
    assert passes.rows(found, ["a"])[1] == ("bb", 4.0, 4.0, 4.0, 2.0)


@pytest.mark.django_db(transaction=True)
def test_the_naive_peer_delivers(fresh, monkeypatch):
    monkeypatch.setattr(task_serializer, "TASKS", ("tracsync.bench.delivery.naive.deliver",))
    with table():
        assert naive.naive_pass(fresh, 3)() > 0
        assert PlainProfile.objects.count() == 3
    assert [one.path for one in fresh.arrivals()] == ["/0/naive"] * 3


@pytest.mark.django_db
def test_destinations_take_turns():
    one, two = (engine.destination(name, "http://127.0.0.1:1/") for name in ("one", "two"))
    engine.only([one], 2.0)
    engine.only([two], 3.0)
    assert list(Destination.objects.filter(enabled=True).values_list("name", "quiet_period")) == [
        ("two", 3.0)
    ]
    first = engine.write([{"id": "a", "n": 1}, {"id": "b", "n": 1}])
    assert time.time() - 5 < first.timestamp() < time.time()


@pytest.mark.django_db
def test_each_warm_up_has_changes_of_its_own(fresh, monkeypatch):
    """`trickle` has workers of its own, which start after those of the other sections."""
    monkeypatch.setattr(engine, "WARM_UP", 3)
    monkeypatch.setattr(receiving.Receiver, "wait_for", lambda *_: {})
    monkeypatch.setattr(engine, "wait_until_recorded", lambda: None)
    for times in (1, 2):
        engine.warm_up(fresh)
        assert Profile.objects.filter(first_changed_at__isnull=False).count() == 3 * times


@pytest.mark.django_db
def test_delay_is_counted_from_the_end_of_the_quiet_period():
    due, pace = delay.save_steadily(Traffic("delay", 3), 1000)
    assert pace > 0
    arrivals = [Arrival(due[id] + 0.1, "/0/a", id, 1) for id in due]
    delays = delay.delays_of(due, dict.fromkeys(due, 1), arrivals)
    assert delays == pytest.approx([0.1] * 3)
    assert delay.percentiles([0.0, 1.0]) == pytest.approx((0.5, 0.95, 0.99))
    assert fair.QUIET == delay.QUIET


@pytest.mark.django_db(transaction=True)
def test_saves_and_bulk_writes_are_measured_beside_plain_ones():
    with table():
        section = saves.measure(2, 1)
        assert [row[0] for row in section.rows] == ["0", "1", "10", "50"]
        written, settled = bulk.measure(7)
    assert Destination.objects.filter(enabled=True).count() == bulk.DESTINATIONS
    assert [row[0] for row in written.rows] == [row[0] for row in settled.rows] == ["new", "there already"]
    assert all(value > 0 for row in (*section.rows, *written.rows, *settled.rows) for value in row[1:])


def test_a_report_survives_its_journey():
    report = Report("x", [Section("a title", ("what", "n"), [("one", 1.5), ("two", None)], "a note")])
    assert Report.from_dict(json.loads(json.dumps(report.as_dict()))) == report


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "rabbitmq"], "needs --rabbitmq"),
        (["--rabbitmq", "http://x"], "--rabbitmq: the uri must look like amqp://"),
        (
            ["--rabbitmq", "amqp://127.0.0.1:1"],
            "RabbitMQ cannot be reached at 127.0.0.1:1, vhost /: ",
        ),
        (["--only", "speed"], "speed is no section: there are throughput, "),
        (["--workers", "0"], "must be more than 0"),
    ],
)
def test_what_cannot_be_measured_is_said_at_once(arguments, message):
    with pytest.raises(CommandError, match=message):
        call_command("bench", "delivery", *arguments, stdout=io.StringIO(), stderr=io.StringIO())


def bench(directory, *arguments):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRACSYNC_")}
    environment |= {"DJANGO_SETTINGS_MODULE": "tracsync.settings", "TRACSYNC_DATA_DIR": str(directory)}
    return subprocess.run(
        [sys.executable, "manage.py", "bench", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def test_the_engine_is_measured_in_an_installation_of_its_own(tmp_path):
    options = ["--profiles=20", "--repetitions=1", "--workers=1", "--only=throughput,many"]
    done = bench(tmp_path, "delivery", "--json", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    section, many = json.loads(done.stdout)["sections"]
    assert [row["way"] for row in many["rows"]] == [delay.BARE, delay.ENGINE]
    assert all(row["least"] > 0 for row in many["rows"])
    assert [row["way"] for row in section["rows"]] == [
        "bare requests.Session",
        "engine, end to end",
        "a task per save",
    ]
    assert all(row["median"] > 0 for row in section["rows"])
    assert not (tmp_path / "tracsync.sqlite3").exists()


def test_everyday_traffic_is_measured_beside_celery(tmp_path):
    done = bench(tmp_path, "delivery", "--json", "--only=trickle", "--seconds=0.1", f"--redis={need_redis()}")
    assert done.returncode == 0, done.stdout + done.stderr
    costs, delays, idle = json.loads(done.stdout)["sections"]
    names = [f"{pace} × {count}" for pace in (20, 60, 200) for count in (1, trickle.MANY)]
    assert [row["pushes/s × destinations"] for row in costs["rows"]] == [*names, "800 × 1"]
    assert all(row["engine"] > 0 and row["Celery"] is not None for row in costs["rows"][:-1])
    assert all(row["p99"] >= row["p50"] for row in delays["rows"])
    assert idle["rows"][0]["%"] >= 0
