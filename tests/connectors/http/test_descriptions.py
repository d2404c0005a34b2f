"""Other systems on the engine, as descriptions: what a file will say of HubSpot and of CiviCRM."""

from __future__ import annotations

import json
from typing import Any

import pytest

from destinations.connectors.addresses import Guard
from destinations.connectors.base import Accepted, Delivery, Hold, Rejected, Retry, Unknown
from destinations.connectors.http import answers, results, templates
from destinations.connectors.http.answers import Answers
from destinations.connectors.http.description import Batch, Description
from destinations.connectors.http.engine import HttpSession
from destinations.connectors.http.templates import Base
from destinations.connectors.redaction import Redactor


def hubspot(url: str) -> Description:
    base = Base(url, {"Authorization": "Bearer pat-secret"})
    item = {
        "id": {"$formula": "lowercase(trim(delivery@payload.id))"},
        "idProperty": "settings@id_property",
        "objectWriteTraceId": "delivery@key",
        "properties": "delivery@payload.properties",
    }
    listed: list[dict[str, Any]] = [
        {"at": "answer@results", "match": "objectWriteTraceId", "id": "id"},
        {
            "at": "answer@errors",
            "match": "context.objectWriteTraceId",
            "error": "message",
            "code": "category",
        },
    ]
    rules = [
        {"when": {"status": [401, 403]}, "is": "hold", "says": "HubSpot refused the token"},
        {"when": {"status": [423, 477, 429, "5xx"]}, "is": "retry"},
        {"when": {"status": [400, 409], "many": True}, "is": "split"},
        {
            "when": {
                "status": ["2xx"],
                "if": "answer@results EMPTY AND answer@errors EMPTY",
                "operation": ["upsert"],
            },
            "is": "unknown",
        },
    ]
    interval = {"from": "reply@headers.x-hubspot-ratelimit-interval-milliseconds", "unit": "ms"}
    by_key = {"by": "key", "key": "item@objectWriteTraceId"}
    upsert = {"path": "/crm/v3/objects/contacts/batch/upsert", "body": {"inputs": "items@"}}
    erase = {"path": "/crm/v3/objects/contacts/gdpr-delete", "body": {"objectId": "delivery@remote.id"}}
    return Description(
        base=base,
        upsert=templates.call(upsert, "push", base=base),
        erase=templates.call(erase, "erase", base=base, document=False),
        redactor=Redactor(["pat-secret"]),
        batch=Batch(
            size=100,
            item=templates.template(item, "item", templates.SOURCES),
            identity=templates.template("item@id", "identity", results.SENT),
            results=[results.results({**by_key, **one}, "results") for one in listed],
        ),
        answers=Answers(answers.rules(rules, "answers"), [answers.wait(interval, "wait")]),
        constants={"settings": {"id_property": "email"}},
        key_header="",
    )


def civicrm(url: str) -> Description:
    base = Base(url, {"X-Civi-Auth": "Bearer secret-key"})
    params = '{"records": {{items@}}, "match": {{settings@match}}, "reload": false}'
    save = {
        "path": "/civicrm/ajax/api4/Contact/save",
        "encoding": "form",
        "headers": {"X-Requested-With": "XMLHttpRequest", "X-Civi-Key?": "credentials@site_key"},
        "body": {"params": params},
    }
    rules = [
        {"when": {"status": [400, 401, 403, 404, 405]}, "is": "hold"},
        {"when": {"status": [500], "many": True}, "is": "split"},
        {"when": {"status": [500]}, "is": "retry", "says": "{{answer@error_message}}"},
        {"when": {"status": ["2xx"], "if": "answer@values NOT EXISTS"}, "is": "unknown"},
    ]
    return Description(
        base=base,
        upsert=templates.call(save, "push", base=base),
        redactor=Redactor(["secret-key"]),
        batch=Batch(size=100, results=[results.results({"at": "answer@values", "id": "id"}, "results")]),
        answers=Answers(answers.rules(rules, "answers")),
        constants={"settings": {"match": ["external_identifier"]}, "credentials": {"site_key": ""}},
    )


@pytest.fixture
def push(server, loopback):
    def pushed(make, *deliveries):
        session = HttpSession(make(server.url), loopback, Guard(loopback.allowed_internal))
        try:
            return session.push(deliveries)
        finally:
            session.close()

    return pushed


