"""config_export and config_import as somebody types them, or CI does."""

from __future__ import annotations

import io
import json
import os

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError

from destinations import configuration
from destinations.config_files import importing
from destinations.models import Destination, Resource
from tests.config_files.conftest import MARKER, SECRETS

pytestmark = pytest.mark.django_db

QUICKER = "tracsync: 1\ndestinations: {business: {quiet_period: 9, description: 'two\n\n  lines'}}"


def run(command, *arguments):
    """The output, the errors and the exit code."""
    out, errors = io.StringIO(), io.StringIO()
    try:
        call_command(command, *map(str, arguments), stdout=out, stderr=errors)
    except SystemExit as ended:
        return out.getvalue(), errors.getvalue(), ended.code
    except CommandError as error:
        return out.getvalue(), errors.getvalue() + str(error), error.returncode
    return out.getvalue(), errors.getvalue(), 0


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name, secret in SECRETS.items():
        monkeypatch.setitem(os.environ, name, secret)


@pytest.fixture
def quicker(tmp_path):
    path = tmp_path / "quicker.yaml"
    path.write_text(QUICKER)
    return path


def test_there_and_back(newsletter, tmp_path):
    folder = tmp_path / "configuration"
    said, told, code = run("config_export", folder)
    assert (said, told, code) == ("", f"1 resources and 1 destinations written to the folder {folder}.\n", 0)
    assert [str(path.relative_to(folder)) for path in sorted(folder.rglob("*.yaml"))] == [
        "destinations/business.yaml",
        "resources/newsletter.yaml",
    ]
    nothing = ("Nothing to change: everything is as the files have it.\n", "", 0)
    assert run("config_import", "--plan", folder) == nothing

    Destination.objects.all().delete()
    Resource.objects.all().delete()
    planned, _told, code = run("config_import", "--plan", folder)
    assert (code, Resource.objects.count()) == (2, 0)
    assert planned.startswith("+ resource newsletter (Newsletter)\n    slug: ")
    assert '    credentials.production.token: "********"\n' in planned
    assert "+ destination business (Business)\n" in planned
    assert "    profiles: 0 meet the prerequisites, 0 would be sent by a backfill\n" in planned
    assert planned.endswith("2 to create, 0 to change, 0 to delete. Nothing is changed yet.\n")
    done, _told, code = run("config_import", "--apply", folder)
    assert (code, Destination.objects.count()) == (0, 1)
    assert "Applied: 2 created, 0 changed, 0 deleted.\n" in done
    assert "manage.py backfill business\n" in done
    assert run("config_import", "--apply", folder) == nothing
    assert MARKER not in planned + done


@pytest.mark.parametrize("name", ["all.yaml", "all.json"])
def test_one_file(newsletter, tmp_path, name):
    assert run("config_export", tmp_path / name)[2] == 0
    assert run("config_import", "--plan", tmp_path / name)[2] == 0
    said, _told, _code = run("config_export", "--format", name.partition(".")[2])
    assert said == (tmp_path / name).read_text()
    assert MARKER not in said


def test_a_plan_for_people_and_for_programs(newsletter, quicker):
    said, _told, code = run("config_import", "--plan", quicker)
    assert code == 2
    assert said.splitlines()[:-1] == [
        "~ destination business (Business)",
        "    description:",
        "      - Only business.",
        "      - ",
        "      -   With a blank line, and ${nothing}.",
        "      - ",
        "      + two",
        "      + lines",
        "    quiet_period: 0.5 -> 9.0",
    ]
    as_json, _told, code = run("config_import", "--plan", "--json", quicker)
    plan = json.loads(as_json)
    assert (code, plan["unchanged"], plan["installs"], len(plan["changes"])) == (2, 0, [], 1)
    assert plan["changes"][0]["differences"][1] == {
        "path": "quiet_period",
        "before": 0.5,
        "after": 9,
        "secret": False,
    }
    assert said.splitlines()[-1].startswith(f"Plan {plan['fingerprint']}: ")


