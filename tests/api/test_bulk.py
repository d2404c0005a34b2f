"""Many profiles in one request."""

import io
import json
import tracemalloc

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from profiles import bulk, documents, request_stream
from profiles.models import Profile

pytestmark = pytest.mark.django_db

BULK = "/api/v1/profiles/bulk/"


def counts(answer):
    return [answer[name] for name in ("created", "changed", "unchanged", "failed")]


def send_lines(api, *lines, type="application/x-ndjson"):
    text = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    response = api("POST", BULK, text, type=type)
    assert response.status_code == 200, response.content
    return response.json()


@pytest.mark.parametrize(
    "type", ["application/x-ndjson", "text/plain", "application/x-ndjson; charset=utf-8"]
)
def test_lines(api, make_profile, type):
    make_profile("old", a=1)
    make_profile("same", a=1)
    answer = send_lines(
        api,
        {"id": "new", "a": 1},
        {"id": "old", "set": {"b": None}},
        b"",
        {"id": "same", "a": 1.0},
        b" \r",
        {"no": "id"},
        type=type,
    )
    assert answer == {"created": 2, "changed": 1, "unchanged": 1, "failed": 0, "errors": []}
    assert Profile.objects.get(pk="old").document == {"id": "old", "a": 1, "b": None}


def test_an_array(api):
    answer = api.post(BULK, [{"id": "a"}, {"id": "b", "set": {"x": 1}}, {"id": "a", "y": [1, "],{"]}]).json()
    assert counts(answer) == [2, 1, 0, 0]
    assert Profile.objects.get(pk="a").document == {"id": "a", "y": [1, "],{"]}


def test_a_bad_line_fails_alone(api):
    answer = send_lines(
        api,
        {"id": "a"},
        b"{nonsense",
        b'{"id": "b", "x": "\xff"}',
        [],
        {"id": 5},
        {"id": "c", "x": "\0"},
        {"id": "d", "set": 5},
        b'{"id": "e", "x": NaN}',
        {"id": "z"},
    )
    assert counts(answer) == [2, 0, 0, 7]
    assert [error["line"] for error in answer["errors"]] == [2, 3, 4, 5, 6, 7, 8]
    assert answer["errors"][4]["id"] == "c"
    assert set(Profile.objects.values_list("pk", flat=True)) == {"a", "z"}


def test_a_bad_element_fails_alone(api):
    text = b'\xef\xbb\xbf [ {"id":"a"}, {bad}, {"id":"b","x":"\xff"} ,"\\"]", {"id":"c"}\n] '
    answer = api.post(BULK, text).json()
    assert counts(answer) == [2, 0, 0, 3]
    assert [error["line"] for error in answer["errors"]] == [2, 3, 4]


@pytest.mark.parametrize(
    ("text", "stored", "says"),
    [
        ('[{"id":"a"}, {"id":"b"', ["a"], "no end"),
        ('[{"id":"a"}] x', ["a"], "after the end"),
        ('[{"id":"a"}}', [], "bracket"),
        ('{"id":"a"}', [], "not a JSON array"),
        ("", [], "not a JSON array"),
        ("[[[[", [], "no end"),
    ],
)
def test_broken_arrays(api, text, stored, says):
    answer = api.post(BULK, text).json()
    assert says in answer["errors"][-1]["error"]
    assert list(Profile.objects.values_list("pk", flat=True)) == stored


@pytest.mark.parametrize("text", ["[]", " [ ]\n", "[ , ]"])
def test_an_empty_array(api, text):
    assert counts(api.post(BULK, text).json()) == [0, 0, 0, 0]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_where_the_pieces_are_cut_makes_no_difference(size):
    records = [{"id": 'q"\\', "a": "\\\\"}, "],[", [1, [2, {}]], {"é": "\n"}, 5]
    text = json.dumps(records).encode()
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert [json.loads(bytes(item)) for item in request_stream.elements(iter(pieces))] == records
    text = b"one\n\ntwo\r\n" + "drëi".encode()
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert [bytes(line) for line in request_stream.lines(iter(pieces))] == text.split(b"\n")


def test_a_huge_line_is_not_kept(api, settings):
    settings.TRACSYNC_MAX_DOCUMENT_BYTES = 1000
    answer = send_lines(api, {"id": "a"}, {"id": "b", "x": "x" * 200_000}, {"id": "c"})
    assert counts(answer) == [2, 0, 0, 1]
    assert answer["errors"][0]["line"] == 2
    answer = api.post(BULK, [{"id": "b", "x": "x" * 200_000}, {"id": "d"}]).json()
    assert counts(answer) == [1, 0, 0, 1]


def test_the_errors_are_bounded_and_their_count_is_not(api):
    answer = send_lines(api, *[[]] * 1500)
    assert answer["failed"] == 1500
    assert len(answer["errors"]) == 1000


def test_what_is_too_large_is_refused(api, settings):
    settings.TRACSYNC_MAX_REQUEST_BYTES = 1000
    assert api("POST", BULK, b"\n" * 1001, type="text/plain").status_code == 413