def contact(number: int, id: str = "") -> Delivery:
    payload = {"id": id or f" P{number}@X.example", "properties": {"firstname": f"N{number}"}}
    return Delivery(payload, f"1:{number}", key=f"p-{number}")


def answered(server, status: int, body: Any, **headers: str) -> None:
    server.answers.append((status, headers, json.dumps(body).encode()))


def test_hubspot_tells_items_by_a_key_in_two_lists(server, push) -> None:
    error = {"message": "no such option", "category": "VALIDATION_ERROR"}
    said = {
        "results": [{"id": "51", "objectWriteTraceId": "p-3"}],
        "errors": [{**error, "context": {"objectWriteTraceId": ["p-1", "p-2"]}}],
    }
    answered(server, 207, said)
    outcomes = push(hubspot, *(contact(number) for number in (1, 2, 3, 4)))
    assert [type(one) for one in outcomes] == [Rejected, Rejected, Accepted, Unknown]
    assert (outcomes[0].code, outcomes[2].remote_id) == ("validation_error", "51")
    sent = json.loads(server.seen[0].body)["inputs"]
    assert sent[0] == {
        "id": "p1@x.example",
        "idProperty": "email",
        "objectWriteTraceId": "p-1",
        "properties": {"firstname": "N1"},
    }
    assert "Idempotency-Key" not in server.seen[0].headers


def test_hubspot_never_gets_one_address_twice_in_a_call(server, push) -> None:
    for _ in range(2):
        answered(server, 200, {"results": [], "errors": []})
    outcomes = push(hubspot, contact(1, "a@x.example"), contact(2, "A@x.example "))
    assert [len(json.loads(seen.body)["inputs"]) for seen in server.seen] == [1, 1]
    assert [type(one) for one in outcomes] == [Unknown, Unknown]


def test_hubspot_a_conflict_is_narrowed_down_and_limits_are_kept(server, push) -> None:
    answered(server, 409, {"message": "Contact already exists"})
    answered(server, 409, {"message": "Contact already exists"})
    answered(server, 429, {}, **{"X-HubSpot-RateLimit-Interval-Milliseconds": "10000"})
    outcomes = push(hubspot, contact(1), contact(2))
    assert [type(one) for one in outcomes] == [Rejected, Retry]
    assert outcomes[0].code == "conflict"
    assert outcomes[1].after == 10


def test_hubspot_forgets_by_the_id_that_it_told(server, push) -> None:
    (outcome,) = push(hubspot, Delivery(None, "1", {"id": "51"}, "erase", "p-1"))
    assert isinstance(outcome, Accepted)
    assert server.seen[0].body == b'{"objectId":"51"}'


def test_civicrm_takes_a_form_with_json_in_it_and_no_blank_header(server, push) -> None:
    answered(server, 200, {"values": [{"id": 12}]})
    (outcome,) = push(civicrm, Delivery({"external_identifier": "p&1"}, "1", key="p&1"))
    assert outcome.remote_id == "12"
    sent = server.seen[0]
    assert sent.body == (
        b"params=%7B%22records%22%3A+%5B%7B%22external_identifier%22%3A+%22p%261%22%7D%5D%2C+%22match%22%3A+"
        b"%5B%22external_identifier%22%5D%2C+%22reload%22%3A+false%7D"
    )
    assert "X-Civi-Key" not in sent.headers
    assert sent.headers["X-Civi-Auth"] == "Bearer secret-key"


def test_civicrm_a_500_is_narrowed_down(server, push) -> None:
    answered(server, 500, {"error_message": "sorry"})
    answered(server, 500, {"error_message": "sorry"})
    answered(server, 200, {"values": [{"id": 2}]})
    outcomes = push(civicrm, *(Delivery({"external_identifier": f"p{n}"}, str(n)) for n in range(2)))
    assert [type(one) for one in outcomes] == [Retry, Accepted]
    assert outcomes[0].reason == "sorry"


def test_civicrm_plain_text_is_an_answer_too(server, push) -> None:
    server.answers.append((401, {"Content-Type": "text/plain"}, b"HTTP 401 Invalid credential"))
    (outcome,) = push(civicrm, Delivery({"external_identifier": "p"}, "1"))
    assert isinstance(outcome, Hold)
    assert "Invalid credential" in outcome.reason
