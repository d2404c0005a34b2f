"""Whatever is sent, the API answers as its description says: requests that Schemathesis makes from that."""

import os
from contextlib import suppress

import hypothesis
import pytest
from django.core.wsgi import get_wsgi_application
from django.db import transaction
from django.utils import timezone
from drf_spectacular.generators import EndpointEnumerator, SchemaGenerator
from requests.structures import CaseInsensitiveDict

from destinations.models import Audit, Backfill, DeliveryAttempt, ProfileSync, Replay
from tests.api.conftest import client_with
from tests.cases import for_each
from tracsync.models import Incident, NoticeChannel, NoticeLimits

EXAMPLES = int(os.environ.get("TRACSYNC_TEST_REQUESTS", "4"))  # of each operation, right and wrong ones each
UNFIT_FOR_MANY = {"negative_data_rejection"}  # where many records are sent, each is refused by itself
# Of what is right by the description some is refused all the same, by what it cannot say.
UNSAID = {
    "/api/v1/configuration/plan/": "a schema of its own says what files hold",
    "/api/v1/configuration/apply/": "as above",
    "/api/v1/destinations/{id}/audit/": "whether a system can be asked is up to its connector",
    "/api/v1/destinations/{id}/fields/": "as above",
}
ANSWERED = {"cursor", "If-Match", "Idempotency-Key"}  # values that only an answer gives
# What has a language of its own, or hangs on something else than itself.
READABLE = {
    "prerequisites": "profile@id EXISTS",
    "mapping": {"id": "profile@id"},
    "settings": {},
    "credentials": {},
    "use_test_credentials": False,
    "choice": {"state": "rejected"},
    "kind": "email",
    "recipients": ["o@x.example"],
}
ONLY_OF_OTHERS = {"url", "signing_secret"}  # no e-mail has them


class RolledBack(Exception):
    pass


# Each process of the tests reads this module: what takes a second is left to the fixtures.
PARTS = sorted(
    {path.split("/")[3] for path, *_ in EndpointEnumerator().get_api_endpoints()} - {"schema", "docs"}
)


@pytest.fixture(scope="module")
def operations():
    """By the part of the address after the version; without the "any other problem" that fits any answer."""
    import schemathesis
    from schemathesis.checks import load_all_checks

    load_all_checks()
    schema = SchemaGenerator().get_schema(request=None, public=True)
    for path in schema["paths"].values():
        for operation in path.values():
            operation["responses"].pop("default", None)
    refused = {"negative_data_rejection": {"expected-statuses": ["4xx"]}}  # 412 as well
    config = schemathesis.Config.from_dict({"checks": refused})
    loaded = schemathesis.openapi.from_dict(schema, config=config)
    loaded.app = get_wsgi_application()
    loaded.config.base_url = "http://localhost/"
    by_part = {}
    for found in loaded.get_all_operations():
        operation = found.ok()
        by_part.setdefault(operation.path.split("/")[3], []).append(operation)
    return by_part


@pytest.fixture(autouse=True)
def no_token_has_to_wait(monkeypatch):
    """Wrong ones are sent on purpose, and each is to be refused for what it is."""
    monkeypatch.setattr("tracsync.api.tokens.MOST_WRONG", 1_000_000)


@pytest.fixture
def known(make_destination, make_profile):
    """What there is one of, by the part of the address after the version."""
    now = timezone.now()
    destination = make_destination("Newsletter", prerequisites="profile@id EXISTS")
    profile = make_profile("p1", stats={"visits": 1})
    pair = {"profile": profile, "destination": destination}
    incident = {"key": "stalled", "event": "stalled", "sentences": {"en": "Nothing is running."}}
    attempt = {"version": 1, "at": now, "duration_ms": 1, "idempotency_key": "k", "outcome": "accepted"}
    limited = make_destination("Limited")
    rows = {
        "destinations": destination,
        "limited": limited,
        "resources": destination.resource,
        "profiles": profile,
        "audits": Audit.objects.create(destination=destination),
        "backfills": Backfill.request(destination),
        "replays": Replay.objects.create(destination=destination, choice={}),
        "notice-channels": NoticeChannel.objects.create(name="ops", kind="email", recipients=["o@x.org"]),
        "notice-limits": NoticeLimits.objects.create(destination=limited),
        "incidents": Incident.objects.create(opened_at=now, **incident),
        "syncs": ProfileSync.objects.create(**pair),
        "attempts": DeliveryAttempt.objects.create(**pair, **attempt),
    }
    return {"extensions": "http_api", **{part: row.pk for part, row in rows.items()}}


@pytest.fixture
def nothing_is_sent(monkeypatch):
    monkeypatch.setattr("tracsync.notices.outbox.send_test", lambda channel: "")


def test_every_operation_is_tried(operations):
    assert sorted(operations) == PARTS


@pytest.mark.parametrize("mode", ["positive", "negative"])
@pytest.mark.parametrize("part", PARTS)
def test_it_is_answered_as_described(operations, part, mode, known, nothing_is_sent, connection_stays):
    token = client_with()._credentials["HTTP_AUTHORIZATION"]

    @for_each("operation", operations[part])
    def test(operation):
        answers_as_described(operation, mode, known, {"Authorization": token})

    test()


def name_what_is_there(case, known):
    """In place of ids that are made up, and of what contradicts itself."""
    part = case.path.split("/")[3]
    case.path_parameters = dict.fromkeys(case.path_parameters or (), known.get(part))
    there = {name: known[f"{name}s"] for name in ("destination", "resource", "profile")}
    there |= {**READABLE, "type": "recording", "destinations": []}
    if part == "notice-limits":
        there["destination"] = known["limited" if "{" in case.operation.path else "destinations"]
    if part == "profiles" and "{" in case.operation.path:
        there["id"] = known["profiles"]
    if part == "replays":
        del there["kind"]
    for place in ("query", "headers", "body"):
        given = getattr(case, place)
        if isinstance(given, dict | CaseInsensitiveDict):
            without = ANSWERED | ONLY_OF_OTHERS
            kept = {name: there.get(name, value) for name, value in given.items() if name not in without}
            setattr(case, place, storable(kept))
    if case.operation.label == "POST /api/v1/notice-channels/":
        case.body["recipients"] = READABLE["recipients"]  # which an e-mail needs


def storable(value):
    """No database can store a NUL."""
    if isinstance(value, str):
        return value.replace("\0", "0")
    if isinstance(value, list):
        return [storable(one) for one in value]
    if isinstance(value, dict):
        return {storable(name): storable(one) for name, one in value.items()}
    return value


def answers_as_described(operation, mode, known, headers):
    from schemathesis import GenerationMode
    from schemathesis.checks import CHECKS

    unfit = UNFIT_FOR_MANY if "/bulk/" in operation.path else set()
    unfit = unfit | {"positive_data_acceptance"} if operation.path in UNSAID else unfit
    checks = [check for check in CHECKS.get_all() if check.__name__ not in unfit]

    @hypothesis.settings(max_examples=EXAMPLES, database=None)
    @hypothesis.given(operation.as_strategy(generation_mode=GenerationMode(mode)))
    def send(case):
        if mode == "positive":
            name_what_is_there(case, known)
        with suppress(RolledBack), transaction.atomic():
            case.call_and_validate(headers=headers, checks=checks)
            raise RolledBack

    send()
