"""Log lines: what each batch came to, which destination is held and why, and nothing of a person."""

import io
import json
import logging
import logging.config
import uuid
from urllib.parse import quote

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from destinations.connectors.base import Accepted, Hold, Rejected
from destinations.scheduler import loop
from tracsync.common.messages import impersonal, joined, message
from tracsync.environment import Environment
from tracsync.monitoring import logs

PERSON = "ada@example.org"


@pytest.fixture
def lines():
    """What is written as JSON, since it was asked for last."""
    written = io.StringIO()
    console = {**settings.LOGGING["handlers"]["console"], "formatter": "json", "stream": written}
    root, before = logging.getLogger(), logging.getLogger().handlers[:]
    logging.config.dictConfig({**settings.LOGGING, "handlers": {"console": console}})

    def read():
        text = written.getvalue()
        written.seek(0)
        written.truncate()
        return [json.loads(line) for line in text.splitlines()]

    yield read
    root.handlers[:] = before


@pytest.mark.django_db
def test_each_batch_is_a_line_without_a_person(frozen, recording, make_destination, make_profile, lines):
    make_destination(prerequisites="profile@stats.visits > 0", mapping={"mail": "profile@mail"})
    for number in range(3):
        make_profile(f"{PERSON}-{number}", mail=PERSON, stats={"visits": number})
    recording.script(
        Accepted("1"), Rejected(message("answered %(status)s: %(said)s", status=422, said=PERSON))
    )
    frozen.forward(20)
    loop.tick()
    [line] = [line for line in lines() if line["logger"] == "destinations.sync.outcomes"]
    assert line["outcomes"] == {"skipped": 1, "accepted": 1, "rejected": 1}
    assert line["message"].startswith("crm: 1 skipped, 1 accepted, 1 rejected in ")
    assert (line["level"], line["destination"]) == ("INFO", "crm")
    assert line["seconds"] >= 0
    assert uuid.UUID(line["claim"])
    assert line["at"].startswith("2026-03-01T")
    assert PERSON not in json.dumps(line)


@pytest.mark.django_db
def test_a_destination_that_is_held_is_a_warning_with_its_reason(
    frozen, recording, make_destination, make_profile, lines
):
    make_destination()
    recording.script(Hold(message("answered %(status)s: %(said)s", status=401, said=f"{PERSON} may not")))
    make_profile("a")
    frozen.forward(20)
    loop.tick()
    [line] = [line for line in lines() if line["logger"] == "destinations.sync.health"]
    assert (line["level"], line["message"]) == ("WARNING", "crm rests: answered 401: …")
    frozen.forward(3600)
    loop.tick()  # a probe, which is accepted
    [line] = [line for line in lines() if line["logger"] == "destinations.sync.health"]
    assert (line["level"], line["message"]) == ("INFO", "crm is well")


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (f"free text of {PERSON}", "…"),
        ("", ""),
        (message("no answer in time"), "no answer in time"),
        (message("answered %(status)s: %(said)s", status=500, said=PERSON), "answered 500: …"),
        (message("%(field)s: %(reason)s", field=PERSON, reason=message("is too long")), "…: is too long"),
        (joined(", ", [message("no answer in time"), PERSON]), "no answer in time, …"),
    ],
)
def test_reasons_are_said_without_what_others_said(reason, said):
    assert impersonal(reason) == said


@pytest.mark.django_db
def test_lines_of_a_request_have_its_id(client, lines):
    given = uuid.uuid4().hex
    answer = client.get("/nowhere", headers={"X-Request-ID": given})
    assert answer["X-Request-ID"] == given
    [line] = [line for line in lines() if line["logger"] == "django.request"]
    assert (line["request_id"], line["level"]) == (given, "WARNING")
    other = client.get("/nowhere", headers={"X-Request-ID": "x\x1b[31m"})["X-Request-ID"]
    assert uuid.UUID(other).hex == other


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address",
    [
        "/api/v1/profiles/{id}/",
        "/api/profiles/{id}/syncs/",
        "/api/v1/profiles/of a house/{id}/sync/",
        "/api/v1/profiles/first\nline {id}/",
        "/admin/profiles/profile/nobody/{id}",
        "/sync/admin/profiles/profile/{id}/change/",
    ],
)
def test_no_line_of_a_request_has_the_id_of_a_profile(client, lines, address):
    address = address.format(id=PERSON)
    for ask in (client.get, client.put):
        assert ask(quote(address)).status_code in (302, 401, 404)
    logging.getLogger("waitress").error("Exception while serving %s", address)
    written = [line["message"] for line in lines()]
    assert "Exception while serving" in written[-1]
    for said in written:
        assert (PERSON in said, said[-1]) == (False, "…")


@pytest.mark.parametrize(
    "address", ["/api/v1/profiles/", "/api/v1/profiles/bulk/", "/admin/profiles/profile/add/"]
)
def test_addresses_of_nobody_are_said_as_they_are(address):
    assert logs.without_ids(f"Forbidden: {address}") == f"Forbidden: {address}"


def test_a_request_that_is_refused_is_one_line_without_a_traceback(client, django_user_model, lines):
    client.force_login(django_user_model.objects.create_user("staff", is_staff=True))
    assert client.get("/admin/settings/retention/").status_code == 403
    [line] = [one for one in lines() if one["logger"] == "django.request"]
    assert (line["level"], "exc_info" in line) == ("WARNING", False)


def test_another_format_is_refused(monkeypatch):
    monkeypatch.setenv("TRACSYNC_LOG_FORMAT", "xml")
    with pytest.raises(ImproperlyConfigured, match="TRACSYNC_LOG_FORMAT is none of text, json"):
        Environment().choice("TRACSYNC_LOG_FORMAT", "text", "json")
