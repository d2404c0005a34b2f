"""docs/manifests.md is true: its tutorial ends with a connector in order, and every key is explained."""

from __future__ import annotations

import io
import json
import re
from base64 import urlsafe_b64decode
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from destinations.connectors.base import (
    ConfigurationError,
    Delivery,
    Field,
    Held,
    Limits,
    Rate,
    Rejected,
    Unreachable,
)
from destinations.connectors.capabilities import abilities, limits_of
from destinations.connectors.http import listing
from destinations.connectors.http.description import kept
from destinations.connectors.http.manifests import exchanges, files, reading, start
from destinations.connectors.testing import check_contract

TEXT = (Path(__file__).parents[3] / "docs" / "manifests.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[Any]:
    return [json.loads(text) for text in re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)]


def test_the_tutorial_makes_a_connector(tmp_path: Path) -> None:
    content = json.loads(start.text("mailerlite"))
    for block in blocks("json"):
        content |= block
    path = tmp_path / "mailerlite.json"
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
    out = io.StringIO()
    call_command("check_connector", str(path), stdout=out)
    note, said = out.getvalue().strip().splitlines()[-2:]
    assert f"`{said}`" in TEXT
    assert note.startswith("A changed address makes a second record")
    assert "No test shows" not in out.getvalue()


def of_the_tutorial(**more: Any) -> Any:
    content = json.loads(start.text("mailerlite"))
    for block in blocks("json"):
        content |= block
    return content | more


def test_what_comes_later_lists_the_fields_and_reads() -> None:
    (more,) = blocks("more")
    content = of_the_tutorial(**more)
    fields = {"data": [{"name": "City", "key": "city", "type": "text"}]}
    ana = {"email": "ana@x.example"}
    content["tests"]["cases"] = [
        {"name": "fields", "fields": ["fields.city"], "exchanges": [{"answer": {"body": fields}}]},
        {
            "name": "held",
            "deliveries": [{"payload": ana}],
            "held": [ana],
            "exchanges": [
                {"request": {"path": "/api/subscribers/ana%40x.example"}, "answer": {"body": {"data": ana}}}
            ],
        },
    ]
    made = files.made_of(json.dumps(content).encode(), "mailerlite.json")
    assert [one.problems for one in exchanges.run(made)] == [[], []]


def test_several_profiles_share_a_call() -> None:
    (batch,) = blocks("batch")
    text = {"type": "string", "title": "T"}
    both = {"base": "appA1b2C3", "token": "token-of-tests"}
    content = of_the_tutorial(**batch)
    for name in ("remote_id", "erase"):  # as the text says
        del content[name]
    content["credentials"] = {"type": "object", "properties": dict.fromkeys(both, text)}
    content["settings"] = {"type": "object", "properties": {"table": text}}
    content["base_url"] = "https://api.airtable.com"
    content["payload"] = {"type": "object", "required": ["Key"]}
    content["presets"] = []
    wrong = {"status": 422, "body": {"error": {"message": "Age is no number"}}}
    asked = {"performUpsert": {"fieldsToMergeOn": ["Key"]}, "typecast": True}
    asked["records"] = [{"fields": {"Key": "p-1"}}, {"fields": {"Key": "p-2", "Age": "old"}}]
    content["tests"] = {"credentials": both, "settings": {"table": "Contacts"}}
    content["tests"]["cases"] = [
        {
            "name": "one of two",
            "deliveries": [{"payload": one["fields"]} for one in asked["records"]],
            "exchanges": [
                {
                    "request": {"method": "PATCH", "path": "/v0/appA1b2C3/Contacts", "body": asked},
                    "answer": wrong,
                },
                {"answer": {"body": {"records": [{"id": "rec1", "fields": {"Key": "p-1"}}]}}},
                {"answer": wrong},
            ],
            "outcomes": [
                {"is": "accepted", "id": "rec1"},
                {"is": "rejected", "code": "invalid_field", "says": "Age is no number"},
            ],
        },
        {
            "name": "too many calls",
            "deliveries": [{"payload": {"Key": "p-1"}}],
            "exchanges": [{"answer": {"status": 429}}],
            "outcomes": [{"is": "retry", "after": 30}],
        },
        {
            "name": "removed",
            "deliveries": [{"operation": "remove", "remote": {"id": "rec1"}}],
            "exchanges": [{"request": {"path": "/v0/appA1b2C3/Contacts/rec1"}, "answer": {"status": 200}}],
            "outcomes": [{"is": "accepted"}],
        },
    ]
    made = files.made_of(json.dumps(content).encode(), "mailerlite.json")
    assert [one.problems for one in exchanges.run(made)] == [[], [], []]


