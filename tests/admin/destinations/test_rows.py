"""Rows of conditions and mappings: who is answered, with what, and within which limits."""

import json

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from destinations.admin.destinations.editing.rows_texts import rows_texts
from destinations.insight import path_suggestions, row_evidence
from destinations.models import KnownFields
from destinations.notation.rows import condition_rows, mapping_rows
from destinations.notation.rows.shapes import JOINS, SOURCES, TYPES
from profiles.models import Profile

ROWS = "admin:destinations_destination_editor_rows"
COUNTS = "admin:destinations_destination_editor_counts"
PATHS = "admin:destinations_destination_editor_paths"
WRITER = "destinations.change_destination"
MISSPELT = 'profile@data.contact.emial.business EXISTS AND profile@vip == "yes"'


@pytest.fixture(autouse=True)
def fresh(profile):
    path_suggestions.forget()
    yield
    path_suggestions.forget()


@pytest.fixture
def ask(admin_client):
    def post(kind="condition", client=admin_client, url=ROWS, **fields):
        rows = {"rows": json.dumps(fields.pop("rows"))} if "rows" in fields else {}
        return client.post(reverse(url), {"kind": kind, **fields, **rows})

    return post


@pytest.fixture
def rows_of(ask):
    return lambda text, kind="condition": ask(kind, text=text).json()["rows"]


def test_a_text_is_answered_with_its_rows(rows_of):
    rows = rows_of('profile@a > 1 AND\r\n(profile@b EXISTS OR lowercase(profile@c) == "x")')
    assert (rows["kind"], rows["join"]) == ("group", "all")
    question, group = rows["rows"]
    assert (question["field"], question["test"], question["value"]) == ("a", "greater", "1")
    assert [one["kind"] for one in group["rows"]] == ["question", "written"]
    assert rows_of("")["rows"] == []
    [entry] = rows_of('{"a?": "profile@b"}', kind="mapping")["rows"]
    assert (entry["key"], entry["optional"], entry["source"], entry["field"]) == ("a", True, "field", "b")


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("condition", "profile@a >", "it has a mistake: mend it as text first"),
        ("mapping", '{"a": 1, "a": 2}', "it has a mistake: mend it as text first"),
        ("mapping", "[1]", "rows show a mapping that is an object of fields; this one stays text"),
        (
            "mapping",
            '{"$literal": {}}',
            "rows show a mapping that is an object of fields; this one stays text",
        ),
        (
            "condition",
            " OR ".join(["profile@a EXISTS"] * 400),
            "more than 300 rows are too many: write it as text",
        ),
        ("condition", "x" * 300_000, "this is too long for rows"),
    ],
)
def test_what_rows_cannot_show_is_refused_with_the_reason(kind, text, said, ask):
    assert ask(kind, text=text).json() == {"refused": said}


def test_rows_are_answered_with_their_text_and_what_is_to_be_said_of_each(ask, rows_of):
    rows = rows_of(MISSPELT)
    rows["rows"][1] |= {"value": "no", "written": ""}
    answer = ask(rows=rows).json()
    assert answer["text"] == 'profile@data.contact.emial.business EXISTS\nAND profile@vip == "no"'
    assert answer["profile"] == "anna"
    whole, first, second = answer["evidence"]
    [problem] = first["problems"]
    assert (problem["severity"], first["suggestion"]) == ("warning", "data.contact.email.business")
    assert problem["message"] == "none of the profiles looked at (1) has this path"
    assert (first["value"], first["outcome"], second["outcome"]) == (None, "not met", "not met")
    assert whole["problems"] == []


def test_a_row_that_is_half_filled_in_says_so_and_is_kept(ask):
    rows = {
        "kind": "group",
        "join": "all",
        "rows": [
            {"kind": "question", "field": "", "test": "is", "type": "text", "value": "x"},
            {"kind": "question", "field": "id", "test": "greater", "type": "number", "value": "3,5"},
            {"kind": "question", "field": "id == [1] OR profile@b", "test": "exists"},
            {"kind": "question"},
            {"kind": "written", "written": "profile@id =="},
        ],
    }
    answer = ask(rows=rows).json()
    said = [[one["message"] for one in row["problems"]] for row in answer["evidence"]]
    assert said[1] == ["choose a field"]
    assert said[2] == ["this is no number; a fraction is written 3.5"]
    assert said[3] == ["this is no field: id == [1] OR profile@b"]
    assert said[4] == []
    assert said[5] == ["the condition ends too early"]
    assert '"x"' in answer["text"]
    assert "3,5" in answer["text"]


