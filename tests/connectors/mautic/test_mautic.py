from __future__ import annotations

import json
import time
from urllib.parse import parse_qs

import pytest
import requests
import responses
from responses.matchers import header_matcher, json_params_matcher, urlencoded_params_matcher
from responses.registries import OrderedRegistry

from destinations.connectors.base import (
    Accepted,
    ConfigurationError,
    Delivery,
    MemoryTokenStore,
    Rejected,
    Retry,
    Runtime,
    Token,
    Unknown,
    Unreachable,
)
from destinations.connectors.mautic.connector import Mautic

BASE = "https://mautic.example"
TOKEN = f"{BASE}/oauth/v2/token"
NEW = f"{BASE}/api/contacts/new"
BATCH = f"{BASE}/api/contacts/batch/new"
KEYS = {"api_url": BASE, "public_key": "public-id", "private_key": "private-secret"}


class CountingStore(MemoryTokenStore):
    """Starts with a token; counts renewals."""

    def __init__(self, value: str | None = "T0KEN-1") -> None:
        super().__init__()
        self._token = Token(value, time.time() + 1000) if value else None
        self.renewals = 0

    def renew(self, stale, fetch):
        self.renewals += 1
        return super().renew(stale, fetch)


@pytest.fixture
def store() -> CountingStore:
    return CountingStore()


@pytest.fixture
def api():
    with responses.RequestsMock(assert_all_requests_are_fired=True) as mock:
        yield mock


@pytest.fixture
def ordered():
    with responses.RequestsMock(registry=OrderedRegistry) as mock:
        yield mock


def push(store, *payloads, credentials=None, **settings):
    deliveries = [Delivery(payload, f"9:{at}") for at, payload in enumerate(payloads)]
    with Mautic().open({**KEYS, **(credentials or {})}, settings, Runtime(tokens=store)) as session:
        return session.push(deliveries)


def person(name: str = "ana", **fields):
    return {"email": f"{name}@x.example", **fields}


def number(outcome) -> str:
    """Of the contact that was accepted; test_changed_addresses.py has the rest of the remote id."""
    return outcome.remote_id.partition("@")[0]


def contact(number: int, **fields):
    return {
        "id": number,
        "fields": {"all": {"id": number, "email": "", "firstname": "", "points": 0, **fields}},
    }


def fault(status: int, message: str, **extra):
    return {"errors": [{"code": status, "message": message, "details": [], "type": None, **extra}]}


def token_answer(value: str = "T0KEN-2"):
    return {"access_token": value, "expires_in": 3600, "token_type": "bearer", "scope": None}


# The token


def test_a_token_is_fetched_by_client_credentials_and_used(api) -> None:
    form = {"grant_type": "client_credentials", "client_id": "public-id", "client_secret": "private-secret"}
    api.post(TOKEN, json=token_answer(), match=[urlencoded_params_matcher(form)])
    bearer = header_matcher({"Authorization": "Bearer T0KEN-2", "Content-Type": "application/json"})
    api.post(NEW, json={"contact": contact(47)}, status=201, match=[bearer])
    store = CountingStore(None)
    (outcome,) = push(store, person())
    assert isinstance(outcome, Accepted)
    assert number(outcome) == "47"
    stored = store.get()
    assert stored is not None
    assert 3500 < stored.expires_at - time.time() < 3580


def test_a_stored_token_is_not_fetched_again(api, store) -> None:
    api.post(NEW, json={"contact": contact(1)}, status=200)
    push(store, person())
    assert store.renewals == 0


@pytest.mark.parametrize("kind", ["invalid_client", "unauthorized_client", "invalid_request"])
def test_refused_credentials_are_a_configuration_error(api, kind: str) -> None:
    body = {
        "errors": [
            {"message": "The client credentials are invalid private-secret", "code": 400, "type": kind}
        ]
    }
    api.post(TOKEN, json=body, status=400)
    with pytest.raises(ConfigurationError, match="The client credentials are invalid") as caught:
        push(CountingStore(None), person())
    assert "private-secret" not in str(caught.value)


