"""What the HTTP engine makes of settings, of hostile values and of hostile answers."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from destinations.connectors.base import (
    Accepted,
    ConfigurationError,
    Delivery,
    Hold,
    Outcome,
    Rejected,
    Retry,
    Unknown,
)
from destinations.connectors.http.connector import HttpApi
from tests.cases import for_each

SECRET = "marker-s3cret"


def made(payload: Any = None, number: int = 1, **profile: Any) -> Delivery:
    document = {"id": f"p-{number}", **profile}
    return Delivery(
        {"n": number} if payload is None else payload, f"1:{number}", key=f"p-{number}", profile=document
    )


def push(
    server, runtime, settings: dict[str, Any], *deliveries: Delivery, **credentials: Any
) -> list[Outcome]:
    given = {"url": f"{server.url}/in", **credentials}
    with HttpApi().open(given, settings, runtime) as session:
        return list(session.push(deliveries or [made()]))


def refusal(settings: dict[str, Any], **credentials: Any) -> str:
    with pytest.raises(ConfigurationError) as raised:
        HttpApi().open({"url": "https://h.example/in", **credentials}, settings)
    return str(raised.value)


# Paths


@pytest.mark.parametrize(
    ("id", "path"),
    [
        ("a/b", "/in/c/a%2Fb/x"),
        ("a b?c#d", "/in/c/a%20b%3Fc%23d/x"),
        ("../admin", "/in/c/..%2Fadmin/x"),
        ("%2e%2e", "/in/c/%252e%252e/x"),
        ("ž@x.example", "/in/c/%C5%BE%40x.example/x"),
        ("a\r\nHost: evil", "/in/c/a%0D%0AHost%3A%20evil/x"),
        ("http://evil.example", "/in/c/http%3A%2F%2Fevil.example/x"),
        (7, "/in/c/7/x"),
        (True, "/in/c/true/x"),
    ],
)
def test_a_value_in_a_path_is_one_segment(server, loopback, id: Any, path: str) -> None:
    (outcome,) = push(server, loopback, {"path": "/c/{{profile@x}}/x"}, made(x=id))
    assert isinstance(outcome, Accepted)
    assert server.seen[0].path == path
    assert server.seen[0].headers["Host"] == f"127.0.0.1:{server.port}"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        *((one, "missing_key") for one in (None, "", " ")),
        *((one, "invalid_field") for one in (".", "..", [1, 2], ["a"], [], {"a": 1}, "\ud800")),
    ],
)
def test_what_cannot_be_a_segment_is_rejected_and_named(server, loopback, value: Any, code: str) -> None:
    (outcome,) = push(server, loopback, {"path": "/c/{{profile@x}}"}, made(x=value))
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.field) == (code, "profile@x")
    assert server.seen == []


def test_dots_that_come_together_of_parts_are_no_way_up(server, loopback) -> None:
    (outcome,) = push(server, loopback, {"path": "/c/.{{profile@x}}/y"}, made(x="."))
    assert isinstance(outcome, Rejected)
    assert server.seen == []


@for_each(
    ("path", "says"),
    [
        ("/c/{{profil@id}}", "path holds {{ or a reference"),
        ("/c/{{profile@id", "path holds {{ or a reference"),
        ("/c/profile@id", "path holds {{ or a reference"),
        ("/c/{{profile@a..b}}", "path"),
        ("/c/{{item@id}}", "path holds {{ or a reference"),
        ("/c/../d", "parts . and .."),
        ("/c/%2e%2e/d", "parts . and .."),
        ("/c#d", "path cannot hold spaces"),
        ("/c d", "path cannot hold spaces"),
        ("/c\\d", "path cannot hold spaces"),
    ],
)
def test_a_path_that_is_wrong_is_refused_when_saved(path: str, says: str) -> None:
    assert says in refusal({"path": path})
    assert (
        f"update.{says}" in refusal({"remote_id": "answer@id", "update": {"path": path}}) or "parts" in says
    )


@pytest.mark.parametrize("base", ["/api", "/api/", "/api?key=1", ""])
@pytest.mark.parametrize("path", ["/c?a=1", "c?a=1", "//c?a=1"])
def test_a_path_is_appended_and_never_another_host(server, loopback, base: str, path: str) -> None:
    push(server, loopback, {"path": path, "query": {"b": 2}}, url=server.url + base)
    first = base.partition("?")[0].rstrip("/")
    key = "key=1&" if "?" in base else ""
    assert server.seen[0].path == f"{first}/c?{key}a=1&b=2"


# Query and headers


def test_queries_repeat_lists_and_escape_everything(server, loopback) -> None:
    query = {"tag": "profile@tags", "x": "a&{{profile@x}}", "none?": "profile@none", "blank": "profile@blank"}
    push(server, loopback, {"query": query}, made(tags=["a", "b"], x="&y=1#", blank=""))
    assert server.seen[0].path == "/in?tag=a&tag=b&x=a%26%26y%3D1%23&blank="


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\x00b", "€", "\x7f"])
def test_a_value_cannot_become_a_second_header(server, loopback, value: str) -> None:
    (outcome,) = push(server, loopback, {"headers": {"X-Name": "{{profile@x}}"}}, made(x=value))
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.field) == ("invalid_field", "X-Name")
    assert value not in outcome.reason
    assert server.seen == []


@pytest.mark.parametrize("value", [["a"], ["a", "b"], []])
def test_a_list_is_no_value_of_a_header(server, loopback, value: list[str]) -> None:
    (outcome,) = push(server, loopback, {"headers": {"X-Name": "profile@x"}}, made(x=value))
    assert outcome == Rejected(
        "X-Name is a list, and a header has one value", code="invalid_field", field="X-Name"
    )
    assert server.seen == []


def test_a_blank_header_is_left_out_where_it_may_be_missing(server, loopback) -> None:
    headers = {"X-A?": "profile@a", "X-B?": "profile@b", "X-C": "profile@c"}
    push(server, loopback, {"headers": headers}, made(a="", c="é "))
    sent = server.seen[0].headers
    assert ("X-A" in sent, "X-B" in sent, sent["X-C"]) == (False, False, "é")


@for_each(
    ("settings", "says"),
    [
        ({"headers": {"X-Id": "{{profil@id}}"}}, "headers.X-Id holds {{"),
        ({"query": {"id": "{{profil@id}}"}}, "query.id holds {{"),
        ({"body": {"id": "profile@id"}}, "body holds {{ or a reference"),
        ({"body": {"id": {"$formula": "profile@id"}}}, "there is no source profile"),
        ({"body": {"a": 1, "a?": 2}}, "body"),
        ({"headers": {"X-Id": {"$formula": "lowercase("}}}, "headers.X-Id"),
        ({"remove": {"path": "/c/{{profile@id}}"}}, "remove.path holds {{"),
        ({"erase": {"query": {"id": "profile@id"}}}, "erase.query.id holds {{"),
        ({"batch": {"size": 2}, "path": "/c/{{profile@id}}"}, "path holds {{ or a reference"),
        (
            {"batch": {"size": 2}, "remote_id": "answer@id", "update": {"path": "/c"}},
            "either update or batch",
        ),
        ({"update": {"path": "/c"}}, "update needs remote_id"),
        *(
            ({name: same}, f"{name} has to point into an answer, such as answer@id")
            for name in ("remote_id", "conflict_id")
            for same in ("$.id", "id", {"$formula": "lowercase('A')"}, "reply@status", "\\answer@id")
        ),
        *(
            (
                {"batch": {"size": 2, "results": {name: same}}},
                f"batch.results.{name} would be the same of all",
            )
            for name in ("id", "match")
            for same in ({"$formula": "lowercase('A')"}, {"$literal": "x"})
        ),
        (
            {"batch": {"size": 2, "results": {"by": "key", "key": "email", "match": "email"}}},
            "batch.results.key would be the same of all: it has to point at what differs, such as item@email",
        ),
        ({"batch": {"size": 2, "identity": "email"}}, "batch.identity would be the same of all"),
        ({"updat": {}}, "updat is not a known field"),
        ({"remove": {"pfad": "/c"}}, "remove.pfad is not a known field"),
        ({"answers": [{"when": {"if": "answer@a ="}, "is": "retry"}]}, "answers.0.when.if"),
        ({"answers": [{"when": {"if": "profile@a == 1"}, "is": "retry"}]}, "there is no source profile"),
        ({"answers": [{"when": {"status": ["6xx"]}, "is": "retry"}]}, "answers.0.when.status.0"),
        ({"answers": [{"is": "fine"}]}, "answers.0.is must be one of accepted, retry"),
        ({"answers": [{"is": "retry", "wait": {"from": "{{delivery@x}}"}}]}, "answers.0.wait.from holds"),
        ({"batch": {"size": 2, "body": {"a": "{{delivery@key}}"}}}, "batch.body holds {{"),
        ({"batch": {"size": 0}}, "batch.size must be at least 1"),
        ({"batch": {"size": 2, "results": {"by": "key"}}}, "by key needs key"),
        ({"sign": {"scheme": "md5"}}, "sign.scheme must be one of"),
    ],
)
def test_what_is_wrong_is_refused_when_saved_with_its_place(settings: dict[str, Any], says: str) -> None:
    assert says in refusal(settings)


# Secrets


def test_credentials_go_out_and_are_shown_masked(server, loopback) -> None:
    settings = {
        "path": "/{{credentials@token}}",
        "query": {"k": "credentials@password"},
        "body": {"key": "credentials@headers.X-Key", "text": "x{{credentials@headers.X-Key}}x"},
        "answers": [{"is": "rejected", "says": "{{answer@said}}", "field": "answer@said", "code": "x"}],
    }
    credentials = {"password": f"{SECRET}/p", "headers": {"X-Key": f'{SECRET}"k'}, "token": ""}
    settings.pop("path")
    server.answers.append((400, {}, json.dumps({"said": f"no {SECRET}/p"}).encode()))
    given = {"url": f"{server.url}/in", **credentials}
    shown = HttpApi().describe(given, settings, made())
    (outcome,) = push(server, loopback, settings, **credentials)
    assert json.loads(server.seen[0].body)["key"] == f'{SECRET}"k'
    assert "k=marker-s3cret%2Fp" in server.seen[0].path
    assert SECRET not in str(shown)
    assert SECRET not in str(outcome)


@pytest.mark.parametrize(
    "settings",
    [
        {"body": {"a": {"$formula": "substring(credentials@token, 0, 1)"}}},
        {"query": {"a": {"$if": "credentials@token STARTS WITH 'a'", "then": 1, "else": 2}}},
        {"body": [{"$map": "items@x", "where": "item@a == credentials@token", "to": "item@a"}]},
        {"query": {"a": {"$lookup": "credentials@token", "in": {"a": "yes"}}}},
        {"body": {"$map": [["credentials@token"]], "to": {"$formula": "substring(item@0, 0, 1)"}}},
    ],
)
def test_a_formula_cannot_show_a_secret_piece_by_piece(settings: dict[str, Any]) -> None:
    assert "credentials@ cannot stand in a formula" in refusal(settings, token=SECRET)


def test_an_item_holds_no_credentials_that_what_wraps_it_could_take_apart() -> None:
    said = refusal({"body": {"a": "{{credentials@token}}"}, "batch": {"size": 2}}, token=SECRET)
    assert "body holds {{" in said


def test_cookies_are_no_way_to_read_secrets(server, loopback) -> None:
    settings = {
        "cookies": {"sid": SECRET},
        "body": {"a": {"$formula": "substring(settings@cookies.sid, 0, 3)"}},
    }
    push(server, loopback, settings)
    assert json.loads(server.seen[0].body) == {"a": "***"}


def test_reasons_hold_nothing_of_the_payload(server, loopback) -> None:
    rule = {"is": "rejected", "says": "{{answer@text}}", "field": "answer@text"}
    server.answers.append((200, {}, b"ana@x.example is not welcome"))
    (outcome,) = push(server, loopback, {"answers": [rule]}, made({"mail": "ana@x.example"}))
    assert isinstance(outcome, Rejected)
    assert "ana@x" not in outcome.reason + outcome.field


# Answers


BOMBS = {
    "deep": b"[" * 60_000,
    "long number": b'{"n": ' + b"9" * 60_000 + b"}",
    "much": b'{"a": "' + b"x" * 10_000_000 + b'"}',
    "not text": bytes(range(256)) * 100,
    "half": b'{"ok": tr',
}


@pytest.mark.parametrize("body", BOMBS.values(), ids=BOMBS)
def test_an_answer_that_is_a_bomb_is_an_answer(server, loopback, body: bytes) -> None:
    server.answers.append((200, {}, body))
    settings = {
        "remote_id": "answer@id",
        "answers": [{"when": {"if": "answer@ok == false OR answer@n > 5"}, "is": "rejected"}],
    }
    (outcome,) = push(server, loopback, settings)
    assert isinstance(outcome, Accepted)


def test_a_little_that_was_compressed_does_not_become_much(server, loopback) -> None:
    bomb = gzip.compress(b'{"id": "' + b"x" * 50_000_000 + b'"}')
    server.answers.append((200, {"Content-Encoding": "gzip"}, bomb))
    (outcome,) = push(server, loopback, {"remote_id": "answer@id"})
    assert isinstance(outcome, Accepted)
    assert outcome.remote_id == ""


def test_rules_are_asked_in_order_and_one_that_cannot_be_answered_does_not_hold(server, loopback) -> None:
    rules = [
        {"when": {"if": "answer@n > 1"}, "is": "hold"},
        {"when": {"status": ["2xx", 404], "if": "reply@headers.x-is STARTS WITH 'b'"}, "is": "stop"},
        {"when": {"status": [200]}, "is": "retry", "says": "{{answer@n}}"},
    ]
    server.answers.append((200, {"X-Is": "a"}, b'{"n": "text"}'))
    (outcome,) = push(server, loopback, {"answers": rules})
    assert outcome == Retry("text", exchange=outcome.exchange)


@pytest.mark.parametrize("value", ["", "soon", "-5", "nan", "1e400", "inf", [], None, {"a": 1}, True])
def test_a_wait_that_cannot_be_read_is_none(server, loopback, value: Any) -> None:
    server.answers.append((429, {}, json.dumps({"wait": value}).encode()))
    rule = {"is": "retry", "wait": {"from": "answer@wait", "unit": "ms"}}
    (outcome,) = push(server, loopback, {"answers": [rule]})
    assert isinstance(outcome, Retry)
    assert outcome.after is None or outcome.after <= 0.001


def test_a_wait_is_a_day_at_most(server, loopback) -> None:
    server.answers.append((429, {}, b'{"wait": 99999999}'))
    (outcome,) = push(server, loopback, {"answers": [{"is": "retry", "wait": {"from": "answer@wait"}}]})
    assert outcome.after == 86_400


@pytest.mark.parametrize("factor", [1, 1000])
def test_a_moment_is_read_in_seconds_and_in_milliseconds(server, loopback, factor: int) -> None:
    moment = (datetime.now(UTC).timestamp() + 30) * factor
    server.answers.append((429, {"X-Reset": str(int(moment))}, b""))
    rule = {"is": "retry", "wait": {"from": "reply@headers.x-reset", "unit": "epoch"}}
    (outcome,) = push(server, loopback, {"answers": [rule]})
    assert isinstance(outcome, Retry)
    assert outcome.after == pytest.approx(29.5, abs=1)


# Ids of any length


LONG = "x" * 300


def test_an_id_is_never_cut(server, loopback) -> None:
    """Half of one could be the id of somebody else."""
    settings = {
        "path": "/c",
        "update": {"path": "/c/{{delivery@remote.id}}"},
        "remote_id": "answer@id",
        "conflict_id": "answer@id",
    }
    server.answers += [(409, {}, json.dumps({"id": LONG}).encode()), (200, {}, b"")]
    (outcome,) = push(server, loopback, settings)
    assert outcome.remote_id == LONG
    assert server.seen[1].path == f"/in/c/{LONG}"
    server.answers.append((201, {}, json.dumps({"id": LONG}).encode()))
    assert push(server, loopback, settings)[0].remote_id == LONG
    server.answers.append((200, {}, json.dumps([{"id": LONG}, {"id": 7}]).encode()))
    batch = {"batch": {"size": 2, "results": {"at": "answer@", "id": "id"}}}
    found = push(server, loopback, batch, made(number=1), made(number=2))
    assert [one.remote_id for one in found] == [LONG, "7"]


# What is there under another id


def test_what_was_merged_into_another_is_updated_under_its_id(server, loopback) -> None:
    settings = {
        "path": "/c",
        "update": {"method": "PATCH", "path": "/c/{{delivery@remote.id}}"},
        "remote_id": "answer@id",
        "conflict_id": "answer@id",
    }
    server.answers += [(404, {}, b""), (409, {}, b'{"id": 51}'), (200, {}, b"")]
    (outcome,) = push(server, loopback, settings, replace(made(), remote={"id": "47"}))
    assert isinstance(outcome, Accepted)
    assert outcome.remote == {"id": "51"}
    assert [(one.method, one.path) for one in server.seen] == [
        ("PATCH", "/in/c/47"),
        ("POST", "/in/c"),
        ("PATCH", "/in/c/51"),
    ]


def test_ids_that_lead_in_a_circle_end(server, loopback) -> None:
    settings = {
        "path": "/c",
        "update": {"path": "/c/{{delivery@remote.id}}"},
        "remote_id": "answer@id",
        "conflict_id": "answer@id",
    }
    server.answers += [(404, {}, b""), (409, {}, b'{"id": 47}'), (404, {}, b"")]
    (outcome,) = push(server, loopback, settings, replace(made(), remote={"id": "47"}))
    assert isinstance(outcome, Rejected)
    assert len(server.seen) == 3


# Leaving


def leaving(operation: str, **remote: Any) -> Delivery:
    return replace(made(), operation=operation, payload=None, profile={}, remote=remote)


@pytest.mark.parametrize("status", [404, 410])
def test_what_is_gone_already_is_removed(server, loopback, status: int) -> None:
    server.answers.append((status, {}, b""))
    (outcome,) = push(server, loopback, {"remove": {"path": "/{{delivery@key}}"}}, leaving("remove"))
    assert isinstance(outcome, Accepted)
    assert (server.seen[0].method, server.seen[0].path, server.seen[0].body) == ("DELETE", "/in/p-1", b"")


def test_rules_for_all_do_not_keep_what_is_gone_from_being_removed(server, loopback) -> None:
    rule = {"when": {"status": ["4xx"]}, "is": "rejected"}
    for operation, kind in (([], Accepted), (["remove"], Rejected)):
        when = {**rule["when"], **({"operation": operation} if operation else {})}
        server.answers.append((404, {}, b""))
        settings = {"remove": {"path": "/{{delivery@key}}"}, "answers": [{**rule, "when": when}]}
        (outcome,) = push(server, loopback, settings, leaving("remove"))
        assert isinstance(outcome, kind)


def test_what_has_no_answer_is_not_forgotten_over_what_cannot_be_tried_after_it(server, loopback) -> None:
    """Whatever is raised counts for all of a push, so nothing is once something was sent."""
    oauth2 = {"token_url": f"{server.url}/token", "client_id": "me", "client_secret": "s3cret"}
    lost = [lambda handler: handler.connection.close()]
    server.answers += [(200, {}, b'{"access_token": "T", "expires_in": 1e-9}'), *lost, (400, {}, b"")]
    outcomes = push(server, loopback, {}, made(number=1), made(number=2), oauth2=oauth2)
    assert [type(one) for one in outcomes] == [Unknown, Retry]


def test_a_removal_by_an_unknown_id_is_rejected_and_says_so(server, loopback) -> None:
    settings = {"remote_id": "answer@id", "remove": {"path": "/{{delivery@remote.id}}"}}
    (outcome,) = push(server, loopback, settings, leaving("remove"))
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.field) == ("missing_key", "delivery@remote.id")


def test_what_has_no_call_is_not_tried(server, loopback) -> None:
    (outcome,) = push(server, loopback, {}, leaving("erase"))
    assert isinstance(outcome, Rejected)
    assert server.seen == []
    assert HttpApi().operations_with({}) == ("upsert",)
    assert HttpApi().operations_with({"erase": {"path": "/x"}}) == ("upsert", "erase")


# Batches


def test_items_of_one_identity_are_never_in_one_call(server, loopback) -> None:
    settings = {"batch": {"size": 10, "identity": {"$formula": "lowercase(item@mail)"}}}
    people = [made({"mail": mail}, n) for n, mail in enumerate(("a@x", "b@x", "A@x", "c@x"))]
    push(server, loopback, settings, *people)
    assert [[one["mail"] for one in json.loads(seen.body)] for seen in server.seen] == [
        ["a@x", "b@x"],
        ["A@x", "c@x"],
    ]


def test_calls_are_no_larger_than_they_may_be(server, loopback) -> None:
    settings = {"batch": {"size": 3, "bytes": 100}}
    sizes = (10, 80, 10, 10, 10, 10, 200)
    outcomes = push(server, loopback, settings, *(made("x" * size, n) for n, size in enumerate(sizes)))
    assert [len(json.loads(seen.body)) for seen in server.seen] == [2, 3, 1]
    assert [type(one) for one in outcomes] == [Accepted] * 6 + [Rejected]
    assert outcomes[6].code == "too_large"


def refusing(bad: set[int], calls: list[list[int]]):
    """A server that refuses every call with one of these in it."""

    def answer(handler: Any) -> None:
        numbers = [item["n"] for item in json.loads(handler.local.seen[-1].body)]
        calls.append(numbers)
        body = b"bad item" if bad & set(numbers) else b"ok"
        handler.send_response(400 if bad & set(numbers) else 200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@pytest.mark.parametrize("bad", [{0}, {7}, {3, 4}, {15}])
def test_a_call_is_split_until_the_bad_stand_alone(server, loopback, bad: set[int]) -> None:
    calls: list[list[int]] = []
    server.answers += [refusing(bad, calls)] * 40
    outcomes = push(server, loopback, {"batch": {"size": 16}}, *(made(number=n) for n in range(16)))
    assert {n for n, one in enumerate(outcomes) if isinstance(one, Rejected)} == bad
    assert all(isinstance(one, Accepted) for n, one in enumerate(outcomes) if n not in bad)
    assert len(calls) <= 1 + 2 * 4 * len(bad)


def test_splitting_ends_and_what_was_not_tried_alone_is_tried_later(server, loopback) -> None:
    calls: list[list[int]] = []
    server.answers += [refusing(set(range(200)), calls)] * 400
    outcomes = push(server, loopback, {"batch": {"size": 200}}, *(made(number=n) for n in range(200)))
    assert len(calls) < 60
    assert {type(one) for one in outcomes} == {Rejected, Retry}


def test_a_destination_that_holds_is_asked_once(server, loopback) -> None:
    server.answers.append((401, {}, b""))
    outcomes = push(server, loopback, {"batch": {"size": 2}}, *(made(number=n) for n in range(5)))
    assert [type(one) for one in outcomes] == [Hold] * 5
    assert len(server.seen) == 1


def test_an_answer_that_never_comes_is_unknown_for_those_in_the_call(server, loopback) -> None:
    server.answers.append(lambda handler: handler.connection.close())
    outcomes = push(server, loopback, {"batch": {"size": 2}}, *(made(number=n) for n in range(3)))
    assert [type(one) for one in outcomes] == [Unknown, Unknown, Accepted]


def test_the_same_items_have_the_same_key_and_others_another_one(server, loopback) -> None:
    people = [made(number=n) for n in range(3)]
    for some in (people, people, people[:2], people[:1]):
        push(server, loopback, {"batch": {"size": 5}}, *some)
    keys = [seen.headers["Idempotency-Key"] for seen in server.seen]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
    assert keys[3] == people[0].idempotency_key
    assert max(map(len, keys)) <= 64


def test_results_may_be_an_object_by_index_and_hostile_entries_harm_nobody(server, loopback) -> None:
    said = {"results": {"0": {"id": 7}, "1": {"id": [1]}, "9": {"id": 1}, "x": None, "-1": 3, "2": "no"}}
    server.answers.append((200, {}, json.dumps(said).encode()))
    settings = {"batch": {"size": 9, "results": {"at": "answer@results", "id": "id", "error": "error"}}}
    outcomes = push(server, loopback, settings, *(made(number=n) for n in range(4)))
    assert [type(one) for one in outcomes] == [Accepted, Accepted, Accepted, Unknown]
    assert outcomes[0].remote_id == "7"


@pytest.mark.parametrize("batch", [{}, {"batch": {"size": 5}}])
def test_a_repeat_sends_the_same_bytes_also_of_what_asks_for_the_time(server, loopback, batch) -> None:
    settings = {"body": {"at": {"$formula": "utcnow()"}}, **batch}
    first = replace(made(), moment=datetime(2026, 1, 1, tzinfo=UTC))
    for _ in range(2):
        push(server, loopback, settings, first)
    assert server.seen[0].body == server.seen[1].body
    assert b"2026-01-01T00:00:00" in server.seen[0].body


def test_a_preview_of_a_batch_shows_a_call_of_one(server, loopback) -> None:
    settings = {"body": {"key": "delivery@key"}, "batch": {"size": 9, "body": {"records": "items@"}}}
    shown = HttpApi().describe({"url": f"{server.url}/in"}, settings, made())
    assert shown["body"] == '{"records":[{"key":"p-1"}]}'
    push(server, loopback, settings, made())
    assert server.seen[0].body.decode() == shown["body"]


def test_removals_go_alone_and_in_their_place(server, loopback) -> None:
    settings = {"batch": {"size": 9}, "remove": {"path": "/{{delivery@key}}"}}
    three = [made(number=1), replace(made(number=2), operation="remove", payload=None), made(number=3)]
    push(server, loopback, settings, *three)
    assert [(seen.method, seen.path) for seen in server.seen] == [
        ("POST", "/in"),
        ("DELETE", "/in/p-2"),
        ("POST", "/in"),
    ]