def test_no_name_adds_a_line_to_a_plan(newsletter, tmp_path):
    path = tmp_path / "named.yaml"
    name = "Business)\nNothing to change: everything is as the files have it."
    path.write_text(json.dumps({"tracsync": 1, "destinations": {"business": {"name": name}}}))
    said, _told, _code = run("config_import", "--plan", path)
    assert not [line for line in said.splitlines() if line.startswith("Nothing")]


def test_apply_what_was_planned(newsletter, quicker):
    plan = json.loads(run("config_import", "--plan", "--json", quicker)[0])
    row = Destination.objects.get()
    row.max_wait = 60
    configuration.save(row)
    said, told, code = run("config_import", "--apply", "--expect", plan["fingerprint"], quicker)
    assert (said, code) == ("", 1)
    assert "have changed since that plan: plan again. Nothing is changed" in told
    plan = json.loads(run("config_import", "--plan", "--json", quicker)[0])
    assert run("config_import", "--apply", "--expect", plan["fingerprint"], quicker)[2] == 0
    row.refresh_from_db()
    assert (row.quiet_period, row.max_wait) == (9, 60)


def test_mistakes(newsletter, tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text("tracsync: 1\ndestinations:\n  business:\n    quiet_perod: 9\n")
    for way in ("--plan", "--apply"):
        said, told, code = run("config_import", way, path)
        assert (said, code) == ("", 1)
        assert told == (
            f"{path}, line 4, destinations.business.quiet_perod: there is no such key: is quiet_period"
            " meant?\nNothing is changed."
        )


def test_secrets_that_are_not_set(newsletter, tmp_path, monkeypatch):
    run("config_export", tmp_path)
    monkeypatch.delitem(os.environ, "TRACSYNC_SECRET_NEWSLETTER_TEST_TOKEN")
    _said, told, code = run("config_import", "--plan", tmp_path)
    assert (code, "${TRACSYNC_SECRET_NEWSLETTER_TEST_TOKEN} is not set" in told) == (1, True)
    assert run("config_import", "--plan", "--keep-secrets", tmp_path)[2] == 0
    run("config_export", "--without-secrets", tmp_path)
    assert "TRACSYNC_SECRET" not in (tmp_path / "resources/newsletter.yaml").read_text()
    assert run("config_import", "--plan", tmp_path)[2] == 0


def test_prune(newsletter, tmp_path):
    run("config_export", tmp_path)
    file = tmp_path / "destinations/business.yaml"
    file.unlink()
    (tmp_path / "destinations.yaml").write_text("tracsync: 1\ndestinations: {}\n")
    assert run("config_import", "--plan", tmp_path)[2] == 0
    said, _told, code = run("config_import", "--plan", "--prune", tmp_path)
    assert code == 2
    assert "- destination business (Business)\n    profiles: 0 were sent and stay" in said
    assert run("config_import", "--apply", "--prune", tmp_path)[2] == 0
    assert not Destination.objects.exists()

    (tmp_path / "resources/old.yaml").write_text("tracsync: 1\nresources: {}\n")
    assert "old.yaml: what it is of is here no more" in run("config_export", tmp_path)[1]
    assert "old.yaml: deleted" in run("config_export", "--prune", tmp_path)[1]
    assert not (tmp_path / "resources/old.yaml").exists()


def test_where_nothing_can_be_written(newsletter, tmp_path):
    (tmp_path / "file").write_text("")
    said, told, code = run("config_export", tmp_path / "file" / "all.yaml")
    assert (said, code) == ("", 1)
    assert "cannot be written" in told


def test_a_database_that_fails_is_said_without_its_words(newsletter, quicker, monkeypatch):
    def broken(*_args, **_options):
        raise DatabaseError("token-m4rk3r")

    monkeypatch.setattr(importing, "apply", broken)
    _said, told, code = run("config_import", "--apply", quicker)
    assert (told, code) == ("The database failed (DatabaseError). Nothing is changed.", 1)