def test_401_renews_once_and_repeats_once(ordered, store) -> None:
    ordered.post(
        NEW, json=fault(401, "The access token provided has expired.", type="invalid_grant"), status=401
    )
    ordered.post(TOKEN, json=token_answer())
    ordered.post(NEW, json={"contact": contact(5)}, status=200)
    (outcome,) = push(store, person())
    assert isinstance(outcome, Accepted)
    assert store.renewals == 1
    assert ordered.calls[2].request.headers["Authorization"] == "Bearer T0KEN-2"
    assert ordered.calls[0].request.body == ordered.calls[2].request.body


def test_401_again_is_a_configuration_error(ordered, store) -> None:
    ordered.post(NEW, json=fault(401, "invalid"), status=401)
    ordered.post(TOKEN, json=token_answer())
    ordered.post(NEW, json=fault(401, "invalid"), status=401)
    with pytest.raises(ConfigurationError, match="again after renewing"):
        push(store, person())


def test_another_workers_renewed_token_is_used(ordered) -> None:
    class Shared(CountingStore):
        def renew(self, stale, fetch):
            return Token("T0KEN-OTHER", time.time() + 100)  # another worker was first

    ordered.post(NEW, json=fault(401, "expired"), status=401)
    ordered.post(NEW, json={"contact": contact(5)}, status=200)
    push(Shared(), person())
    assert ordered.calls[1].request.headers["Authorization"] == "Bearer T0KEN-OTHER"


@pytest.mark.parametrize(("status", "headers", "after"), [(500, {}, None), (429, {"Retry-After": "9"}, 9)])
def test_without_a_token_for_now_mautic_is_unreachable(api, status, headers, after) -> None:
    api.post(TOKEN, status=status, headers=headers)
    with pytest.raises(Unreachable) as caught:
        push(CountingStore(None), person(), person("bob", a=1), person("ana"))
    assert caught.value.after == after
    assert len(api.calls) == 1


def test_a_host_that_is_down_is_unreachable_at_first_and_then_a_retry(ordered, store) -> None:
    ordered.post(BATCH, json=batch(201, 201, contacts=[contact(1), contact(2)]), status=201)
    ordered.post(NEW, body=requests.exceptions.ConnectTimeout())
    ordered.post(NEW, body=requests.exceptions.ConnectTimeout())
    outcomes = push(store, person("a"), person("b"), person("a"))
    assert [type(outcome) for outcome in outcomes] == [Accepted, Accepted, Retry]
    with pytest.raises(Unreachable, match="could not connect"):
        push(store, person("a"))


@pytest.mark.parametrize("url", [BASE, f"{BASE}/", f"{BASE}/api", f"{BASE}/api/"])
def test_the_api_url_with_and_without_api(api, store, url: str) -> None:
    api.post(NEW, json={"contact": contact(1)}, status=200)
    push(store, person(), credentials={"api_url": url})


# One contact


def test_data_that_contains_the_word_error_succeeds(api, store) -> None:
    api.post(NEW, json={"contact": contact(3, firstname="error errors")}, status=200)
    (outcome,) = push(store, person(firstname="error"))
    assert number(outcome) == "3"
    assert outcome.detail == "updated"


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (200, {"contact": {}}, Unknown, "without the contact's id"),
        (200, {"contact": []}, Unknown, "without the contact's id"),
        (201, "<html>", Unknown, "without the contact's id"),
        (200, fault(400, "email: wrong"), Rejected, "refused with 400: email: wrong"),
        (400, fault(400, "email: This value is not valid."), Rejected, "email: This value is not valid."),
        (422, fault(422, "points: bad"), Rejected, "points: bad"),
        (500, fault(500, "Looks like I encountered an error (error #500)."), Retry, "answered 500"),
        (502, "<html>bad gateway</html>", Retry, "answered 502"),
        (503, "", Retry, "answered 503"),
    ],
)
def test_answers_to_one_contact(api, store, status, body, kind, words) -> None:
    api.post(NEW, body=body if isinstance(body, str) else json.dumps(body), status=status)
    (outcome,) = push(store, person())
    assert type(outcome) is kind
    assert words in outcome.reason


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, fault(403, "API disabled", type="api_disabled")),
        (403, fault(403, "no access")),
        (404, "not found"),
        (410, "gone"),
        (302, ""),
        (407, ""),
    ],
)
def test_answers_that_concern_every_contact(api, store, status, body) -> None:
    headers = {"Location": "https://elsewhere.example/s/login?x=1"} if status == 302 else {}
    api.post(NEW, body=body if isinstance(body, str) else json.dumps(body), status=status, headers=headers)
    with pytest.raises(ConfigurationError):
        push(store, person())
    assert len(api.calls) == 1


