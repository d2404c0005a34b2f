"""What is wrong with a file is told with its line, its place, and what would be right."""

from __future__ import annotations

import copy
import json
import time
from typing import Any

import pytest

from destinations.connectors.http.manifests import files, reading, start
from destinations.connectors.http.manifests.reading import ManifestError
from tests.cases import for_each

START: dict[str, Any] = json.loads(start.text("acme"))
DELETED: Any = object()
POLL: dict[str, Any] = {
    "job": "answer@id",
    "request": {"path": "/jobs/{{job@id}}"},
    "answers": [{"when": {"if": "answer@done == true"}, "is": "accepted"}],
}
RULE = POLL["answers"][0]


def changed(path: str, value: Any) -> dict[str, Any]:
    """The start with another value at a JSON pointer; DELETED takes it out."""
    content = copy.deepcopy(START)
    *keys, last = path.strip("/").split("/")
    inner: Any = content
    for key in keys:
        inner = inner[int(key)] if isinstance(inner, list) else inner[key]
    if value is DELETED:
        del inner[last]
    else:
        inner[int(last) if isinstance(inner, list) else last] = value
    return content


def problems(content: Any, file: str = "acme.json") -> list[reading.Problem]:
    raw = content if isinstance(content, bytes) else json.dumps(content, indent=1).encode()
    with pytest.raises(ManifestError) as raised:
        files.made_of(raw, file)
    assert str(raised.value).startswith(f"{file}, line ")
    return list(raised.value.problems)


def test_the_start_is_in_order() -> None:
    connector = files.made_of(start.text("acme").encode(), "acme.json")
    assert (connector.slug, connector.name, connector.release) == ("acme", "Acme", "0.1.0")