def test_a_body_without_length_is_read_to_its_end_and_not_further(api, settings):
    body = b'{"id": "a"}\n{"id": "b"}\n'

    def send(text):
        return api.client.generic(
            "POST",
            BULK,
            content_type="application/x-ndjson",
            HTTP_TRANSFER_ENCODING="chunked",
            **{"wsgi.input": io.BytesIO(text), "wsgi.input_terminated": True},
        )

    assert counts(send(body).json()) == [2, 0, 0, 0]
    settings.TRACSYNC_MAX_REQUEST_BYTES = 1000
    assert send(body * 100).status_code == 413


@pytest.mark.parametrize("type", ["application/x-www-form-urlencoded", "text/csv", "nonsense"])
def test_other_types_are_refused_with_what_is_possible(api, type):
    response = api("POST", BULK, "a", type=type)
    assert response.status_code == 415
    assert "x-ndjson" in response.json()["detail"]


def test_statements_grow_per_batch(api):
    def statements(count):
        with CaptureQueriesContext(connection) as queries:
            send_lines(api, *[{"id": f"{count}-{n}"} for n in range(count)])
        return len(queries)

    send_lines(api, {"id": "first"})
    small, large = statements(10), statements(2000)
    assert large - small <= 3 * (small - 1)


def test_memory_is_constant():
    piece = b'{"id": "a", "text": "' + b"x" * 1000 + b'"}\n'
    peaks = []
    for count in (2_000, 20_000):
        tracemalloc.start()
        for _ in request_stream.lines(piece for _ in range(count)):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 2 * peaks[0]


def test_a_batch_of_large_documents_is_written_early(monkeypatch):
    monkeypatch.setattr(bulk, "BATCH_BYTES", 100)
    batch = bulk.Changes(bulk.Counts())
    item = request_stream.Item()
    item.add(json.dumps({"id": "a", "x": "x" * 100}).encode())
    batch.add(1, item)
    assert batch.is_full


@pytest.mark.parametrize("type", ["application/x-ndjson", "application/json"])
def test_a_request_has_a_number_of_records_at_most(api, settings, type):
    settings.TRACSYNC_MAX_BULK_RECORDS = 3
    records = [json.dumps({"id": f"p{n}"}) for n in range(5)]
    text = "\n".join(records) if "nd" in type else f"[{','.join(records)}]"
    response = api("POST", BULK, text, type=type)
    assert response.status_code == 413
    assert response.json()["detail"].endswith("at most 3 records: send those from line 4 on in another one")
    assert counts(response.json()["counts"]) == [3, 0, 0, 0]
    assert Profile.objects.count() == 3
    rest = "\n".join(records[3:])
    assert counts(api("POST", BULK, rest, type="text/plain").json()) == [2, 0, 0, 0]


def test_a_million_of_nothing_is_not_read_to_its_end(api, settings):
    settings.TRACSYNC_MAX_BULK_RECORDS = 10
    for text in (b"{}\n" * 1000, b"\n" * 1000, b"[" + b"{}," * 1000):
        response = api("POST", BULK, text, type="application/json" if b"[" in text else "text/plain")
        assert response.status_code == 413
    assert Profile.objects.count() == 20


def test_a_record_that_cannot_be_stored_is_not_even_parsed(api, settings, monkeypatch):
    monkeypatch.setattr(documents, "SMALL", 0)
    settings.TRACSYNC_MAX_DOCUMENT_BYTES = 10_000
    line = json.dumps({"id": "a", "x": "x" * 20_000})
    monkeypatch.setattr(documents, "json", None)
    answer = send_lines(api, line.encode())
    assert answer["errors"][0]["error"].startswith("the document has 20,0")


class TestDelete:
    def send(self, api, text, type="application/json"):
        return api("POST", f"{BULK}delete/", text, type=type)

    def test_by_their_ids(self, api, make_profile, make_destination):
        make_destination(on_delete="remove")
        for id in ("a", "b", "c/d", "e"):
            make_profile(id)
        answer = self.send(api, '["a", {"id": "c/d"}, "gone", "a"]').json()
        assert answer == {"deleted": 2, "missing": 2, "failed": 0, "errors": []}
        answer = self.send(api, '"b"\n\n{"id": "a"}\n', "application/x-ndjson").json()
        assert answer == {"deleted": 1, "missing": 1, "failed": 0, "errors": []}
        assert [profile.pk for profile in Profile.objects.all()] == ["e"]
        assert Profile.with_deleted.get(pk="b").deleted_by == "API token tests"

    def test_what_is_no_id_fails_alone(self, api, make_profile):
        make_profile("a")
        wrong = ["5", '""', '{"id": "a", "name": "x"}', "{}", "nonsense", "null", json.dumps("x" * 256)]
        answer = self.send(api, "\n".join([*wrong, '"a"']), "text/plain").json()
        assert (answer["deleted"], answer["missing"], answer["failed"]) == (1, 0, 7)
        assert [error["line"] for error in answer["errors"]] == [1, 2, 3, 4, 5, 6, 7]

    def test_there_is_a_number_at_most(self, api, make_profile, settings):
        settings.TRACSYNC_MAX_BULK_RECORDS = 1
        make_profile("a")
        make_profile("b")
        response = self.send(api, '["a", "b"]')
        assert (response.status_code, response.json()["code"]) == (413, "too_many_records")
        assert response.json()["counts"]["deleted"] == 1
        assert Profile.objects.get().pk == "b"
