"""Systems that answer later: a job is followed to its end, and each profile of it has its own outcome."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from destinations.connectors.base import (
    Accepted,
    ConfigurationError,
    Delivery,
    Pending,
    Rejected,
    Unknown,
    Unreachable,
)
from destinations.connectors.http.manifests import exchanges, files, start
from destinations.connectors.http.manifests.connector import ManifestConnector
from destinations.connectors.testing import check_contract
from destinations.connectors.testing.doubles.system import Answered, System, said

DOCS = (Path(__file__).parents[3] / "docs" / "manifests.md").read_text(encoding="utf-8")
EXAMPLE: dict[str, Any] = json.loads(re.findall(r"```poll\n(.*?)```", DOCS, re.DOTALL)[0])
TOKEN = "t0ken-of-the-service"

ONE: dict[str, Any] = {
    "push": {
        "request": {"path": "/contacts"},
        "update": {"method": "PUT", "path": "/contacts/{{delivery@remote.id}}"},
    },
    "poll": {
        "job": {"id": "answer@job", "part?": "answer@part"},
        "request": {"path": "/jobs/{{job@id}}", "query": {"part?": "job@part"}},
        "answers": [
            {"when": {"if": 'answer@state == "done"'}, "is": "accepted"},
            {"when": {"if": 'answer@state == "refused"'}, "is": "rejected", "says": "{{answer@why}}"},
            {"when": {"status": [409]}, "is": "rejected", "code": "conflict", "says": "another one is there"},
        ],
        "remote_id": "answer@contact",
    },
}


def made(changes: dict[str, Any], *without: str) -> ManifestConnector:
    content = json.loads(start.text("acme")) | changes
    for name in without:
        content.pop(name)
    return files.made_of(json.dumps(content).encode(), "acme.json")


def of_several(**poll: Any) -> ManifestConnector:
    return made(EXAMPLE | {"poll": EXAMPLE["poll"] | poll}, "remote_id")


def delivery(number: int, **payload: Any) -> Delivery:
    return Delivery({"email": f"person-{number}@x.example", **payload}, f"1:{number}", key=f"p-{number}")


def answered(server: Any, status: int, body: Any = None, **headers: str) -> None:
    server.answers.append((status, headers, b"" if body is None else json.dumps(body).encode()))


@pytest.fixture
def opened(server, loopback):
    def open_(connector: ManifestConnector) -> Any:
        return connector.open({"token": TOKEN, "base_url": server.url}, {}, loopback)

    return open_


def asked(session: Any, outcomes: Sequence[Any]) -> list[Any]:
    """What became of them, as the engine asks: of what it has kept as JSON."""
    return list(session.poll([json.loads(json.dumps(one.job)) for one in outcomes]))


# The example of the documentation


def case(name: str, answers: list[Any], *outcomes: Any) -> dict[str, Any]:
    deliveries = [{"payload": {"email": f"{one}@x.example"}} for one in ("ana", "bo")]
    taken = {"request": {"method": "POST", "path": "/imports"}, "answer": {"status": 202, "body": TAKEN}}
    request = {"method": "GET", "path": "/imports/7", "headers": {"Authorization": "Bearer token-of-tests"}}
    polls = [{"request": request, "answer": answer} for answer in answers]
    return {
        "name": name,
        "deliveries": deliveries,
        "exchanges": [taken, *polls],
        "outcomes": list(outcomes),
    }


TAKEN = {"import": {"id": 7}}
RUNNING = {"body": {"state": "running", "seconds_left": 300}}
DONE = {
    "state": "done",
    "imported": [{"id": "p-1", "number": 47}],
    "refused": [{"id": "p-2", "message": "bo@x.example has left", "code": "Suppressed", "field": "email"}],
}
PENDING = {"is": "pending", "after": 60}


def test_the_example_of_the_documentation() -> None:
    refused = {"is": "rejected", "code": "suppressed", "field": "email", "says": "******** has left"}
    both = {"state": "done", "imported": [{"id": "p-2", "number": 48}, {"id": "p-1", "number": 47}]}
    cases = [
        case("taken", [], PENDING, PENDING),
        case("at work", [RUNNING], *[{"is": "pending", "after": 300}] * 2),
        case(
            "accepted",
            [RUNNING, {"body": both}],
            {"is": "accepted", "id": "47"},
            {"is": "accepted", "id": "48"},
        ),
        case("refused in part", [RUNNING, {"body": DONE}], {"is": "accepted", "id": "47"}, refused),
        case(
            "of one nothing is told",
            [{"body": {**DONE, "refused": []}}],
            {"is": "accepted"},
            {"is": "unknown"},
        ),
        case(
            "cancelled", [{"body": {"state": "cancelled"}}], *[{"is": "retry", "says": "was cancelled"}] * 2
        ),
        case("a state that no rule knows", [{"body": {"state": "odd"}}], PENDING, PENDING),
        case("lost", [{"status": 404}], *[{"is": "unknown", "says": "not known there any more"}] * 2),
        case("for ever", [{"status": 410}], *[{"is": "unknown", "says": "not known there any more"}] * 2),
        case("refused to say", [{"status": 400}], *[{"is": "unknown", "says": "when it was asked"}] * 2),
        case("too many questions", [{"status": 429}, {"body": DONE}], {"is": "accepted"}, refused),
        case("no answer to a question", [{"missing": True}], *[{"is": "pending"}] * 2),
        case("the token has ended", [{"status": 401}], *[{"is": "pending"}] * 2),
        case("said in a header", [{"headers": {"Retry-After": "20"}}], *[{"is": "pending", "after": 20}] * 2),
    ]
    nameless = case("no job is named", [], *[{"is": "unknown", "says": "names no job"}] * 2)
    nameless["exchanges"][0]["answer"]["body"] = {"import": {}}
    at_once = case("refused at once", [], *[{"is": "hold"}] * 2)
    at_once["exchanges"][0]["answer"] = {"status": 401}
    content = json.loads(start.text("acme")) | EXAMPLE
    content.pop("remote_id")
    content["tests"]["cases"] = [*cases, nameless, at_once]
    for result in exchanges.run(files.made_of(json.dumps(content).encode(), "acme.json")):
        assert not result.problems, result.name


# Several profiles, and one


def test_profiles_of_one_job_share_a_call_whoever_asks_for_them(server, opened) -> None:
    answered(server, 202, TAKEN)
    for _ in range(2):
        answered(server, 200, DONE)
    with opened(of_several()) as session:
        first, second = session.push([delivery(1), delivery(2)])
    with opened(of_several()) as session:
        (rejected,) = asked(session, [second])
        (accepted,) = asked(session, [first])
    assert (rejected.code, accepted.remote_id) == ("suppressed", "47")
    with opened(of_several()) as session:
        answered(server, 200, DONE)
        assert [type(one) for one in asked(session, [second, first])] == [Rejected, Accepted]
    assert [one.path for one in server.seen] == ["/imports", *["/imports/7"] * 3]
    assert "Idempotency-Key" in server.seen[0].headers
    assert "Idempotency-Key" not in server.seen[1].headers


def test_an_entry_is_found_by_its_place_in_the_call(server, opened) -> None:
    listed = {"at": "answer@lines", "error": "error", "id": "id"}
    answered(server, 202, TAKEN)
    answered(server, 200, {"state": "done", "lines": [{"id": 1}, {"error": "no"}, {"id": 3}]})
    with opened(of_several(results=listed)) as session:
        outcomes = session.push([delivery(number) for number in range(3)])
        came = asked(session, [outcomes[2], outcomes[1]])
    assert [type(one) for one in came] == [Accepted, Rejected]
    assert came[0].remote_id == "3"


def test_results_that_say_nothing_are_of_the_list_that_is_the_whole_answer(server, opened) -> None:
    done = {"when": {"if": "answer@0 EXISTS"}, "is": "accepted"}
    listed = [{"status": 200, "id": 1}, {"status": 422}]
    answered(server, 202, TAKEN)
    answered(server, 200, listed)
    answered(server, 200, listed)
    with opened(of_several(answers=[done], results={"status": "status"})) as session:
        outcomes = session.push([delivery(1), delivery(2)])
        assert [type(one) for one in asked(session, outcomes)] == [Accepted, Rejected]
    with opened(of_several(answers=[done], results={})) as session:
        assert [type(one) for one in asked(session, outcomes[1:])] == [Accepted]
    for results in ({}, {"id": "id"}):
        at_once = EXAMPLE | {"results": results}
        connector = made({name: at_once[name] for name in ("limits", "push", "results")}, "remote_id")
        answered(server, 200, [{"id": 1}])
        with opened(connector) as session:
            assert [type(one) for one in session.push([delivery(1), delivery(2)])] == [Accepted, Unknown]


def test_an_entry_may_be_pending_by_itself(server, opened) -> None:
    rule = {"when": {"if": 'answer@state == "waits"'}, "is": "pending"}
    listed = {"at": "answer@lines", "id": "id", "answers": [rule]}
    answered(server, 202, TAKEN)
    answered(server, 200, {"state": "done", "lines": [{"id": 1}, {"state": "waits"}]})
    answered(server, 200, {"state": "done", "lines": [{"id": 1}, {"id": 2}]})
    with opened(of_several(results=listed)) as session:
        first, second = asked(session, session.push([delivery(1), delivery(2)]))
        assert isinstance(first, Accepted)
        assert (type(second), second.after) == (Pending, 60)
        (second,) = asked(session, [second])
    assert second.remote_id == "2"


def test_two_with_one_key_never_share_a_job(server, opened) -> None:
    listed = {"at": "answer@a", "by": "key", "key": "item@contact.email", "match": "email"}
    answered(server, 202, {"import": {"id": 1}})
    answered(server, 202, {"import": {"id": 2}})
    with opened(of_several(results=listed)) as session:
        outcomes = session.push([delivery(1, n=1), delivery(1, n=2)])
    assert [one.job["job"] for one in outcomes] == [{"id": 1}, {"id": 2}]


def test_a_single_one_gets_its_id_from_the_job_and_keeps_one_that_is_known(server, opened) -> None:
    answered(server, 202, {"job": "j/1", "part": "eu"})
    answered(server, 200, {"state": "done", "contact": 47})
    answered(server, 409, {"contact": {"id": 48}})
    answered(server, 202, {"job": "j2"})
    answered(server, 200, {"state": "done"})
    connector = made(ONE | {"conflict_id": "answer@contact.id"})
    with opened(connector) as session:
        (created,) = asked(session, session.push([delivery(1)]))
        (merged,) = asked(session, session.push([delivery(2)]))
    assert (created.remote_id, merged.remote_id) == ("47", "48")
    paths = ["/contacts", "/jobs/j%2F1?part=eu", "/contacts", "/contacts/48", "/jobs/j2"]
    assert [one.path for one in server.seen] == paths


def test_what_a_search_has_found_is_kept_with_the_job(server, opened) -> None:
    steps = [{"find": {"path": "/contacts", "query": {"key": "delivery@key"}}, "id": "answer@found"}]
    answered(server, 200, {"found": 5})
    answered(server, 202, {"job": "j"})
    answered(server, 200, {"state": "done"})
    with opened(made(ONE | {"steps": steps}, "remote_id")) as session:
        (outcome,) = asked(session, session.push([delivery(1)]))
    assert outcome.remote_id == "5"
    assert [one.path for one in server.seen] == ["/contacts?key=p-1", "/contacts/5", "/jobs/j"]


def test_a_rule_may_accept_an_answer_that_names_no_job(server, opened) -> None:
    answered(server, 200, {"contact": {"id": 9}})
    rule = {"when": {"status": [200]}, "is": "accepted"}
    with opened(made(ONE | {"answers": [rule]})) as session:
        (outcome,) = session.push([delivery(1)])
    assert outcome.remote_id == "9"


def test_what_leaves_is_no_job(server, opened) -> None:
    answered(server, 202, {"job": "j"})
    with opened(made(ONE)) as session:
        (outcome,) = session.push([Delivery(None, "1", {"id": "5"}, "remove", "p-1")])
    assert isinstance(outcome, Accepted)


# Asking that fails


@pytest.mark.parametrize(
    ("status", "error"), [(503, Unreachable), (429, Unreachable), (401, ConfigurationError)]
)
def test_a_question_that_fails_says_nothing_of_the_job(server, opened, status, error) -> None:
    answered(server, 202, {"job": "j"})
    answered(server, status, None, **{"Retry-After": "7"})
    with opened(made(ONE)) as session:
        outcomes = session.push([delivery(1)])
        with pytest.raises(error) as raised:
            asked(session, outcomes)
    assert getattr(raised.value, "after", 7) == 7


def test_what_was_told_of_others_is_not_lost_when_a_question_fails(server, opened) -> None:
    for number in range(3):
        answered(server, 202, {"import": {"id": number}})
    answered(server, 200, {"state": "done", "imported": [{"id": "p-0"}]})
    answered(server, 503, None, **{"Retry-After": "9"})
    with opened(of_several()) as session:
        outcomes = [one for number in range(3) for one in session.push([delivery(number)])]
        came = asked(session, outcomes)
    assert [type(one) for one in came] == [Accepted, Pending, Pending]
    assert [(one.after, one.job) for one in came[1:]] == [(9, one.job) for one in outcomes[1:]]
    assert len(server.seen) == 5


@pytest.mark.parametrize("kept", [None, 7, "x", [], {}, {"job": 7}])
def test_what_another_connector_has_kept_is_unknown(opened, kept) -> None:
    with opened(made(ONE)) as session:
        assert [type(one) for one in session.poll([kept])] == [Unknown]


def test_a_file_that_polls_no_more_says_so(opened) -> None:
    with opened(made({})) as session, pytest.raises(ConfigurationError, match="poll is not set up"):
        session.poll([{"job": {"id": 1}}])


def test_a_hostile_job_stays_one_segment_of_the_path(server, opened) -> None:
    answered(server, 202, {"job": "../../admin?x#y"})
    answered(server, 200, {"state": "done"})
    answered(server, 202, {"job": ".."})
    with opened(made(ONE)) as session:
        asked(session, session.push([delivery(1)]))
        (outcome,) = asked(session, session.push([delivery(2)]))
    assert server.seen[1].path == "/jobs/..%2F..%2Fadmin%3Fx%23y"
    assert isinstance(outcome, Unknown)
    assert len(server.seen) == 3


@pytest.mark.parametrize("answer", [None, {}, {"job": None}, {"job": ""}, [], "text"])
def test_an_answer_that_names_no_job_is_unknown(server, opened, answer) -> None:
    answered(server, 202, answer)
    with opened(made(ONE)) as session:
        assert [type(one) for one in session.push([delivery(1)])] == [Unknown]


# What is kept, and what is said


def test_a_reason_does_not_repeat_the_payload(server, opened) -> None:
    answered(server, 202, {"job": "j"})
    answered(server, 200, {"state": "refused", "why": f"Person-1@X.example is taken, {TOKEN}"})
    with opened(made(ONE)) as session:
        (outcome,) = asked(session, session.push([delivery(1)]))
    assert outcome.reason == "******** is taken, ********"


def test_of_a_payload_that_is_too_large_to_be_kept_no_reason_is_told(server, opened) -> None:
    large = delivery(1, about="x y z " * 1000)
    answered(server, 202, {"job": "j"})
    answered(server, 200, {"state": "refused", "why": "person-1@x.example is taken"})
    answered(server, 409, {"why": "person-1@x.example"})
    with opened(made(ONE)) as session:
        pending = session.push([large])
        assert len(json.dumps(pending[0].job)) < 4096
        (hidden,) = asked(session, pending)
        (fixed,) = asked(session, pending)
    assert isinstance(hidden, Rejected)
    assert "person-1" not in hidden.reason
    assert (fixed.code, fixed.reason) == ("conflict", "another one is there")


def test_of_a_job_that_is_asked_for_in_part_the_answer_is_not_repeated(server, opened) -> None:
    rule = {"when": {"if": 'answer@state == "failed"'}, "is": "rejected", "says": "{{answer@why}}"}
    rules = [*EXAMPLE["poll"]["answers"], rule]
    answered(server, 202, TAKEN)
    for _ in range(2):
        answered(server, 200, {"state": "failed", "why": "person-2@x.example is odd"})
    with opened(of_several(answers=rules)) as session:
        outcomes = session.push([delivery(1), delivery(2)])
        (alone,) = asked(session, outcomes[:1])
        together = asked(session, outcomes)
    assert "person-2" not in alone.reason
    assert [one.reason for one in together] == ["******** is odd"] * 2


# The contract


class Imports(System):
    """Takes contacts as a job, works on it until it was asked once, and repeats what it refuses."""

    slug = "acme"

    def __init__(self) -> None:
        super().__init__()
        self.credentials = {"token": TOKEN, "base_url": self.url}
        self.wrong_credentials = {**self.credentials, "token": "another-t0ken"}
        self.jobs: list[Any] = []
        self.asked: set[str] = set()

    def payload(self, number: int) -> Any:
        return {"email": f"person-{number}@x.example", f"only_{number}": [number, None]}

    def refused(self) -> Sequence[Any]:
        return [{"email": "ultramarine@"}, {"email": "a@x.example", "name": "ultramarine \ud800"}]

    def received(self) -> Sequence[Any]:
        return [one["contact"] for call in self.sent() for one in call["contacts"]]

    def lets_in(self, request: Any) -> bool:
        return bool(request.headers.get("Authorization") == f"Bearer {TOKEN}")

    def refusal(self, request: Any) -> Answered:
        return said(401, {"error": f"who is {request.headers.get('Authorization')}?"})

    def carried_out(self, method: str, path: str, query: str, body: Any) -> Answered:
        if path == "/me":
            return said(200, {"name": "ana"})
        if method == "POST":
            self.jobs.append(body["contacts"])
            return said(202, {"import": {"id": len(self.jobs) - 1}})
        number = path.removeprefix("/imports/")
        if number not in self.asked:
            self.asked.add(number)
            return said(200, {"state": "running", "seconds_left": 5})
        imported, refused = [], []
        for one in self.jobs[int(number)]:
            if one["contact"]["email"].endswith("@"):
                refused.append({"id": one["id"], "message": f"{one['contact']} is no address, {TOKEN}"})
            else:
                imported.append({"id": one["id"], "number": f"c-{one['id']}"})
        return said(200, {"state": "done", "imported": imported, "refused": refused})


def test_the_contract() -> None:
    with Imports() as peer:
        check_contract(made(EXAMPLE, "remote_id", "remove"), peer)
    assert peer.asked