def test_the_rate_limits_reset_is_honoured_for_all(api, store) -> None:
    reset = str(int(time.time()) + 600)
    api.post(NEW, json=fault(429, "limit"), status=429, headers={"X-RateLimit-Reset": reset})
    outcomes = push(store, person(), person(), person())
    assert [type(outcome) for outcome in outcomes] == [Retry] * 3
    assert all(595 < outcome.after <= 600 for outcome in outcomes)
    assert len(api.calls) == 1


def test_a_used_up_limit_ends_the_push_after_what_was_accepted(api, store) -> None:
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 600)}
    api.post(BATCH, json=batch(201, 201, contacts=[contact(1), contact(2)]), status=201, headers=headers)
    outcomes = push(store, person("a"), person("b"), person("a"))
    assert [type(outcome) for outcome in outcomes] == [Accepted, Accepted, Retry]
    assert outcomes[2].reason == "not tried: Mautic allows no more calls for now"
    assert all(500 < outcome.after <= 600 for outcome in outcomes)
    assert len(api.calls) == 1


@pytest.mark.parametrize("reset", ["", "soon", "-5", "1000000000"])
def test_an_unusable_reset_is_ignored(api, store, reset: str) -> None:
    api.post(NEW, body="slow", status=429, headers={"X-RateLimit-Reset": reset})
    (outcome,) = push(store, person())
    assert outcome.after is None


@pytest.mark.parametrize(
    "payload", [{}, {"email": None}, {"email": " "}, {"email": 5}, "text", None, {"Email": "a"}]
)
def test_without_an_email_nothing_is_sent(store, payload) -> None:
    (outcome,) = push(store, payload)
    assert isinstance(outcome, Rejected)
    assert "email" in outcome.reason or "object" in outcome.reason


@pytest.mark.parametrize(
    ("setting", "payload", "sent"),
    [
        (False, person(firstname=""), person(firstname="")),
        (True, person(firstname=""), person(firstname="", overwriteWithBlank=True)),
        (False, person(overwriteWithBlank="false"), person()),
        (False, person(overwriteWithBlank=True), person(overwriteWithBlank=True)),
    ],
)
def test_overwrite_with_blank_is_sent_only_when_true(api, store, setting, payload, sent) -> None:
    api.post(NEW, json={"contact": contact(1)}, status=200, match=[json_params_matcher(sent)])
    push(store, payload, overwrite_with_blank=setting)


def test_what_mautic_drops_is_reported(api, store) -> None:
    api.post(NEW, json={"contact": contact(1)}, status=201)
    (outcome,) = push(store, person(points=0, rate=0.5, text="0", flag=False, nope="x", tags=["a"], age=1))
    assert outcome.detail == (
        "created; Mautic does not store zero in numeric fields: points, rate, text; "
        "Mautic has no such field: age, flag, nope, rate, text"
    )


# The batch


def batch(*codes, contacts, errors=None):
    body = {"contacts": contacts, "statusCodes": list(codes)}
    return {**body, "errors": errors} if errors is not None else body


EMAIL_BAD = {"code": 400, "message": "email: bad", "details": {"email": ["bad"]}, "type": None}


@pytest.mark.parametrize(
    "answer",
    [
        batch(201, 400, 200, contacts={"0": contact(1), "2": contact(3)}, errors={"1": EMAIL_BAD}),
        batch(201, 400, 200, contacts=[contact(1), contact(2), contact(3)], errors={"1": EMAIL_BAD}),
    ],
)
def test_a_batch_is_decided_by_status_codes(api, store, answer) -> None:
    people = [person("a"), person("b"), person("c")]
    api.post(BATCH, json=answer, status=201, match=[json_params_matcher(people)])
    outcomes = push(store, *people)
    assert [type(outcome) for outcome in outcomes] == [Accepted, Rejected, Accepted]
    assert [number(outcomes[0]), number(outcomes[2])] == ["1", "3"]
    assert outcomes[1].reason == "refused with 400: email: bad"