def test_a_mapping_is_made_for_the_profile_and_compared_with_the_other_system(
    ask, rows_of, http_api, resource
):
    told = {"title": "", "type": "text", "unique": False, "read_only": False, "choices": []}
    KnownFields.objects.create(
        resource=resource, use_test=False, fetched_at=timezone.now(), fields=[{**told, "name": "mail"}]
    )
    formula = {"$formula": "add(profile@id, 1)"}
    text = json.dumps({"mail": "profile@data.contact.email.business", "gone?": "profile@gone", "n": formula})
    answer = ask("mapping", rows=rows_of(text, "mapping"), resource=resource.pk, profile="anna").json()
    _whole, mail, gone, number = answer["evidence"]
    assert (mail["value"], mail["outcome"]) == ('"anna@example.com"', "met")
    assert (gone["value"], gone["outcome"]) == (None, "left out")
    assert number["outcome"] == "error"
    assert [one["severity"] for one in number["problems"]] == ["warning"]


def test_a_question_within_a_mapping_is_judged_as_in_a_condition(ask, rows_of):
    text = json.dumps({"a": {"$if": "profile@data.contcat EXISTS", "then": 1, "else": "profile@id"}})
    rows = rows_of(text, "mapping")
    [entry] = rows["rows"]
    assert (entry["source"], entry["question"]["test"]) == ("if", "exists")
    evidence = ask("mapping", rows=rows).json()["evidence"][1]
    assert (evidence["suggestion"], evidence["value"]) == ("data.contact", '"anna"')
    entry["question"] |= {"test": "last", "value": "many", "written": ""}
    [problem] = ask("mapping", rows=rows).json()["evidence"][1]["problems"]
    assert problem["message"] == "a whole number is needed here"
    entry["question"] = 1
    assert ask("mapping", rows=rows).status_code == 400


def test_two_equal_keys_are_said_at_the_second(ask, rows_of):
    rows = rows_of('{"a": "profile@id", "b": 1}', "mapping")
    rows["rows"][1]["key"] = "a"
    evidence = ask("mapping", rows=rows).json()["evidence"]
    assert [len(one["problems"]) for one in evidence] == [0, 0, 1]


def test_profiles_are_counted_for_each_row(ask, rows_of):
    for number in range(4):
        Profile(document={"id": f"n{number}", "n": number if number else "none", "m": number}).save()
    answer = ask(url=COUNTS, rows=rows_of("profile@m EXISTS AND (profile@n > 1 OR profile@m == 1)")).json()
    assert (answer["looked_at"], answer["total"]) == (5, 5)
    assert answer["met"] == [3, 4, 3, 2, 1]
    assert answer["failed"] == [1, 0, 1, 1, 0]


