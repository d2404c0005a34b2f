"""Requests that no client of the API would send: each has an answer of ours, and none is a fault of ours.

tests/api/test_any_request.py tries what the description allows and nearly allows; these are not even JSON.
"""

import gzip
import json
import re
from contextlib import suppress

import pytest
from django.db import transaction
from django.test import RequestFactory
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from hypothesis import given
from hypothesis import strategies as st

from destinations.models import Backfill, ProfileSync
from tests.api.conftest import client_with, connection_stays
from tests.attacks.fuzzing import few, mutated
from tests.attacks.texts import HOSTILE
from tracsync.processes.handler import Handler, Request

__all__ = ["connection_stays"]

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")

DOCUMENT = {"id": "p1", "name": "Ann", "stats": {"visits": 3}, "list": [1, 2.5, None, True, "é"]}
DESTINATION = {
    "name": "n",
    "resource": 1,
    "mapping": {"id": "profile@id"},
    "prerequisites": "profile@id EXISTS",
}
RESOURCE = {"name": "r", "type": "http_api", "production": {"url": "http://a.example"}}
SEEDS = [
    json.dumps(one).encode()
    for one in (
        *(DOCUMENT, [DOCUMENT, DOCUMENT], {"operations": [{"op": "put", "profile": DOCUMENT}]}, DESTINATION),
        *({"profile": "p1"}, {"credentials": "test"}, RESOURCE, {"enabled": False}, {"ids": ["p1", "p2"]}),
        *({"destination": 1, "kind": "text"}, {"merge": {"a": None}}),
    )
]
PIECES = (
    *(b"[" * 100_000, b'{"a":' * 5_000, b"9" * 6_000, b"1e999", b"-1e-999", b"NaN", b"-Infinity", b"\\u0000"),
    *(
        b'"\\ud800"',
        b"\xff\xfe",
        b"\xc0\x80",
        b"\xed\xa0\x80",
        b"\x00",
        b'"id":"p1","id":"p2",',
        b"\xef\xbb\xbf",
    ),
    *(b"// x", b"'", b",", b"1" * 400, b"true", b"null", b'""', b'{"$literal":{}}', b'{"__proto__":{}}'),
    *(b'"\xe2\x80\xa8"', b"\n" * 3_000, b"0x1F", b"1.", b"{}"),
)
FORM, PARTS = "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"
TYPES = st.sampled_from(
    [
        *("application/json", "application/json; charset=utf-16", "application/x-ndjson", "text/plain", ""),
        *("application/xml", "multipart/form-data", PARTS, FORM, "a/b/c", "json;;;", "*/*"),
        *("application/merge-patch+json", "application/json; charset=none"),
    ]
)
BODIES = mutated(SEEDS, PIECES) | st.sampled_from([*PIECES, b"", *(gzip.compress(one) for one in SEEDS[:2])])
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            *(
                "If-Match",
                "If-None-Match",
                "Idempotency-Key",
                "Accept",
                "Accept-Language",
                "Content-Encoding",
            ),
            *("X-Http-Method-Override", "X-Forwarded-For", "X-Forwarded-Host", "X-Request-ID", "Range"),
        ]
    ),
    st.sampled_from(
        [
            *(
                "",
                "*",
                '"',
                'W/"1"',
                '"1", "2"',
                "a" * 5000,
                "é",
                "gzip",
                "identity",
                "application/xml",
                "-1",
            ),
            *("9" * 30, "DELETE", "bytes=0-", "text/html;q=nan", "\x7f", "de;q=9", "10.0.0.1", "x\ty"),
        ]
    ),
    max_size=3,
)
ASKED = (
    "page",
    "page_size",
    "limit",
    "offset",
    "q",
    "profile",
    "destination",
    "at__gte",
    "state",
    "fields",
    "id",
)
QUERY = st.dictionaries(
    st.sampled_from(ASKED),
    st.sampled_from(["", "-1", "0", "9" * 30, "\x00", "²", "NaN", "[", "0001-01-01", "é", *HOSTILE[:7]]),
    max_size=3,
)
METHODS = st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND"])
IDS = st.sampled_from(
    [
        "1",
        "p1",
        "0",
        "-1",
        "9" * 30,
        "%00",
        "%FF",
        "..",
        "%2e%2e%2f",
        "²",
        "a" * 300,
        "%E2%80%A8",
        "{id}",
        "~",
    ]
)


class RolledBack(Exception):
    pass


@st.deferred
def paths():
    """Each process collects this: the description is made by the one that runs it."""
    described = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    others = ("/api/", "/api/v1/nothing/", "/api/v1/profiles//", "/metrics")
    return st.sampled_from([*sorted(described), *others])


@pytest.fixture
def client(make_destination, make_profile, monkeypatch):
    monkeypatch.setattr("tracsync.api.tokens.MOST_WRONG", 1_000_000)
    monkeypatch.setattr("tracsync.notices.outbox.send_test", lambda channel: "")
    destination, profile = make_destination("Newsletter"), make_profile("p1")
    ProfileSync.objects.create(profile=profile, destination=destination, due_at=timezone.now())
    Backfill.request(destination)
    return client_with()


@few(80)
@given(paths, IDS, METHODS, BODIES, TYPES, HEADERS, QUERY)
def test_any_bytes_are_answered(client, path, id, method, body, type, headers, query):
    url = re.sub(r"\{\w+\}", lambda _found: id, path)
    with suppress(RolledBack), transaction.atomic():
        answer = client.generic(
            method, url, body, content_type=type, query_params=query,
            **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()},
        )  # fmt: skip
        if answer.streaming:
            b"".join(answer.streaming_content)
        assert answer.status_code < 500, (answer.status_code, answer.content[:500])
        if answer.status_code >= 400 and url.startswith("/api/v1/") and answer.content:
            assert answer["Content-Type"] == "application/problem+json"
            told = answer.json()
            assert told["status"] == answer.status_code
        raise RolledBack


@pytest.mark.parametrize("charset", ["hex", "undefined", "zlib", "idna", "utf-16", "a\0b"])
def test_whatever_charset_is_said_it_is_utf_8(charset, db, connection_stays):
    said = {
        "CONTENT_TYPE": f"{FORM}; charset={charset}",
        "HTTP_HOST": "localhost",
        "HTTP_IDEMPOTENCY_KEY": "k",
    }
    for path in ("/admin/login/", "/api/v1/profiles/"):
        asked = RequestFactory().generic("POST", f"{path}?q=%FF%C3%A9", b"username=%C3%A9%FF&x=%00")
        statuses = []
        Handler()({**asked.META, **said}, lambda status, _headers, statuses=statuses: statuses.append(status))
        assert statuses[0][0] in "24", statuses
    assert Request({**asked.META, **said}).GET["q"].endswith("é")
