"""manage.py bench connectors, at other systems: that it measures, checks and takes away what it made."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.core.management import CommandError, call_command

from tests.services import test_mqtt, test_nats
from tests.services.table_servers import MariaServer, PostgresServer, opened

QUICK = ["--profiles", "5", "--repetitions", "1", "--budget", "0.001", "--json"]


@contextmanager
def kafka() -> Iterator[str]:
    yield "mock"


@contextmanager
def at_nats() -> Iterator[str]:
    with test_nats.opened() as server:
        yield test_nats.NATS
        names = [one.config.name for one in server.run(server.stream.streams_info())]
        assert not [name for name in names if name.startswith("tracsync_bench")]


@contextmanager
def at_mqtt() -> Iterator[str]:
    with test_mqtt.opened():
        yield test_mqtt.MQTT


@contextmanager
def at_postgresql() -> Iterator[str]:
    with opened(PostgresServer) as server:
        host, port, user, password = server.address()
        yield f"postgres://{user}:{password}@{host}:{port}/{server.name}"
        assert server.run("SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == []


@contextmanager
def at_mysql() -> Iterator[str]:
    with opened(MariaServer) as server:
        host, port, user, password = server.address()
        yield f"mysql://{user}:{password}@{host}:{port}/{server.name}"
        assert list(server.run("SHOW TABLES")) == []


@pytest.mark.parametrize(
    ("name", "peer", "bare"),
    [
        ("kafka", kafka, "bare confluent-kafka"),
        ("nats", at_nats, "bare nats-py, publish in gather"),
        ("mqtt", at_mqtt, "bare paho-mqtt"),
        ("postgresql", at_postgresql, "bare executemany"),
        ("mysql", at_mysql, "bare executemany"),
    ],
)
def test_a_connector_alone_is_measured_against_the_bare_client(name, peer, bare) -> None:
    out = io.StringIO()
    with peer() as url:
        call_command("bench", "connectors", f"--{name}={url}", *QUICK, stdout=out, stderr=io.StringIO())
    _, section = json.loads(out.getvalue())["sections"]
    assert [row["way"] for row in section["rows"]] == [bare, "the connector"]
    assert all(row["per second"] > 0 for row in section["rows"])


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--kafka=127.0.0.1:1", "could not connect to 127.0.0.1:1"),
        ("--nats=nats://127.0.0.1:1", "NATS cannot be reached"),
        ("--mqtt=mqtt://127.0.0.1:1", "no MQTT broker can be reached"),
        ("--mqtt=mqtt://[", "no address of a server"),
        ("--postgresql=postgres://u:p@127.0.0.1:1/x", "PostgreSQL cannot be reached"),
        ("--mysql=mysql://u:p@127.0.0.1:1/x", "MySQL cannot be reached"),
    ],
)
def test_what_is_not_there_is_said(option, words) -> None:
    with pytest.raises(CommandError, match=words):
        call_command("bench", "connectors", option, *QUICK, stdout=io.StringIO(), stderr=io.StringIO())
