from __future__ import annotations

import json

import pytest

from destinations.connectors import schemas
from destinations.connectors.amqp.connector import RabbitMQ
from destinations.connectors.base import ConfigurationError
from destinations.connectors.http.connector import HttpApi
from tests.cases import for_each

SCHEMA = {
    "type": "object",
    "properties": {
        "email": {"type": "string", "pattern": r"\S", "hint": "must not be blank"},
        "timeout": {"type": "number", "exclusiveMinimum": 0, "maximum": 60, "default": 10},
        "count": {"type": "integer", "minimum": 1},
        "mode": {"enum": ["", "fast"]},
        "name": {"type": "string", "minLength": 1, "maxLength": 3},
        "code": {"type": "string", "pattern": "^x"},
        "either": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "list": {"type": "array", "items": {"type": "string"}, "uniqueItems": True, "maxItems": 2},
        "key": {"type": "string", "secret": True},
        "url": {"type": "string", "format": "uri"},
        "inner": {
            "type": "object",
            "properties": {"a": {"type": ["integer", "null"], "default": 1}, "pin": {"secret": True}},
            "required": ["b"],
            "default": {},
        },
        "headers": {"type": "object", "secret": True, "additionalProperties": {"type": "string"}},
    },
    "required": ["email"],
    "additionalProperties": False,
}


@for_each(
    ("value", "problem"),
    [
        ({}, ("email", "email is required")),
        ({"email": " "}, ("email", "email must not be blank")),
        ({"email": 5}, ("email", "email must be text")),
        ({"email": "a", "timeout": 61}, ("timeout", "timeout must be at most 60")),
        ({"email": "a", "timeout": 0}, ("timeout", "timeout must be more than 0")),
        ({"email": "a", "timeout": True}, ("timeout", "timeout must be a number")),
        ({"email": "a", "count": 0}, ("count", "count must be at least 1")),
        ({"email": "a", "mode": "slow"}, ("mode", "mode must be one of (blank), fast")),
        ({"email": "a", "name": ""}, ("name", "name must not be blank")),
        ({"email": "a", "name": "long"}, ("name", "name must have at most 3 characters")),
        ({"email": "a", "code": "secretvalue"}, ("code", "code does not have the right form")),
        ({"email": "a", "either": 1}, ("either", "either is not valid")),
        ({"email": "a", "list": [1]}, ("list.0", "list.0 must be text")),
        ({"email": "a", "list": ["a", "a"]}, ("list", "list must not repeat an item")),
        ({"email": "a", "inner": {}}, ("inner.b", "inner.b is required")),
        ({"email": "a", "inner": {"b": 1, "a": "x"}}, ("inner.a", "inner.a must be a whole number or null")),
        ({"email": "a", "emial": 1}, ("emial", "emial is not a known field; did you mean email?")),
        ([], ("", "the value must be an object")),
        ({"email": "a", "key": "********"}, ("key", "key is hidden; type it again")),
    ],
)
def test_what_is_wrong_is_said_in_words(value, problem) -> None:
    assert schemas.validate(SCHEMA, value) == [problem]


def test_every_missing_and_every_unknown_field_is_named() -> None:
    schema = {"required": ["a", "b"], "properties": {}, "additionalProperties": False}
    assert {path for path, _ in schemas.validate(schema, {"x": 1, "y": 2})} == {"a", "b", "x", "y"}


@for_each("field", ["email", "timeout", "count", "mode", "name", "code", "either", "list", "inner"])
@for_each("value", ["marker-value", ["marker-value", "marker-value", 7], {"b": "marker-value"}, 987654])
def test_messages_never_hold_values(field, value) -> None:
    text = str(schemas.validate(SCHEMA, {field: value}))
    assert "marker" not in text
    assert "987654" not in text


def test_right_values_have_no_problems() -> None:
    assert schemas.validate(SCHEMA, {"email": "a", "timeout": 0.5, "inner": {"b": 1}}) == []


def test_checked_raises_with_all_sentences() -> None:
    with pytest.raises(ConfigurationError, match="email is required; timeout must be at most 60"):
        schemas.checked(SCHEMA, {"timeout": 99, "inner": {"b": 1}})


