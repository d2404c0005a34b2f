"""What connectors of servers share: opening, describing, addresses, libraries. No server is needed for it."""

from __future__ import annotations

import re
import sys
from typing import Any

import pytest

from destinations.connectors.base import ConfigurationError, Delivery, Runtime
from destinations.connectors.kafka.connector import Kafka
from destinations.connectors.mqtt.connector import Mqtt
from destinations.connectors.nats.connector import Nats
from destinations.connectors.redis.connector import Redis
from destinations.connectors.servers import ServerConnector
from destinations.connectors.sql.connector import MySQL, PostgreSQL

SQL = {"host": "127.0.0.1", "database": "d", "user": "u", "password": "p"}
HOST = {"host": "127.0.0.1"}
# A connector, what it is opened with, a setting that is sent as it is, its library and the extra that has it.
CONNECTORS: list[tuple[ServerConnector[Any, Any, Any], dict[str, str], dict[str, str], str, str, str]] = [
    (Kafka(), {"servers": "127.0.0.1:9"}, {"topic": "t"}, "topic", "confluent_kafka", "kafka"),
    (Mqtt(), HOST, {"topic": "a"}, "topic", "paho.mqtt.client", "mqtt"),
    (MySQL(), SQL, {"table": "t"}, "table", "pymysql", "mysql"),
    (Nats(), HOST, {"stream": "s", "subject": "a"}, "subject", "nats", "nats"),
    (PostgreSQL(), SQL, {"table": "t"}, "table", "psycopg", "postgres"),
    (Redis(), HOST, {"key": "k"}, "key", "redis", "redis"),
]
each = pytest.mark.parametrize(
    ("connector", "credentials", "settings", "name", "library", "extra"),
    CONNECTORS,
    ids=[type(one[0]).__name__ for one in CONNECTORS],
)


@each
def test_internal_addresses_are_refused(connector, credentials, settings, name, library, extra) -> None:
    with (
        connector.open(credentials, settings, Runtime()) as session,
        pytest.raises(ConfigurationError, match="internal address"),
    ):
        session.check()


@each
def test_names_with_references_are_refused(connector, credentials, settings, name, library, extra) -> None:
    chosen = {**settings, name: "a{{profile@id}}"}
    delivery = Delivery({}, "a:1", key="a", version=1)
    for use in (connector.open, lambda *given: connector.describe(*given, delivery)):
        with pytest.raises(ConfigurationError, match=rf"\{{\{{|{name}"):
            use(credentials, chosen)


@each
def test_a_library_that_is_not_installed_is_named(
    connector, credentials, settings, name, library, extra, monkeypatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    said = re.escape(f"{library} is missing: install tracsync[{extra}]")
    with pytest.raises(ConfigurationError, match=said):
        connector.open(credentials, settings)


@each
def test_what_cannot_be_sent_is_described_as_a_problem(
    connector, credentials, settings, name, library, extra
) -> None:
    delivery = Delivery({"n": float("nan")}, "a:1", key="a", version=1)
    assert list(connector.describe(credentials, settings, delivery)) == ["problem"]
