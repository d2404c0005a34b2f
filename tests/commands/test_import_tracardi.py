"""import_tracardi as somebody types it who moves."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError

from destinations.models import Destination, Resource
from destinations.tracardi import importing
from tests.tracardi.conftest import DESTINATIONS, RAW, RESOURCES

pytestmark = pytest.mark.django_db

SECRETS = ("k-1", "u:p@")


def run(*arguments):
    """The output, the errors and the exit code."""
    out, errors = io.StringIO(), io.StringIO()
    try:
        call_command("import_tracardi", *arguments, stdout=out, stderr=errors)
    except SystemExit as ended:
        return out.getvalue(), errors.getvalue(), ended.code
    except CommandError as error:
        return out.getvalue(), str(error), error.returncode
    return out.getvalue(), errors.getvalue(), 0


def test_dry_and_real_and_again():
    said, errors, code = run("--dry-run", RESOURCES, DESTINATIONS)
    assert (errors, code) == ("", 0)
    assert "extension HTTP API: would be installed" in said
    assert "resource CRM hook: would be created (HTTP API)" in said
    assert "destination Purchases: would be created, switched off (to CRM hook)\n  ! it is for events" in said
    assert "destination Pulsar: not imported\n  ! its resource res-gone" in said
    assert said.endswith("This was a dry run: nothing is changed. 2 need a person (!).\n")
    assert not Resource.objects.exists()

    said, _errors, code = run(RESOURCES, DESTINATIONS)
    assert "destination CRM: created (to CRM hook)" in said
    assert (Resource.objects.count(), Destination.objects.count(), code) == (2, 3, 0)

    said, _errors, _code = run(RAW)
    assert said == (
        "resource CRM hook: unchanged (HTTP API)\n"
        "destination CRM: unchanged (to CRM hook)\n"
        "Imported. Nothing is left to do.\n"
    )


def test_secrets_are_never_shown():
    shown = [*run("--dry-run", RESOURCES, DESTINATIONS), *run(RESOURCES, DESTINATIONS)]
    assert not [secret for secret in SECRETS if any(secret in str(text) for text in shown)]


def test_a_file_that_fails(tmp_path):
    path = tmp_path / "records.ndjson"
    path.write_text('{"id": "p-1", "traits": {}}\n{"id": "p-2"\n{"name": "none"}\n')
    said, errors, code = run(RESOURCES, str(path))
    assert (said, code) == ("", 1)
    assert errors.splitlines() == [
        f"{path}, line 2: not JSON: Expecting ',' delimiter at column 13",
        f"{path}, line 3: this is no resource, destination or profile of Tracardi, nor a list of them",
        "Nothing is imported.",
    ]
    assert not Resource.objects.exists()


def test_profiles_and_what_is_no_part_of_it(tmp_path):
    path = tmp_path / "dump.ndjson"
    event = {"_index": "tracardi-event-2023-1", "_id": "e-1", "_source": {"id": "e-1"}}
    path.write_text('{"id": "p-1", "traits": {}}\n' + json.dumps(event))
    assert run("--dry-run", str(path))[0].splitlines() == [
        "1 of the kind event: not imported, there is no such thing here",
        "profiles: 1 would be created, 0 would be changed, 0 unchanged",
        "This was a dry run: nothing is changed. Nothing is left to do.",
    ]
    assert "profiles: 1 created, 0 changed, 0 unchanged" in run(str(path))[0]


def test_what_is_kept_and_what_is_updated():
    run(RESOURCES, DESTINATIONS)
    Destination.objects.filter(name="CRM").update(description="mine")
    assert (
        "destination CRM: is here already, with other values, and stays (description)"
        in run(RESOURCES, DESTINATIONS)[0]
    )
    assert "destination CRM: changed (description)" in run("--update", RESOURCES, DESTINATIONS)[0]


def test_options():
    run("--off", "--wrap-data", RESOURCES, DESTINATIONS)
    crm = Destination.objects.get(name="CRM")
    assert (crm.enabled, crm.settings["body"]) == (False, {"data": "delivery@payload"})
    Destination.objects.all().delete()
    run("--resource", "res-api=CRM hook", DESTINATIONS)
    assert Destination.objects.get(name="CRM").enabled


def test_very_many_failures_are_not_all_told(tmp_path):
    path = tmp_path / "records.ndjson"
    path.write_text("{}\n{\n" * 200)
    errors = run(str(path))[1].splitlines()
    assert (len(errors), errors[-2:]) == (102, ["There may be more.", "Nothing is imported."])


@pytest.mark.parametrize("error", [KeyboardInterrupt(), DatabaseError("s3cret")])
def test_what_ends_it_meanwhile(monkeypatch, error):
    def end(*_arguments, **_options):
        raise error

    monkeypatch.setattr(importing, "run", end)
    _said, errors, code = run(RESOURCES)
    assert "start the same import again" in errors
    assert ("s3cret" in errors, code) == (False, 1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("none.json",), "none.json cannot be opened: No such file or directory"),
        (("--resource", "res-api", DESTINATIONS), "write ID=NAME"),
        (("--resource", "res-api=Nobody", DESTINATIONS), "There is no resource 'Nobody' here."),
        ((), "the following arguments are required: FILE"),
    ],
)
def test_what_cannot_be_used(arguments, said):
    _said, errors, _code = run(*arguments)
    assert said in errors
