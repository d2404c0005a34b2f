"""Credentials and settings as Tracardi has them, given to what checks before saving."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from destinations.configuration import validation
from destinations.connectors import schemas
from destinations.connectors.amqp.connector import RabbitMQ
from destinations.connectors.http.connector import HttpApi
from destinations.models import Destination, Extension, Resource


@pytest.fixture
def make(db):
    def made(slug: str, production: dict[str, Any], **test: Any) -> Resource:
        Extension.objects.filter(slug=slug).update(installed_at="2026-01-01T00:00Z")
        return Resource(name="r", type=Extension.objects.get(slug=slug), production=production, test=test)

    return made


def test_an_http_resource_and_destination_of_tracardi(make) -> None:
    proxied = {"url": "https://crm.example/in", "username": "", "password": "", "proxy": "<proxy>"}
    resource = make("http_api", {**proxied, "headers": {"x-key": "k-1"}}, url="https://test.crm.example/in")
    validation.check_resource(resource)
    assert "proxy" not in resource.production
    resource.save()
    given = {"method": "post", "timeout": "30", "headers": {}, "cookies": {}, "ssl_check": "True"}
    destination = Destination(name="d", resource=resource, mapping={}, settings=given)
    validation.check_destination(destination)
    assert destination.settings == {**given, "method": "POST", "timeout": 30, "ssl_check": True}


@pytest.mark.parametrize(
    ("given", "uri"),
    [
        (
            {"uri": "amqp://u:p@mq.example:5672", "port": "5672", "virtual_host": ""},
            "amqp://u:p@mq.example:5672",
        ),
        ({"uri": "amqp://u:p@mq.example", "port": "5673"}, "amqp://u:p@mq.example:5673"),
        ({"uri": "amqp://mq.example//", "port": 5673, "virtual_host": None}, "amqp://mq.example:5673//"),
        ({"uri": "amqp://mq.example/", "virtual_host": "a/b"}, "amqp://mq.example/a%2Fb"),
        ({"uri": "amqp://mq.example:1/v", "port": "2", "virtual_host": "w"}, "amqp://mq.example:1/v"),
    ],
)
def test_a_broker_of_tracardi(make, given: dict[str, Any], uri: str) -> None:
    resource = make("rabbitmq", {**given, "timeout": "5"})
    validation.check_resource(resource)
    assert resource.production == {"uri": uri, "timeout": 5}


def test_a_queue_of_tracardi() -> None:
    queue = {"name": "profiles", "queue_type": "Direct", "compression": None, "auto_declare": "true"}
    read = schemas.understood(RabbitMQ.settings_schema, {"queue": queue})
    assert read == {"queue": {"name": "profiles", "queue_type": "direct", "auto_declare": True}}
    assert schemas.with_defaults(RabbitMQ.settings_schema, read)["queue"]["compression"] == "none"


@pytest.mark.parametrize(
    "value",
    [
        {"method": "poste"},
        {"timeout": "soon"},
        {"timeout": "1e9"},
        {"timeout": "9" * 400},
        {"headers": {"X-Number": "30", "X-True": "true"}},
        {"path": "30"},
        {"unknown": None},
        {"answers": [{"is": "Retry"}]},
        {"body": None, "batch": 5},
    ],
)
def test_what_could_mean_something_else_stays_as_it_is(value: dict[str, Any]) -> None:
    assert schemas.understood(HttpApi.settings_schema, value) == value


def test_what_is_required_is_not_left_out(make) -> None:
    resource = make("rabbitmq", {"uri": None})
    with pytest.raises(ValidationError, match="uri must be text"):
        validation.check_resource(resource)