@for_each(
    ("path", "value", "pointer", "says"),
    [
        ("/manifest", 2, "/manifest", "manifest must be 1"),
        ("/slug", "Acme", "/slug", "small letters"),
        ("/version", "1", "/version", "three numbers"),
        ("/name", DELETED, "", "name is required"),
        ("/pusch", {}, "", "pusch is not a known field"),
        ("/push/requst", {}, "/push", "requst is not a known field; did you mean request?"),
        ("/kind", "magic", "/kind", "must be one of webhooks, marketing"),
        ("/docs", "javascript:alert(1)", "/docs", "https://"),
        ("/icon", ['M0 0"/><script>'], "/icon/0", "SVG path"),
        ("/answers/0/is", "denied", "/answers/0/is", "must be one of accepted, retry"),
        ("/answers/0/when/status", [99], "/answers/0/when/status/0", "answers"),
        ("/answers/0/when", {"if": "answer@a ="}, "/answers/0", "rule.0.when.if"),
        ("/answers/0/says", "{{anser@x}}", "/answers/0", "answer@"),
        ("/auth/type", "magic", "/auth/type", "must be one of none, basic"),
        ("/auth", {"type": "basic", "username": "a"}, "/auth", "password is required"),
        ("/auth/username", "a", "/auth/username", "is nothing for bearer; it takes: token"),
        ("/auth/token", "settings@token", "/auth/token", "settings@"),
        ("/auth", {"type": "header", "name": "Host", "value": "x"}, "/auth/name", "Host"),
        ("/base_url", "http://api.example", "/base_url", "must begin with https://"),
        ("/base_url", "https://me@api.example", "/base_url", "must begin with https://"),
        ("/base_url", "https://{{credentials@dc}}.example", "/base_url", "dc is no field"),
        ("/base_url", "settings@url", "/base_url", "settings@"),
        ("/push/request/path", "/a b", "/push/request", "spaces"),
        ("/push/request/path", "/../x", "/push/request", ". and .."),
        ("/push/request/path", "/{{payload@x}}", "/push/request", "delivery@"),
        ("/push/request/body", {"$formula": "trim(delivery@key"}, "/push/request", "body"),
        ("/push/request/body", {"$formula": "trim(credentials@token)"}, "/push/request", "formula"),
        ("/push/request/headers", {"Content-Length": "1"}, "/push/request", "Content-Length"),
        ("/push/request/body", {"a": "item@x"}, "/push/request", "item@ leads nowhere here"),
        ("/push/request/body", {"$map": "item@x", "to": "item@y"}, "/push/request", "item@ leads nowhere"),
        ("/push/request/body", {"a": [{"...": "delivery@key"}]}, "/push/request", "write the keys out"),
        ("/push/item", "delivery@payload", "/push/item", "set limits.batch"),
        ("/identity", "item@a", "/identity", "set limits.batch"),
        ("/together", "item@a", "/together", "set limits.batch"),
        (
            "/auth",
            {"type": "oauth2", "token_url": "a", "client_id": "a", "grant": "jwt_bearer"},
            "/auth",
            "private_key is required",
        ),
        (
            "/auth",
            {"type": "oauth2", "token_url": "a", "client_id": "a"},
            "/auth",
            "client_secret is required",
        ),
        ("/remote_id", DELETED, "/push/update", "needs remote_id"),
        ("/remote_id", "contact.id", "/remote_id", "has to point into an answer, such as answer@id"),
        ("/remote_id", "reply@status", "/remote_id", "has to point into an answer, such as answer@id"),
        ("/remote_id", {"$formula": "lowercase('A')"}, "/remote_id", "has to point into an answer"),
        ("/conflict_id", "$.id", "/conflict_id", "has to point into an answer, such as answer@id"),
        (
            "/steps",
            [{"find": {"path": "/a"}, "id": "data.0.id"}],
            "/steps/0/id",
            "id has to point into an answer",
        ),
        ("/remove/path", "/contacts/delivery@key", "/remove", "written {{delivery@key}}, of delivery@"),
        ("/auth/token", "{{settings@token}}", "/auth/token", "written {{credentials@...}}, of credentials@"),
        ("/limits", {"batch": 100}, "/remote_id", "calls of one profile"),
        ("/limits", {"batch": 0}, "/limits/batch", "at least 1"),
        ("/idempotency_header", "a b", "/idempotency_header", "header's name"),
        ("/payload/type", "text", "/payload/type", "no valid JSON Schema"),
        (
            "/payload/properties/email",
            {"$ref": "https://x.example/a"},
            "/payload/properties/email/$ref",
            "$ref",
        ),
        ("/credentials/properties", DELETED, "/base_url", "base_url is no field"),
        ("/credentials/type", "string", "/credentials", '"type": "object"'),
        (
            "/settings",
            {"type": "object", "properties": {"key": {"type": "string", "secret": True}}},
            "/settings",
            "key belongs to the credentials",
        ),
        ("/presets/0/mapping", {"a": "profile@a["}, "/presets/0/mapping", "profile@a["),
        ("/auth/token", "credentials@tokn", "/auth/token", "did you mean credentials@token?"),
        ("/check/request/path", "/{{settings@area}}", "/check/request/path", "declares no settings"),
        ("/push/request/body", {"a": [{"b": "delivery@paylod.x"}]}, "/push/request/body/a/0/b", "@payload?"),
        ("/push/request/body", {"$formula": "trim(delivery@mail)"}, "/push/request/body/$formula", "@key, "),
        (
            "/answers/0/when",
            {"if": "reply@header.x == 1"},
            "/answers/0/when/if",
            "did you mean reply@headers",
        ),
        ("/keep", {"a": "delivery@remotes.a"}, "/keep/a", "did you mean delivery@remote?"),
        ("/presets/0/mapping", {"email": "delivery@key"}, "/presets/0/mapping", "is profile@"),
        (
            "/presets/0/mapping",
            {"e-mail": "profile@id"},
            "/presets/0/mapping",
            "email is required by payload",
        ),
        ("/presets/0/settings", {"no": 1}, "/presets/0/settings", "no is not a known field: there are none"),
        ("/tests/cases/0/check/is", "good", "/tests/cases/0/check/is", "must be one of ok"),
        ("/steps", [{"find": {}, "id": "delivery@key"}], "/steps/0/id", "answer@"),
        ("/conflict_id", "item@id", "/conflict_id", "answer@"),
        ("/keep", {"id": "delivery@key"}, "/keep", "id"),
        ("/keep", {"a": "answer@id"}, "/keep", "delivery@"),
        ("/check/says", "{{delivery@key}}", "/check/says", "answer@"),
        ("/answers/0/is", "pending", "/answers/0/is", "pending is of poll"),
        ("/poll", {"job": "answer@id", "answers": [RULE]}, "/poll", "request is required"),
        ("/poll", POLL | {"job": "delivery@key"}, "/poll/job", "answer@"),
        ("/poll", POLL | {"request": {"path": "/{{delivery@key}}"}}, "/poll/request", "job@"),
        ("/poll", POLL | {"request": {"path": "/job@id"}}, "/poll/request", "{{"),
        ("/poll", POLL | {"request": {"query": {"id": "answer@id"}}}, "/poll/request", "job@"),
        ("/poll", POLL | {"after": 0}, "/poll/after", "at least 1"),
        ("/poll", POLL | {"after": 7200}, "/poll/after", "at most 3600"),
        ("/poll", POLL | {"answers": []}, "/poll/answers", ""),
        ("/poll", POLL | {"answers": [{"is": "pending"}]}, "/poll/answers", "say accepted"),
        ("/poll", POLL | {"answers": [RULE, {"is": "split"}]}, "/poll/answers/1/is", "split of all other"),
        (
            "/poll",
            POLL | {"answers": [RULE | {"when": {"many": True}}]},
            "/poll/answers/0/when",
            "many is nothing",
        ),
        ("/poll", POLL | {"results": {}}, "/poll/results", "set limits.batch"),
        ("/poll", POLL | {"remote_id": "job@id"}, "/poll/remote_id", "answer@"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_would_be_right(path, value, pointer, says) -> None:
    content = changed(path, value)
    found = problems(content)
    assert [one.pointer for one in found] == [pointer]
    assert says in found[0].sentence
    lines = json.dumps(content, indent=1).splitlines()
    last = pointer.rpartition("/")[2]
    if last and not last.isdigit():
        assert f'"{last}"' in lines[found[0].line - 1]


@pytest.mark.parametrize(
    ("poll", "pointer", "says"),
    [
        ({}, "/poll", "results is required with limits.batch"),
        ({"remote_id": "answer@id"}, "/poll/remote_id", "calls of one profile"),
        ({"results": []}, "/poll/results", ""),
        ({"results": {"by": "key"}}, "/poll/results", "by key needs key"),
        ({"results": [{"answers": [{"is": "split"}]}]}, "/poll/results/0/answers/0/is", "split of all other"),
    ],
)
def test_a_job_of_several_says_what_becomes_of_each(poll, pointer, says) -> None:
    content = changed("/limits", {"batch": 10}) | {"push": {"request": {}}, "poll": POLL | poll}
    del content["remote_id"]
    (found,) = problems(content)
    assert found.pointer == pointer
    assert says in found.sentence


def test_pending_is_nothing_for_results_that_come_at_once() -> None:
    results = {"answers": [{"is": "pending"}]}
    content = changed("/limits", {"batch": 10}) | {"push": {"request": {}}, "results": results}
    del content["remote_id"]
    assert [one.pointer for one in problems(content)] == ["/results/answers/0/is"]


@pytest.mark.parametrize(
    ("raw", "line", "says"),
    [
        (b'{\n"a": 1,\n}', 3, "no JSON"),
        (b'{\n"a": 1,\n"b": {"a": 2},\n"b": 3}', 4, "the key b stands twice"),
        (b'{"a": NaN}', 1, "no JSON that can be used"),
        (b"[" * 100_000, 1, "no JSON that can be used"),
        (b"[" * 60 + b"]" * 60, 1, "more than 40 levels"),
        (b"\xff", 1, "UTF-8"),
        (b" " * (reading.LARGEST + 1), 1, "bytes"),
        (b"[]", 1, "must be an object"),
        (b'{"a": ' + b"9" * 5000 + b"}", 1, "no JSON that can be used"),
    ],
)
def test_what_is_no_manifest_at_all(raw: bytes, line: int, says: str) -> None:
    found = problems(raw)
    assert (found[0].line, found[0].pointer) == (line, "")
    assert says in found[0].sentence


def test_a_file_is_called_as_its_slug() -> None:
    assert problems(START, "other.json")[0].sentence == "the slug is acme: call the file acme.json"


def test_all_that_the_schema_finds_is_told_at_once() -> None:
    content = changed("/slug", "A") | {"version": "x"}
    assert [one.pointer for one in problems(content)] == ["/slug", "/version"]


def test_a_file_full_of_mistakes_is_refused_in_a_moment():
    """Every process reads the files as it starts."""
    rules = changed("/answers", [1] * 10_000)
    begun = time.process_time()
    found = problems(json.dumps(rules).encode())
    assert len(found) > 10_000
    assert time.process_time() - begun < 5