def test_the_double_of_the_tutorial_is_one_for_the_start_that_is_written() -> None:
    names: dict[str, Any] = {"__name__": "doubles"}
    (example,) = re.findall(r"```python\n(from destinations.connectors.testing.*?)```", TEXT, re.DOTALL)
    exec(compile(example, "docs/manifests.md", "exec"), names)
    loaded = files.load(start.text("acme").encode, "acme.json")
    with names["Acme"]() as peer:
        check_contract(loaded.connector, peer)


def test_the_steps_find_what_is_there_and_create_what_is_not(tmp_path: Path) -> None:
    (example,) = blocks("steps")
    content = json.loads(start.text("acme")) | example
    found = {
        "request": {"method": "GET", "path": "/contacts?external_id=p-1"},
        "answer": {"status": 200, "body": {"data": [{"id": 7}]}},
    }
    nothing = {"answer": {"status": 200, "body": {"data": []}}}
    created = {
        "request": {"method": "POST", "path": "/contacts"},
        "answer": {"status": 201, "body": {"id": 8}},
    }
    updated = {"request": {"method": "PUT", "path": "/contacts/7"}, "answer": {"status": 204}}
    payload = {"email": "ana@x.example"}

    def case(name: str, exchanges: list[Any], outcome: dict[str, Any], **delivery: Any) -> dict[str, Any]:
        delivered = {"payload": payload, **delivery}
        return {"name": name, "deliveries": [delivered], "exchanges": exchanges, "outcomes": [outcome]}

    removed = {"operation": "remove", "payload": None}
    content["tests"]["cases"] = [
        case("there", [found, updated], {"is": "accepted", "id": "7"}),
        case("not there", [nothing, created], {"is": "accepted", "id": "8"}),
        case("no such address", [{"answer": {"status": 404}}, created], {"is": "accepted", "id": "8"}),
        case("known", [updated], {"is": "accepted"}, remote={"id": "7"}),
        case(
            "known, and gone", [{"answer": {"status": 404}}, created], {"is": "accepted"}, remote={"id": "6"}
        ),
        case("no answer to the search", [{"answer": {"missing": True}}], {"is": "retry"}),
        case("no answer to the creation", [nothing, {"answer": {"missing": True}}], {"is": "unknown"}),
        case("refused", [{"answer": {"status": 401}}], {"is": "hold"}),
        case(
            "busy",
            [{"answer": {"status": 503, "headers": {"Retry-After": "9"}}}],
            {"is": "retry", "after": 9},
        ),
        case("removed", [found, {"answer": {"status": 204}}], {"is": "accepted"}, **removed),
        case("nothing to remove", [nothing], {"is": "accepted", "says": "not there"}, **removed),
    ]
    made = files.made_of(json.dumps(content).encode(), "acme.json")
    for result in exchanges.run(made):
        assert not result.problems, result.name


def test_every_key_is_explained_as_the_schema_does() -> None:
    schema = reading.schema()
    expected = list(rows({"properties": schema["properties"], "required": schema["required"]}))
    for part in schema["$defs"].values():
        expected += rows(part)
    assert len(expected) > 100
    plain = TEXT.replace("`", "")  # values in the sentences stand as code, too
    assert [row for row in expected if row.replace("`", "") not in plain] == []


