from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from importlib.metadata import EntryPoint

import pytest
from jsonschema import Draft202012Validator

from destinations.connectors import registry, schemas
from destinations.connectors.base import ConnectorError
from destinations.connectors.capabilities import presets
from destinations.connectors.registry import UnknownConnector
from destinations.notation import parse_condition, parse_template
from tests.connectors.manifests.test_every_manifest import SLUGS

BUILT_IN = {
    "http_api": "destinations.connectors.http.connector:HttpApi",
    "rabbitmq": "destinations.connectors.amqp.connector:RabbitMQ",
    "mautic": "destinations.connectors.mautic.connector:Mautic",
    "postgresql": "destinations.connectors.sql.connector:PostgreSQL",
    "mysql": "destinations.connectors.sql.connector:MySQL",
    "redis": "destinations.connectors.redis.connector:Redis",
}


@pytest.fixture
def declare(monkeypatch: pytest.MonkeyPatch) -> Iterator:
    def declare(*pairs: tuple[str, str]) -> None:
        entries = [EntryPoint(name, value, registry.GROUP) for name, value in pairs]
        monkeypatch.setattr(registry, "entry_points", lambda group: entries)
        registry.forget()

    yield declare
    registry.forget()


def test_the_built_in_connectors(declare) -> None:
    declare(*BUILT_IN.items())
    assert registry.slugs() == sorted([*BUILT_IN, *SLUGS])
    assert [connector.slug for connector in registry.all_connectors()] == registry.slugs()
    assert registry.get("http_api").name == "HTTP API"
    assert registry.get("http_api") is registry.get("http_api")
    assert list(registry.titles()) == [
        (one.slug, one.name, one.description) for one in registry.all_connectors()
    ]


def test_every_field_of_a_built_in_connector_is_described(declare) -> None:
    declare(*BUILT_IN.items())
    for connector in registry.all_connectors():
        assert connector.icon.startswith("<svg")
        assert connector.icon.endswith("</svg>")
        for schema in (connector.credentials_schema, connector.settings_schema):
            assert schema["additionalProperties"] is False
            assert_described(schema)


def test_what_a_built_in_connector_offers_to_begin_with_can_be_used(declare) -> None:
    declare(*BUILT_IN.items())
    document = {"id": "p-1", "traits": {}, "data": {"contact": {"email": {"main": "a@x.example"}}}}
    for connector in registry.all_connectors():
        assert presets(connector)
        for preset in presets(connector):
            assert preset.name
            assert preset.description.endswith(".")
            assert not preset.prerequisites or parse_condition(preset.prerequisites)
            payload = parse_template(preset.mapping).render({"profile": document})
            assert schemas.validate(connector.payload_schema, payload) == []
            assert validate_with_defaults(connector.settings_schema, preset.settings) == []


def validate_with_defaults(schema, value):
    return schemas.validate(schema, schemas.with_defaults(schema, value))


def assert_described(schema) -> None:
    Draft202012Validator.check_schema(schema)
    for name, field in schema["properties"].items():
        assert field["title"]
        assert field["description"].endswith(".")
        is_given = "default" in field or name in schema.get("required", ())
        assert is_given or "properties" in field or "type" not in field, name  # or may not be there at all
        if "properties" in field:
            assert_described(field)


def test_an_unknown_slug_is_loud_and_says_where_it_was_looked_for(declare) -> None:
    declare(*BUILT_IN.items())
    with pytest.raises(
        UnknownConnector, match="'kafka': no installed package has it, and the folder of"
    ) as caught:
        registry.get("kafka")
    assert isinstance(caught.value, ConnectorError)
    assert isinstance(caught.value, KeyError)


def test_getting_one_does_not_load_the_others(declare) -> None:
    declare(("http_api", BUILT_IN["http_api"]), ("broken", "no.such.module:Thing"))
    assert registry.get("http_api").slug == "http_api"


@pytest.mark.parametrize(
    "value",
    [
        "no.such.module:Thing",
        "destinations.connectors.base:Missing",
        "destinations.connectors.http.connector:HttpApi",
        "destinations.connectors.base:Token",
        "builtins:object",
    ],
)
def test_a_broken_package_is_logged_and_left_out(
    declare, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    declare(("broken", value), *BUILT_IN.items())
    with caplog.at_level(logging.ERROR):
        assert registry.slugs() == sorted([*BUILT_IN, *SLUGS])
    assert "broken" in caplog.text
    with pytest.raises(UnknownConnector, match=re.escape(f"{value} cannot be loaded; the log says why")):
        registry.get("broken")


def test_a_foreign_package_cannot_take_a_built_in_slug(declare, caplog: pytest.LogCaptureFixture) -> None:
    declare(("http_api", "evil.module:Thing"), *BUILT_IN.items())
    assert type(registry.get("http_api")).__module__ == "destinations.connectors.http.connector"
    assert "evil.module" in caplog.text
