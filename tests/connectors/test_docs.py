"""docs/connectors.md is true: its examples run, its tables name every field."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from destinations.connectors.amqp.connector import RabbitMQ
from destinations.connectors.base import Delivery, Retry, Unreachable
from destinations.connectors.http.connector import HttpApi
from destinations.connectors.kafka.connector import Kafka
from destinations.connectors.mautic.connector import Mautic
from destinations.connectors.mqtt.connector import Mqtt
from destinations.connectors.nats.connector import Nats
from destinations.connectors.redis.connector import Redis
from destinations.connectors.sql.connector import MySQL, PostgreSQL
from destinations.connectors.testing import ContractError, check_contract

TEXT = (Path(__file__).parents[2] / "docs" / "connectors.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def test_the_example_connector_keeps_the_contract_as_the_example_peer_asks() -> None:
    names: dict = {"__name__": "example"}
    for example in EXAMPLES[:2]:
        exec(compile(example, "docs/connectors.md", "exec"), names)
    names["test_it_keeps_the_contract"]()
    with names["NtfyPeer"]() as peer:
        peer.received = list
        with pytest.raises(ContractError, match="payloads did not come"):
            check_contract(names["Ntfy"](), peer)


def test_the_example_connector_says_when_nobody_answers(loopback) -> None:
    names: dict = {"__name__": "example"}
    exec(compile(EXAMPLES[0], "docs/connectors.md", "exec"), names)
    with names["Ntfy"]().open({"url": "http://127.0.0.1:1/topic"}, {}, loopback) as session:
        with pytest.raises(Unreachable):
            session.check()
        assert type(session.push([Delivery({"text": "hello"}, "1:1")])[0]) is Retry


def test_the_recording_example_runs() -> None:
    exec(compile(EXAMPLES[2], "docs/connectors.md", "exec"), {"__name__": "example"})


@pytest.mark.parametrize(
    "connector", [HttpApi, RabbitMQ, Mautic, PostgreSQL, MySQL, Redis, Kafka, Mqtt, Nats]
)
def test_every_field_is_documented(connector) -> None:
    section = TEXT.partition(f"(`{connector.slug}`)")[2].partition("\n## ")[0]
    if connector is HttpApi:
        section = Path("docs/http-api.md").read_text(encoding="utf-8")
    fields = [*connector.credentials_schema["properties"], *connector.settings_schema["properties"]]
    fields += connector.settings_schema["properties"].get("queue", {}).get("properties", {})
    assert not [name for name in fields if f"`{name}`" not in section]