def test_what_can_be_chosen_is_all_told() -> None:
    schema = reading.schema()
    for name, field in (
        ("kind", schema["properties"]["kind"]),
        ("type", schema["$defs"]["auth"]["properties"]["type"]),
    ):
        (row,) = re.findall(rf"^\| `{name}` \| (.*) \|$", TEXT, re.MULTILINE)
        assert {*re.findall(r"`(\w+)`", row)} == {*field["enum"]}
    auth = schema["$defs"]["auth"]["properties"]["type"]["enum"]
    assert [one for one in auth if not re.search(rf"\b{one}\b", start.EDITS[2])] == []


def rows(schema: Any, prefix: str = "") -> Any:
    for name, field in schema.get("properties", {}).items():
        if name in ("$comment", "$schema"):
            continue
        required = " (required)" if name in schema.get("required", ()) else ""
        yield f"| `{prefix}{name}` | {field['description']}{required} |"
        if "$ref" not in field:
            yield from rows(field, f"{prefix}{name}.")
            yield from rows(field.get("items", {}), f"{prefix}{name}[].")


def test_what_was_sent_is_kept_for_the_day_of_leaving(server, loopback) -> None:
    (example,) = blocks("keep")
    made = files.made_of(json.dumps(json.loads(start.text("acme")) | example).encode(), "acme.json")
    server.answers.extend([(201, {}, b'{"contact": {"id": 7}}'), (204, {}, b""), (422, {}, b"")])
    hashes = ["a" * 64, "b" * 64, "c" * 64]
    payloads = [{"email": "a@x.example", "email_hash": one} for one in hashes]
    with made.open({"token": "t0ken", "base_url": server.url}, {}, loopback) as session:
        (first,) = session.push([Delivery(payloads[0], "1:1")])
        assert first.remote == {"id": "7", "hashes": hashes[:1]}
        (second,) = session.push([Delivery(payloads[1], "1:2", first.remote)])
        assert second.remote == {"id": "7", "hashes": [hashes[1], hashes[0]]}
        (third,) = session.push([Delivery(payloads[2], "1:3", second.remote)])
        assert isinstance(third, Rejected)
        session.push([Delivery(None, "1:4", second.remote, "remove")])
    assert json.loads(server.seen[-1].body) == {"hashes": [hashes[1], hashes[0]]}


def test_a_list_that_is_kept_has_an_end_and_nothing_twice() -> None:
    remote: dict[str, Any] = {}
    for number in range(50):
        remote = kept({"hashes": [number], "last": number}, remote)
        remote = kept({"hashes": [number, None]}, remote)
    assert remote == {"hashes": list(range(49, 29, -1)), "last": 49}


def test_ghosts_key_signs_in_as_the_page_says(server, loopback) -> None:
    (example,) = blocks("auth")
    content = json.loads(start.text("acme")) | example
    content["credentials"] = {
        "type": "object",
        "properties": {"key": {"type": "string", "secret": True}, "base_url": {"type": "string"}},
    }
    made = files.made_of(json.dumps(content).encode(), "acme.json")
    with made.open({"key": "64b1f2:00ff", "base_url": server.url}, {}, loopback) as session:
        session.check()
    scheme, token = server.seen[0].headers["Authorization"].split()
    header, claims = (json.loads(urlsafe_b64decode(part + "==")) for part in token.split(".")[:2])
    assert (scheme, header["kid"], claims["aud"]) == ("Ghost", "64b1f2", "/admin/")


def test_the_migration_brings_what_is_stored_to_its_new_form() -> None:
    (example,) = blocks("migrations")
    made = files.made_of(json.dumps(json.loads(start.text("acme")) | example).encode(), "acme.json")
    assert made.version == 2
    assert made.migrate("settings", {"audience": "a1"}, 1) == {"audiences": ["a1"]}
    assert made.migrate("settings", {"audience": "a1", "status": "new"}, 1) == {
        "audiences": ["a1"],
        "status": "new",
    }
    assert made.migrate("credentials", {"token": "t"}, 1) == {"token": "t"}
    assert made.migrate("settings", {"audiences": []}, 2) == {"audiences": []}