def test_defaults_are_filled_inside_objects_and_copied() -> None:
    value = {"email": "a"}
    filled = schemas.with_defaults(SCHEMA, value)
    assert filled == {"email": "a", "timeout": 10, "inner": {"a": 1}}
    filled["inner"]["b"] = 2
    assert schemas.with_defaults(SCHEMA, value)["inner"] == {"a": 1}
    assert value == {"email": "a"}


def test_secret_fields() -> None:
    assert schemas.secret_fields(SCHEMA) == ["key", "inner.pin", "headers"]
    assert schemas.secret_fields(HttpApi.credentials_schema) == [
        *("password", "token", "headers", "signing_secrets"),
        *("oauth2.client_secret", "oauth2.refresh_token", "oauth2.private_key"),
        *("aws.secret_key", "aws.session_token", "azure.key", "jwt.key", "proxy"),
    ]
    assert schemas.secret_fields(RabbitMQ.credentials_schema) == ["uri"]


STORED = {
    "email": "a",
    "key": "k3y-value",
    "url": "https://bob:pa55word@h.example/p?api=s3cr3t&x=",
    "headers": {"X-Any": "hidden-1", "Empty": ""},
    "inner": {"b": 1, "pin": 1234, "Authorization": "Bearer zzzz", "my_token": ["t0ken"]},
}


def test_mask_hides_secrets_and_keeps_names() -> None:
    masked = schemas.mask(SCHEMA, STORED)
    assert masked == {
        "email": "a",
        "key": "********",
        "url": "https://bob:********@h.example/p?api=********&x=",
        "headers": {"X-Any": "********", "Empty": ""},
        "inner": {"b": 1, "pin": "********", "Authorization": "********", "my_token": ["********"]},
    }
    text = json.dumps(masked)
    assert not [secret for secret in schemas.secrets(SCHEMA, STORED) if secret in text]


def test_secrets_are_what_mask_hides() -> None:
    assert set(schemas.secrets(SCHEMA, STORED)) == {
        *("k3y-value", "pa55word", "s3cr3t", "hidden-1", "1234", "Bearer zzzz", "t0ken"),
    }


def test_unmask_keeps_what_is_stored() -> None:
    masked = schemas.mask(SCHEMA, STORED)
    restored = schemas.unmask(SCHEMA, masked, STORED)
    assert restored["key"] == STORED["key"]
    assert restored["url"] == STORED["url"]
    assert restored["headers"] == STORED["headers"]
    assert restored["inner"]["pin"] == 1234


def test_unmask_takes_what_is_new() -> None:
    masked = schemas.mask(SCHEMA, STORED)
    new = {**masked, "key": "new", "headers": {"X-Any": "********", "X-New": "n"}}
    restored = schemas.unmask(SCHEMA, new, STORED)
    assert restored["key"] == "new"
    assert restored["headers"] == {"X-Any": "hidden-1", "X-New": "n"}


def test_unmask_of_a_changed_url_on_the_same_host() -> None:
    new = {"url": "https://bob:********@h.example/other?api=********&x=1"}
    assert schemas.unmask(SCHEMA, new, STORED) == {
        "url": "https://bob:pa55word@h.example/other?api=s3cr3t&x=1"
    }


@pytest.mark.parametrize(
    "url",
    [
        "https://bob:********@evil.example/",
        "http://h.example/?api=********",
        "https://eve:********@h.example/",
    ],
)
def test_a_urls_secret_does_not_follow_elsewhere(url: str) -> None:
    restored = schemas.unmask(SCHEMA, {"email": "a", "url": url}, STORED)
    assert "pa55word" not in restored["url"]
    assert "s3cr3t" not in restored["url"]
    assert ("url", "url is hidden; type it again") in schemas.validate(SCHEMA, restored)


def test_a_masked_value_without_a_stored_one_is_refused() -> None:
    restored = schemas.unmask(SCHEMA, {"email": "a", "headers": {"New": "********"}}, {})
    assert schemas.validate(SCHEMA, restored) == [("headers", "headers is hidden; type it again")]