def test_a_batch_that_failed_altogether_with_lists(api, store) -> None:
    api.post(
        BATCH,
        json=batch(400, 500, contacts=[], errors=[EMAIL_BAD, {"code": 500, "message": "x"}]),
        status=201,
    )
    outcomes = push(store, person("a"), person("b"))
    assert [type(outcome) for outcome in outcomes] == [Rejected, Retry]


def test_an_item_without_id_or_status_is_unknown(api, store) -> None:
    api.post(BATCH, json=batch(201, 201, contacts=[contact(1), {}]), status=201)
    outcomes = push(store, person("a"), person("b"), person("c"))
    assert [type(outcome) for outcome in outcomes] == [Accepted, Unknown, Unknown]


def test_an_exchange_shows_only_its_own_contact(api, store) -> None:
    api.post(BATCH, json=batch(201, 200, contacts=[contact(1), contact(2)]), status=201)
    first, second = push(store, person("a"), person("b"))
    assert "a@x.example" in first.exchange.request
    assert "b@x.example" not in repr(first)
    assert "a@x.example" not in repr(second)
    assert "T0KEN" not in repr(first)


def test_the_same_address_twice_goes_in_order_in_separate_calls(ordered, store) -> None:
    people = [person("A", n=1), person("b", n=1), person("a", n=2), person("a", n=3)]
    ordered.post(BATCH, json=batch(201, 201, contacts=[contact(1), contact(2)]), status=201)
    ordered.post(NEW, json={"contact": contact(3)}, status=200)
    ordered.post(NEW, json={"contact": contact(4)}, status=200)
    outcomes = push(store, *people)
    assert [number(outcome) for outcome in outcomes] == ["1", "2", "3", "4"]
    assert [json.loads(call.request.body) for call in ordered.calls] == [people[:2], people[2], people[3]]


def test_bad_items_do_not_shift_the_others(api, store) -> None:
    api.post(BATCH, json=batch(201, 201, contacts=[contact(1), contact(2)]), status=201)
    outcomes = push(store, {}, person("a"), {"email": ""}, person("b"))
    assert [type(outcome) for outcome in outcomes] == [Rejected, Accepted, Rejected, Accepted]
    assert [number(outcomes[1]), number(outcomes[3])] == ["1", "2"]


def test_more_than_200_are_several_calls(api, store) -> None:
    def answer(request):
        count = len(json.loads(request.body))
        return 201, {}, json.dumps(batch(*[201] * count, contacts=[contact(at + 1) for at in range(count)]))

    api.add_callback(responses.POST, BATCH, callback=answer)
    outcomes = push(store, *[person(str(at)) for at in range(450)])
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert [len(json.loads(call.request.body)) for call in api.calls] == [200, 200, 50]


def test_an_oversize_batch_is_not_repeated(api, store) -> None:
    api.post(BATCH, json=fault(500, "A max of 200 entities are allowed (error #500)"), status=500)
    outcomes = push(store, person("a"), person("b"))
    assert [type(outcome) for outcome in outcomes] == [Rejected, Rejected]
    assert len(api.calls) == 1


def test_a_smaller_limit_is_learnt(api, store) -> None:
    def answer(request):
        count = len(json.loads(request.body))
        if count > 3:
            return 500, {}, json.dumps(fault(500, "A max of 3 entities are allowed"))
        return 201, {}, json.dumps(batch(*[201] * count, contacts=[contact(at + 1) for at in range(count)]))

    api.add_callback(responses.POST, BATCH, callback=answer)
    outcomes = push(store, *[person(str(at)) for at in range(8)])
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert [len(json.loads(call.request.body)) for call in api.calls] == [8, 3, 3, 2]


class PoisonedMautic:
    """Fails a whole batch because of one contact, after saving those before it."""

    def __init__(self, api, *poison: str) -> None:
        self.poison, self.calls = poison, 0
        api.add_callback(responses.POST, BATCH, callback=self.answer)
        api.add_callback(responses.POST, NEW, callback=self.answer)

    def answer(self, request):
        self.calls += 1
        people = json.loads(request.body)
        several = isinstance(people, list)
        if any(one["email"].startswith(self.poison) for one in (people if several else [people])):
            return 500, {}, json.dumps(fault(500, "exception"))
        if not several:
            return 201, {}, json.dumps({"contact": contact(1)})
        contacts = [contact(at + 1) for at in range(len(people))]
        return 201, {}, json.dumps(batch(*[201] * len(people), contacts=contacts))