def test_the_limits_of_a_file_are_those_of_an_account() -> None:
    limits = {"concurrency": 4, "rates": [{"count": 100, "seconds": 10}, {"count": 5000, "seconds": 86400}]}
    made = files.made_of(
        json.dumps(json.loads(start.text("acme")) | {"limits": limits}).encode(), "acme.json"
    )
    assert limits_of(made) == Limits(4, [Rate(100, 10), Rate(5000, 86400)])


def test_what_the_system_holds_is_read_back(server, loopback) -> None:
    content = json.loads(start.text("acme"))
    content["read"] = {"request": {"path": "/contacts/{{delivery@remote.id}}"}, "at": "answer@contact"}
    made = files.made_of(json.dumps(content).encode(), "acme.json")
    assert abilities(made, {}) == ["read"]
    server.answers.extend(
        [(200, {}, b'{"contact": {"email": "a@x.example"}}'), (404, {}, b""), (503, {}, b"")]
    )
    deliveries = [Delivery({"email": "b@x.example"}, f"1:{n}", {"id": str(n)}) for n in range(3)]
    with made.open({"token": "t0ken", "base_url": server.url}, {}, loopback) as session:
        held = session.read([*deliveries, Delivery({"email": "b@x.example"}, "1:4")])
    assert held[0] == Held({"email": "a@x.example"})
    assert held[1] == Held()
    assert "503" in held[2].problem
    assert "delivery@remote.id is missing" in held[3].problem
    assert [one.path for one in server.seen] == ["/contacts/0", "/contacts/1", "/contacts/2"]


def test_fields_are_told_with_what_is_known_of_them(server, loopback) -> None:
    content = json.loads(start.text("acme"))
    points = {"name": "key", "title": "label", "unique": "only", "choices": "values", "choice": "item@id"}
    content["fields"] = {"request": {"path": "/fields"}, "at": "answer@list", "prefix": "custom.", **points}
    made = files.made_of(json.dumps(content).encode(), "acme.json")
    listed = [
        {"key": "plan", "label": "Plan", "only": True, "values": [{"id": "pro"}, {"id": 2}, {"no": 1}]},
        {"label": "without a name"},
        "no entry",
    ]
    answer = json.dumps({"list": listed, "more": "x" * 200_000}).encode()
    server.answers.extend([(200, {}, answer), (401, {}, b""), (503, {}, b""), (200, {}, b"[]")])
    with made.open({"token": "t0ken", "base_url": server.url}, {}, loopback) as session:
        assert session.fields() == [Field("custom.plan", "Plan", unique=True, choices=["pro", "2"])]
        with pytest.raises(ConfigurationError):
            session.fields()
        with pytest.raises(Unreachable):
            session.fields()
        assert session.fields() == []


def listing_on_pages(**more: Any) -> Any:
    """The page's example, as a connector."""
    content = json.loads(start.text("acme")) | blocks("fields")[0]
    content["fields"] |= more
    return files.made_of(json.dumps(content).encode(), "acme.json")


def answered(*names: str, **more: Any) -> bytes:
    return json.dumps({"fields": [{"key": one} for one in names], **more}).encode()


def test_fields_are_asked_for_page_by_page(server, loopback) -> None:
    pages = [answered("a", "b", paging={"after": "x y"}), answered("c", paging={"after": None})]
    server.answers.extend((200, {}, one) for one in pages)
    with listing_on_pages().open({"token": "t0ken", "base_url": server.url}, {}, loopback) as session:
        assert [one.name for one in session.fields()] == ["a", "b", "c"]
    assert [one.path for one in server.seen] == ["/fields?limit=100", "/fields?limit=100&after=x+y"]


