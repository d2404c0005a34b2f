"""new_connector and check_connector, as somebody types them who adds a system."""

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from destinations.connectors.http.manifests import start
from destinations.connectors.http.manifests.reading import SCHEMA


def run(*arguments):
    out = io.StringIO()
    try:
        call_command(*arguments, stdout=out, stderr=io.StringIO())
    except CommandError as error:
        return out.getvalue(), str(error)
    return out.getvalue(), ""


def test_a_start_is_written_and_in_order(tmp_path, manifests):
    said, error = run("new_connector", "acme_crm", "--folder", str(tmp_path / "new"))
    path = tmp_path / "new" / "acme_crm.json"
    assert not error
    assert f"check_connector {path}" in said
    assert f'"$schema": "{SCHEMA}"' in said
    assert json.loads(Path(str(SCHEMA)).read_text(encoding="utf-8"))["required"]
    edits = [line for line in said.splitlines() if line.startswith("  ")]
    comments = [f"{number}. " for number in range(1, len(edits) + 1)]
    text = path.read_text(encoding="utf-8")
    assert all(f'"$comment": "{comment}' in text for comment in comments)
    said, error = run("check_connector", str(path))
    assert not error
    assert said.splitlines()[-1] == "Acme crm 0.1.0 is in order: 7 tests."
    with_schema = text.replace("{", f'{{"$schema": "{SCHEMA}",', 1)
    path.write_text(with_schema, encoding="utf-8")
    assert not run("check_connector", str(path))[1]
    path.write_text(text, encoding="utf-8")
    assert (
        run("new_connector", "acme_crm", "--folder", str(tmp_path / "new"))[1] == f"{path} is there already."
    )
    assert path.read_text(encoding="utf-8") == text


def test_it_is_written_into_the_folder_of_connectors(settings, manifests):
    settings.TRACSYNC_CONNECTORS_DIR = manifests
    assert not run("new_connector", "acme")[1]
    assert run("new_connector", "acme")[1] == "There is a connector acme already."


@pytest.mark.parametrize(
    ("slug", "says"),
    [
        ("Acme", "small letters"),
        ("../acme", "small letters"),
        ("http_api", "There is a connector http_api already."),
        ("hubspot", "There is a connector hubspot already."),
    ],
)
def test_a_slug_that_cannot_be(tmp_path, slug, says):
    assert says in run("new_connector", slug, "--folder", str(tmp_path))[1]
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert "file is there already" in run("new_connector", "acme", "--folder", str(tmp_path / "file"))[1]
    assert "cannot be written" in run("new_connector", "acme", "--folder", str(tmp_path / "file" / "a"))[1]


def test_check_warns_of_a_file_that_cannot_be_used(manifests):
    (manifests / "acme.json").write_text("{", encoding="utf-8")
    errors = io.StringIO()
    call_command("check", stdout=io.StringIO(), stderr=errors)
    assert "tracsync.W002" in errors.getvalue()
    assert "acme.json, line 1" in errors.getvalue()


def test_what_no_test_shows_is_said(tmp_path):
    run("new_connector", "acme", "--folder", str(tmp_path))
    path = tmp_path / "acme.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["read"] = {"request": {"path": "/contacts/{{delivery@remote.id}}"}, "at": "answer@contact"}
    content["fields"] = {"request": {"path": "/fields"}, "at": "answer@fields", "name": "name"}
    content["erase"] = content["remove"]
    path.write_text(json.dumps(content), encoding="utf-8")
    said, error = run("check_connector", str(path))
    assert not error
    assert said.splitlines()[-2] == "No test shows: erase, fields, read."
    del content["tests"]["cases"][-1]
    held = {"deliveries": [{"remote": {"id": "1"}}], "held": [{"email": "a@x.example"}]}
    held["exchanges"] = [{"answer": {"body": {"contact": {"email": "a@x.example"}}}}]
    content["tests"]["cases"].append({"name": "held", **held})
    path.write_text(json.dumps(content), encoding="utf-8")
    assert run("check_connector", str(path))[0].splitlines()[-2] == "No test shows: remove, erase, fields."


def test_what_is_wrong_is_said_with_its_place(tmp_path):
    run("new_connector", "acme", "--folder", str(tmp_path))
    path = tmp_path / "acme.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["push"]["request"]["path"] = "/people"
    path.write_text(json.dumps(content), encoding="utf-8")
    said, error = run("check_connector", str(path))
    assert error == "1 of 7 tests are wrong."
    assert 'exchange 1: path should be "/contacts" and is "/people"' in said
    content["pusch"] = {}
    path.write_text(json.dumps(content), encoding="utf-8")
    said, error = run("check_connector", str(path))
    assert error == "The manifest cannot be used."
    assert f"{path}: line 1: pusch is not a known field" in said
    assert "cannot be read" in run("check_connector", str(tmp_path / "none.json"))[1]


def test_it_says_where_a_changed_address_makes_a_second_record(tmp_path):
    """With an update by id there is one record, and nothing to say."""
    path = tmp_path / "acme.json"
    content = json.loads(start.text("acme"))
    path.write_text(json.dumps(content))
    assert "second record" not in run("check_connector", str(path))[0]
    del content["push"]["update"]
    content["tests"]["cases"] = [
        one for one in content["tests"]["cases"] if one["name"] != "a known contact is updated"
    ]
    path.write_text(json.dumps(content))
    said, error = run("check_connector", str(path))
    assert (error, said.splitlines()[-2].startswith("A changed address makes a second record")) == ("", True)
    content["push"]["request"]["body"] = {"id": "delivery@key", "contact": "delivery@payload"}
    content["tests"]["cases"][2]["exchanges"][0]["request"].pop("body")
    path.write_text(json.dumps(content))
    assert "second record" not in run("check_connector", str(path))[0]
