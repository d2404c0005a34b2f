"""Every example of docs/http-api.md, against a real server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import time_machine

from destinations.connectors.base import Accepted, Delivery, MemoryTokenStore, Retry, Token
from destinations.connectors.http.connector import HttpApi
from destinations.connectors.http.templates import METHODS
from tests.connectors.http.test_auth import KEY

PAGE = Path(__file__).parents[3] / "docs" / "http-api.md"
NAMES = ("ana", "ben", "cleo", "dan")
MOMENT = 1_700_000_000
KEY_OF_THE_PAGE = "-----BEGIN PRIVATE KEY-----…"
_BLOCK = re.compile(r"^```(json|exchange)\n(.*?)^```$", re.M | re.S)


@dataclass
class Call:
    head: list[str] = field(default_factory=list)
    answer: list[str] = field(default_factory=list)


@dataclass
class Example:
    given: dict[str, Any]
    situation: str = ""
    calls: list[Call] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)


def examples() -> Iterator[Example]:
    given: dict[str, Any] = {}
    text = PAGE.read_text(encoding="utf-8")
    for kind, content in _BLOCK.findall(text):
        if kind == "exchange":
            yield read(content, given)
        elif not content.startswith('{"url"'):  # what all of them have in common
            given = json.loads(content)


def read(content: str, given: dict[str, Any]) -> Example:
    example = Example(given)
    for line in content.splitlines():
        mark, rest = line[0], line[2:]
        if mark == "(":
            example.situation = line
        elif mark == "=":
            example.outcomes.append(rest)
        elif mark == ">":
            if not example.calls or example.calls[-1].answer:
                example.calls.append(Call())
            example.calls[-1].head.append(rest)
        else:
            example.calls[-1].answer.append(rest)
    return example


def parts(lines: list[str]) -> tuple[str, dict[str, str], str]:
    """First line, headers and body of what is written like an HTTP message."""
    end = lines.index("") if "" in lines else len(lines)
    headers = dict(line.split(": ", 1) for line in lines[1:end])
    return lines[0], headers, "\n".join(lines[end + 1 :])


def delivery(position: int, situation: str) -> Delivery:
    email = f"{NAMES[position]}@x.example"
    profile = {"id": f"p-{position + 1}", "traits": {"email": email, "country": "DE"}}
    known = re.search(r"remote id (\w+)", situation)
    earlier = re.search(r"earlier (\w+)", situation)
    operation = "remove" if "(remove" in situation else "erase" if "(erase" in situation else "upsert"
    made = Delivery(
        {"email": email, "vip": True},
        f"key-{position + 1}",
        ({"id": known[1]} if known else {}) | ({"earlier": [earlier[1]]} if earlier else {}),
        key=profile["id"],
        version=3,
        profile=profile,
    )
    return made if operation == "upsert" else replace(made, operation=operation, payload=None, profile={})


def told(outcome: Any) -> str:
    """An outcome as the page writes it."""
    said = type(outcome).__name__.lower()
    if isinstance(outcome, Accepted):
        said += f" as {outcome.remote_id}" if outcome.remote_id else ""
        return said if outcome.after is None else f"{said}, the next one after {outcome.after:g}"
    if isinstance(outcome, Retry) and outcome.after is not None:
        said += f" after {outcome.after:g}"
    return " ".join(filter(None, (said, outcome.code, outcome.field))) + f": {outcome.reason}"


EXAMPLES = list(examples())


def test_the_page_has_examples() -> None:
    assert len(EXAMPLES) > 25


WITHOUT = {"proxy", "ssl_check"}  # the way to the server: test_client.py has both


def test_every_field_is_in_an_example() -> None:
    schemas = (HttpApi.credentials_schema, HttpApi.settings_schema)
    assert set(declared(schemas)) - set(names([example.given for example in EXAMPLES])) == WITHOUT


def test_every_choice_is_in_an_example_but_for_what_stands_for_nothing() -> None:
    """Of methods the tests of the engine have each."""
    shown = json.dumps([example.given for example in EXAMPLES])
    schemas = (HttpApi.credentials_schema, HttpApi.settings_schema)
    found = {one for one in choices(schemas) if f'"{one}"' not in shown}
    assert found - {*METHODS, ""} == DEFAULTS


DEFAULTS = {"client_credentials", "index", "upsert"}


def choices(value: Any) -> Iterator[str]:
    """Of a schema's fields, at any depth."""
    if isinstance(value, dict) and isinstance(value.get("enum"), list):
        yield from (one for one in value["enum"] if isinstance(one, str))
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    for one in inner:
        yield from choices(one)


def declared(value: Any) -> Iterator[str]:
    """The names of a schema's fields, of those within them and of those of the items of lists."""
    if isinstance(value, dict):
        yield from value.get("properties", {})
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    for one in inner:
        yield from declared(one)


def names(value: Any) -> Iterator[str]:
    """All keys that an example has anywhere."""
    if isinstance(value, dict):
        yield from value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        yield from names(one)


@pytest.mark.parametrize("example", EXAMPLES, ids=[str(one.given)[:60] for one in EXAMPLES])
def test_example(server, loopback, example: Example) -> None:
    given = json.dumps(example.given, ensure_ascii=False).replace("https://crm.example", server.url)
    here = json.loads(given.replace(KEY_OF_THE_PAGE, KEY.replace("\n", "\\n")))
    credentials = {"url": f"{server.url}/api", **here.get("credentials", {})}
    for call in example.calls:
        status, headers, body = parts(call.answer)
        server.answers.append(
            (int(status), headers, body.replace("https://crm.example", server.url).encode())
        )
    runtime = loopback
    if authorised := re.search(r"refresh token (\S+)\)", example.situation):
        runtime = replace(loopback, tokens=MemoryTokenStore())
        runtime.tokens.renew(None, lambda: Token("", 0, authorised[1]))
    deliveries = [delivery(position, example.situation) for position in range(len(example.outcomes))]
    with (
        time_machine.travel(MOMENT, tick=False),
        HttpApi().open(credentials, here.get("settings", {}), runtime) as session,
    ):
        if example.situation.startswith("(read"):
            said = [f"holds {json.dumps(held.payload)}" for held in session.read(deliveries)]
        else:
            said = [told(outcome) for outcome in session.push(deliveries)]
    assert said == example.outcomes
    assert len(server.seen) == len(example.calls)
    for seen, call in zip(server.seen, example.calls, strict=True):
        first, headers, body = parts(call.head)
        assert f"{seen.method} {seen.path}" == first
        for name, value in headers.items():
            assert re.fullmatch(written(value), seen.headers[name]), name
        if body:
            assert re.fullmatch(written(body), seen.body.decode().rstrip("\n"))


def written(value: str) -> str:
    """As a pattern: what the page leaves open is anything."""
    return re.escape(value).replace(re.escape("(any)"), ".+").replace("HEX", "[0-9a-f]{64}")