def test_a_page_that_is_full_tells_of_another(server, loopback) -> None:
    request = {"path": "/fields", "query": {"offset": "page@count"}}
    made = listing_on_pages(request=request, next="answer@fields.1.key")
    server.answers.extend((200, {}, answered(*names)) for names in ("ab", "cd", "e"))
    with made.open({"token": "t0ken", "base_url": server.url}, {}, loopback) as session:
        assert [one.name for one in session.fields()] == ["a", "b", "c", "d", "e"]
    assert [one.path[-1] for one in server.seen] == ["0", "2", "4"]


def test_a_link_to_the_next_page_gives_its_parameters_and_no_other_address(server, loopback) -> None:
    made = listing_on_pages(
        request={"path": "/fields", "query": {"cursor?": "page@next"}}, next="link@cursor"
    )
    links = [
        '<https://elsewhere.example/?cursor=2>; rel="next"',
        '</?cursor=1>; rel="prev"',
        "<http://[>; rel=next",
    ]
    server.answers.extend((200, {"Link": one}, answered("a")) for one in links)
    with made.open({"token": "t0ken", "base_url": server.url}, {}, loopback) as session:
        assert len(session.fields()) == 2
        assert len(session.fields()) == 1
    assert [one.path for one in server.seen] == ["/fields", "/fields?cursor=2", "/fields"]


def test_pages_that_never_end_are_left(server, loopback) -> None:
    def always(count: int, **more: Any) -> int:
        server.seen.clear()
        server.answers.extend((200, {}, answered("a", paging={"after": f"{n}"} | more)) for n in range(count))
        with listing_on_pages().open({"token": "t0ken", "base_url": server.url}, {}, loopback) as session:
            session.fields()
        left = len(server.answers)
        server.answers.clear()
        return count - left

    assert always(50) == listing.MOST_PAGES
    assert always(5, after="same") == 2


def test_an_item_has_the_keys_of_an_object_beside_its_own() -> None:
    content = json.loads(start.text("acme"))
    content["limits"] = {"batch": 10}
    content["push"] = {
        "item": {"...": "delivery@payload", "id": "delivery@key"},
        "request": {"path": "/contacts/batch", "body": {"contacts": "items@"}},
    }
    del content["remote_id"]
    made = files.made_of(json.dumps(content).encode(), "acme.json")
    delivery = Delivery({"email": "a@x.example", "id": "another", "note": None}, "1:1", key="p-1")
    told = made.describe({"token": "t0ken"}, {}, delivery)
    assert json.loads(told["body"]) == {
        "contacts": [{"email": "a@x.example", "note": None, "id": "p-1"}],
    }


def test_each_list_of_an_answer_finds_items_by_its_own_key(server, loopback) -> None:
    content = json.loads(start.text("acme"))
    content["limits"] = {"batch": 10}
    content["push"] = {
        "item": {"ref": "delivery@key", "email?": "delivery@payload.email"},
        "request": {"path": "/contacts/batch", "body": {"contacts": "items@"}},
    }
    del content["remote_id"]
    unlisted = {"error": "why", "unlisted": "accepted", "by": "key"}
    content["results"] = [
        {
            "at": [{"why": "no such one", "who?": "answer@unknown"}, {"why": "gone", "who?": "answer@gone"}],
            "key": "item@ref",
            "match": "who",
            **unlisted,
        },
        {"at": "answer@bad", "key": "item@email", "match": "address", **unlisted},
    ]
    made = files.made_of(json.dumps(content).encode(), "acme.json")
    answer = {"unknown": ["p-1"], "bad": [{"why": "no address", "address": "b@"}, {"why": "of nobody"}]}
    server.answers.append((200, {}, json.dumps(answer).encode()))
    payloads = [{"email": "a@x.example"}, {"email": "b@"}, {"email": "c@x.example"}, {}]
    deliveries = [Delivery(one, f"1:{at}", key=f"p-{at}") for at, one in enumerate(payloads, 1)]
    deliveries.append(Delivery({}, "1:5", key="None"))
    with made.open({"token": "t0ken", "base_url": server.url}, {}, loopback) as session:
        outcomes = session.push(deliveries)
    assert [getattr(one, "reason", "") for one in outcomes] == ["no such one", "no address", "", "", ""]