def test_of_many_profiles_the_same_some_are_looked_at(ask, rows_of, monkeypatch):
    monkeypatch.setattr(row_evidence, "LOOKED_AT", 5)
    for number in range(12):
        Profile(document={"id": f"n{number}", "even": number % 2 == 0}).save()
    row_evidence.forget()
    answers = [ask(url=COUNTS, rows=rows_of("profile@even == true")).json() for _time in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert (answers[0]["looked_at"], answers[0]["total"]) == (5, 13)
    row_evidence.forget()


def test_only_those_who_may_write_destinations_are_answered(ask, allow, client):
    assert ask(client=client, text="").status_code == 302
    assert ask(client=allow("destinations.view_destination"), text="").status_code == 403
    assert ask(client=allow(WRITER), text="").status_code == 200


def test_whose_values_they_are_is_said_by_name(ask, profile):
    profile.document = {**profile.document, "name": "Anna Müller"}
    profile.save()
    assert ask(rows=ask(text="profile@id EXISTS").json()["rows"]).json()["profile"] == "Anna Müller (anna)"


def test_profiles_are_shown_only_to_those_who_may_see_them(ask, allow, rows_of):
    writer = allow(WRITER)
    answer = ask(client=writer, rows=rows_of(MISSPELT), profile="anna").json()
    assert answer["profile"] == ""
    assert all(
        one["value"] is None and not one["problems"] and not one["suggestion"] for one in answer["evidence"]
    )
    assert ask(client=writer, url=COUNTS, rows=rows_of(MISSPELT)).status_code == 403


@pytest.mark.parametrize("url", [ROWS, COUNTS])
def test_a_question_needs_the_csrf_token_and_a_post(url, admin_user):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(admin_user)
    assert strict.post(reverse(url), {"kind": "condition", "text": "x"}).status_code == 403
    assert strict.get(reverse(url)).status_code == 405


GROUP = {"kind": "group", "join": "all", "rows": []}
DEEP = GROUP
for _level in range(12):
    DEEP = {**GROUP, "rows": [DEEP]}


@pytest.mark.parametrize(
    "rows",
    [
        *(None, [], {}, 1, "x", {"kind": "question"}, {**GROUP, "join": "some"}, {**GROUP, "rows": {}}),
        *({**GROUP, "rows": [GROUP] * 400}, DEEP, {**GROUP, "rows": [{"kind": "question", "field": 1}]}),
        {**GROUP, "rows": [{"kind": "written", "written": "x" * 70_000}]},
    ],
)
def test_what_is_not_made_of_rows_is_refused(rows, ask):
    for url in (ROWS, COUNTS):
        answer = ask(url=url, rows=rows)
        assert answer.status_code == 400
        assert answer.json()["error"]


@pytest.mark.parametrize("given", ["", "[" * 100_000, "nonsense"])
def test_what_is_no_json_is_refused(given, admin_client):
    for kind in ("condition", "mapping"):
        answer = admin_client.post(reverse(ROWS), {"kind": kind, "rows": given})
        assert answer.status_code == 400


def test_too_much_is_refused(admin_client):
    given = {"kind": "condition", "rows": "x" * 300_000}
    assert [admin_client.post(reverse(url), given).status_code for url in (ROWS, COUNTS)] == [413, 413]
    assert admin_client.post(reverse(ROWS), {"kind": "other", "text": ""}).status_code == 400


ENTRY = {"kind": "entry", "source": "object", "rows": []}


@pytest.mark.parametrize(
    "entry",
    [
        {"kind": "entry", "key": "a", "source": "json", "value": "[" * 60_000},
        {"kind": "entry", "key": "a", "source": "formula", "value": "(" * 60_000},
        {"kind": "entry", "key": "a", "source": "field", "field": "a[" * 20_000},
        {"kind": "entry", "key": "a", "source": "text", "value": "{{profile@" * 5_000},
        {"kind": "entry", "key": '"}', "source": "fixed", "type": "number", "value": '1, "b": 2'},
    ],
)
def test_hostile_entries_are_mistakes_of_their_row(entry, ask):
    answer = ask(
        "mapping", rows={**ENTRY, "rows": [entry, {**entry, "key": "ok", "source": "fixed", "type": "text"}]}
    ).json()
    assert [bool(one["problems"]) for one in answer["evidence"]] == [False, True, False]


def test_fields_are_found_by_any_part_of_their_path(admin_client):
    found = admin_client.get(reverse(PATHS), {"find": "BUSI"}).json()["paths"]
    assert [(one["path"], one["type"]) for one in found] == [("data.contact.email.business", "text")]


def test_all_that_rows_can_be_has_a_name():
    texts = rows_texts()
    assert sorted(name for _group, tests in texts["tests"] for name, _text in tests) == sorted(
        condition_rows.TESTS
    )
    named = {
        "joins": JOINS,
        "types": TYPES,
        "sources": SOURCES,
        "casts": mapping_rows.CASTS,
        "units": condition_rows.UNITS,
    }
    for name, values in named.items():
        assert sorted(texts[name]) == sorted(values)