def test_one_poisoned_contact_fails_alone(store) -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as api:
        mautic = PoisonedMautic(api, "137@")
        outcomes = push(store, *[person(str(at)) for at in range(200)])
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [Retry if at == 137 else Accepted for at in range(200)]
    assert mautic.calls < 20


def test_a_server_that_always_fails_is_not_beaten(store) -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as api:
        mautic = PoisonedMautic(api, "")
        outcomes = push(store, *[person(str(at)) for at in range(200)])
    assert {type(outcome) for outcome in outcomes} <= {Unknown, Retry}
    assert mautic.calls < 40


def test_a_batch_that_times_out_is_unknown_and_shows_nobody(api, store) -> None:
    api.post(BATCH, body=requests.exceptions.ReadTimeout())
    outcomes = push(store, person("a"), person("b"))
    assert [type(outcome) for outcome in outcomes] == [Unknown, Unknown]
    assert "@x.example" not in repr(outcomes)


def test_reasons_hold_neither_secrets_nor_the_payload(api, store) -> None:
    said = "ANA@X.example Ana Lovelace private-secret T0KEN-1 is taken"
    api.post(NEW, json=fault(400, said), status=400)
    (outcome,) = push(store, person(firstname="Ana Lovelace"))
    assert outcome.reason == "answered 400: ******** ******** ******** ******** is taken"
    assert "private-secret" not in repr(outcome)
    assert "T0KEN-1" not in repr(outcome)


# Checking, describing, opening


def check(store) -> str:
    with Mautic().open(KEYS, {}, Runtime(tokens=store)) as session:
        return session.check()


def test_check(api, store) -> None:
    body = {"total": "12", "contacts": {"1": contact(1)}}
    api.get(f"{BASE}/api/contacts?limit=1", json=body, headers={"Mautic-Version": "5.1.1"})
    assert check(store).startswith("connected to Mautic 5.1.1, which holds 12 contacts, in ")


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [(200, "<html>", ConfigurationError), (403, "{}", ConfigurationError), (503, "", Unreachable)],
)
def test_check_that_fails(api, store, status, body, error) -> None:
    api.get(f"{BASE}/api/contacts?limit=1", body=body, status=status)
    with pytest.raises(error):
        check(store)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (fault(403, "API disabled", type="api_disabled"), "API is switched off"),
        (fault(403, "no access"), "role view, create, edit and delete contacts"),
    ],
)
def test_check_names_what_is_missing(api, store, body, words) -> None:
    api.get(f"{BASE}/api/contacts?limit=1", json=body, status=403)
    with pytest.raises(ConfigurationError, match=words):
        check(store)


def test_check_of_a_host_that_is_down(api, store) -> None:
    api.get(f"{BASE}/api/contacts?limit=1", body=requests.exceptions.ConnectTimeout())
    with pytest.raises(Unreachable, match="could not connect"):
        check(store)


def test_describe() -> None:
    told = Mautic().describe(KEYS, {"overwrite_with_blank": True}, Delivery(person(), "1:1"))
    assert told["url"] == NEW
    assert json.loads(told["body"]) == person(overwriteWithBlank=True)
    assert "private" not in json.dumps(told)
    assert Mautic().describe(KEYS, {}, Delivery({}, "1:1")) == {"problem": "email is required"}


@pytest.mark.parametrize(
    "credentials",
    [
        {},
        {**KEYS, "private_key": ""},
        {**KEYS, "api_url": "mautic.example"},
        {**KEYS, "api_url": "https://u:p@m/"},
        {**KEYS, "api_url": "https://m/{{profile"},
        {**KEYS, "api_url": "https://m:x/"},
    ],
)
def test_unusable_credentials(credentials) -> None:
    with pytest.raises(ConfigurationError):
        Mautic().open(credentials, {})


def test_the_token_form_is_really_a_form(api) -> None:
    api.post(TOKEN, json=token_answer())
    api.post(NEW, json={"contact": contact(1)}, status=200)
    push(CountingStore(None), person(), credentials={"private_key": "a&b=c"})
    assert parse_qs(api.calls[0].request.body)["client_secret"] == ["a&b=c"]
    assert api.calls[0].request.headers["Content-Type"] == "application/x-www-form-urlencoded"
