"""docs/connectors.md is true: its examples run, its tables name every field."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from destinations.connectors.amqp.connector import RabbitMQ
from destinations.connectors.base import Accepted, Delivery, Rejected, Retry, Unreachable
from destinations.connectors.http.connector import HttpApi
from destinations.connectors.mautic.connector import Mautic

TEXT = (Path(__file__).parents[2] / "docs" / "connectors.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def test_the_example_connector_works(server, loopback) -> None:
    names: dict = {"__name__": "example"}
    exec(compile(EXAMPLES[0], "docs/connectors.md", "exec"), names)
    connector, credentials = names["Ntfy"](), {"url": server.url + "/topic?auth=marker"}
    server.answers.extend([(200, {}, b""), (200, {}, b""), (422, {}, b"marker hello there")])
    with connector.open(credentials, {}, loopback) as session:
        assert session.check() == "answered 200"
        outcomes = session.push([Delivery({"text": "hello there"}, f"1:{at}") for at in range(2)])
    assert [type(outcome) for outcome in outcomes] == [Accepted, Rejected]
    assert "marker" not in repr(outcomes)
    assert "hello there" not in outcomes[1].reason
    assert server.seen[1].body == b"hello there"
    assert "marker" not in str(connector.describe(credentials, {}, Delivery({"text": "a"}, "1:1")))


def test_the_example_connector_says_when_nobody_answers(loopback) -> None:
    names: dict = {"__name__": "example"}
    exec(compile(EXAMPLES[0], "docs/connectors.md", "exec"), names)
    with names["Ntfy"]().open({"url": "http://127.0.0.1:1/topic"}, {}, loopback) as session:
        with pytest.raises(Unreachable):
            session.check()
        assert type(session.push([Delivery({"text": "hello"}, "1:1")])[0]) is Retry


def test_the_recording_example_runs() -> None:
    exec(compile(EXAMPLES[1], "docs/connectors.md", "exec"), {"__name__": "example"})


@pytest.mark.parametrize("connector", [HttpApi, RabbitMQ, Mautic])
def test_every_field_is_documented(connector) -> None:
    section = TEXT.partition(f"(`{connector.slug}`)")[2].partition("\n## ")[0]
    if connector is HttpApi:
        section = Path("docs/http-api.md").read_text(encoding="utf-8")
    fields = [*connector.credentials_schema["properties"], *connector.settings_schema["properties"]]
    fields += connector.settings_schema["properties"].get("queue", {}).get("properties", {})
    assert not [name for name in fields if f"`{name}`" not in section]
