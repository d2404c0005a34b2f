"""SQLite to PostgreSQL, and what PostgreSQL's own tools bring back."""

import json
import os
import sqlite3
import subprocess
from contextlib import closing

import psycopg
import pytest

from tests.harness import Installation, Receiver, postgres_database, wait_for
from tracsync.backups import moving

MOVED = int(os.environ.get("TRACSYNC_TEST_MOVED", "30"))  # profiles; docs/backups.md has figures of 100,000
AT_ONCE = 5000

# Numbers and texts that the two databases write in ways of their own.
HARD = {
    "id": "hard",
    "numbers": [1e16, 0.1, 1.50, -0.0, 1e-7, 123456789012345678901234567890],
    "é": "ü😀'\"\\\t",
    "z": {"b": 1, "a": None},
}

# One row in every table, whatever it is for; but an erasure has finished, as the engine would go on with it.
FILL = """
import datetime, uuid
from django.apps import apps
from django.db import models
from django.utils import timezone

SAMPLES = {
    models.BooleanField: True, models.DateTimeField: timezone.now(), models.DateField: datetime.date.today(),
    models.JSONField: {"a": [1.5, 1e16]}, models.UUIDField: uuid.uuid4(), models.BinaryField: b"\\0\\xff",
    models.DurationField: datetime.timedelta(hours=1), models.GenericIPAddressField: "2001:db8::1",
    models.IntegerField: 1, models.FloatField: 0.1, models.TextField: "ü\\t'", models.CharField: "x",
}

def sample(field):
    if field.model is apps.get_model("tracsync", "Erasure") and field.name == "profile_id":
        return ""
    if field.remote_field:
        return field.related_model._base_manager.values_list("pk", flat=True).first()
    if field.choices:
        return field.flatchoices[0][0]
    return next((value for kind, value in SAMPLES.items() if isinstance(field, kind)), f"unknown: {field}")

left = [one for one in apps.get_models(include_auto_created=True) if not one._base_manager.exists()]
while left:
    model = left.pop(0)
    fields = [one for one in model._meta.concrete_fields if not isinstance(one, models.AutoField)]
    values = {one.attname: sample(one) for one in fields}
    if any(one.remote_field and not one.null and values[one.attname] is None for one in fields):
        left.append(model)  # first what it refers to
    else:
        model(**values).save_base(raw=True)
"""


@pytest.fixture
def url():
    with postgres_database() as url:
        yield url


@pytest.fixture
def made():
    """What is stopped at the end."""
    made = []
    yield lambda one: made.append(one) or one
    for one in made:
        one.close() if isinstance(one, Receiver) else one.stop()


def rows(url, statement):
    with psycopg.connect(url) as connection:
        return connection.execute(statement).fetchall()


def test_everything_is_moved_and_goes_on(tmp_path, url, made):
    receiver = made(Receiver())
    old = made(Installation(tmp_path / "old"))
    old.add_destination(receiver, quiet_period=0)
    documents = [{"id": f"p{n}", "stats": {"visits": n}} for n in range(MOVED)]
    for begin in range(0, MOVED, AT_ONCE):
        old.save_profiles(documents[begin : begin + AT_ONCE])
    old.save_profiles([HARD])
    old.python(FILL)
    backup = tmp_path / "kept.sqlite3"
    old.manage("backup", str(backup))

    keys = {name: old.environment[name] for name in ("TRACSYNC_ENCRYPTION_KEYS", "SECRET_KEY")}
    new = made(Installation(tmp_path / "new", DATABASE_URL=url, **keys))
    said = new.manage("move_to_postgres", str(backup)).stdout
    assert f"profiles_profile: {MOVED + 1:,} rows" in said
    assert said.endswith("then start.\n")
    with closing(sqlite3.connect(backup)) as before:
        tables = [name for (name,) in before.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in set(tables) - {"sqlite_sequence", "django_migrations"}:
            [(count,)] = before.execute(f'SELECT count(*) FROM "{name}"')
            noted = 1 if name == "tracsync_trailentry" else 0  # that it was moved
            assert [(count + noted,)] == rows(url, f'SELECT count(*) FROM "{name}"') != [(noted,)], name
    assert rows(url, "SELECT action, said FROM tracsync_trailentry ORDER BY id DESC LIMIT 1") == [
        ("maintained", "move_to_postgres")
    ]
    [(document,)] = rows(url, "SELECT document FROM profiles_profile WHERE id = 'hard'")
    assert document == HARD

    again = new.manage("move_to_postgres", str(backup), check=False)
    assert (again.returncode, "this database is in use" in again.stderr) == (1, True)
    new.python("""
from destinations.models import DeliveryAttempt, ProfileSync, Resource, Destination
Resource.objects.create(name="new", type_id="http_api")  # the numbers of rows go on
assert Destination.objects.filter(resource__production__isnull=False).exists()
""")
    new.start_worker()  # what waited is sent, once
    wait_for(
        lambda: {f"p{n}" for n in range(min(MOVED, 30))} <= receiver.last().keys(),
        "the pushes that had waited",
    )


def test_what_differs_is_found_and_nothing_is_kept(tmp_path, url, made, monkeypatch):
    old = made(Installation(tmp_path / "old"))
    old.save_profiles([HARD])
    backup = tmp_path / "tracsync.sqlite3"
    old.manage("backup", str(backup))
    new = made(Installation(tmp_path / "new", DATABASE_URL=url))
    new.python(f"""
import pathlib
from tracsync.backups import BackupError, moving
copied = moving._copy
def lose(reading, cursor, model):
    table = copied(reading, cursor, model)
    if table.name == "profiles_profile":
        cursor.execute("UPDATE profiles_profile SET document = document || '{{\\"z\\": 1}}'")
    return table
moving._copy = lose
try:
    moving.move(pathlib.Path({str(backup)!r}), print)
except BackupError as error:
    assert "the table profiles_profile is not the same after it was copied" in str(error), error
else:
    raise AssertionError("it was not found")
""")
    assert rows(url, "SELECT count(*) FROM profiles_profile") == [(0,)]

    with closing(sqlite3.connect(backup)) as other:
        other.execute("CREATE TABLE plugin (id)")
    refused = new.manage("move_to_postgres", str(backup), check=False)
    assert (
        "nothing is known of the table plugin, which would be left behind. Nothing has changed."
        in refused.stderr
    )
    with closing(sqlite3.connect(backup)) as other:
        other.execute("DELETE FROM django_migrations WHERE name = '0002_preferences'")
        other.commit()
    refused = new.manage("move_to_postgres", str(backup), check=False)
    assert "lacks the migration tracsync.0002_preferences: run `migrate` there first" in refused.stderr


@pytest.mark.parametrize("text", ["1e2", "100.0", "100", "1.00e+2"])
def test_a_number_is_the_same_however_it_is_written(text):
    assert moving._json(f'{{"b": {text}, "a": -0.0}}') == moving._json('{"a": 0, "b": 100}')
    assert moving._json(f"[{text}]") != moving._json("[100.00000000000000000000000000000000001]")


def test_postgres_is_brought_back_by_its_own_tools(tmp_path, url, made):
    installation = made(Installation(tmp_path / "data", DATABASE_URL=url))
    installation.save_profiles([HARD])
    dump = tmp_path / "tracsync.dump"
    refused = installation.manage("backup", str(dump), check=False)
    assert "this database is PostgreSQL" in refused.stderr
    assert "docs/backups.md" in refused.stderr
    epoch = installation.python("from destinations.models import *; print(Installation.current_epoch())")
    subprocess.run(["pg_dump", "--format=custom", f"--file={dump}", url], check=True)
    installation.save_profiles([{"id": "later"}])
    options = ["--clean", "--if-exists", "--no-owner", "--single-transaction"]
    subprocess.run(["pg_restore", *options, f"--dbname={url}", str(dump)], check=True)
    installation.manage("after_restore")
    assert rows(url, "SELECT id FROM profiles_profile") == [("hard",)]
    assert rows(url, "SELECT epoch::text FROM destinations_installation") != [(epoch.strip(),)]
    assert json.loads(json.dumps(HARD)) == rows(url, "SELECT document FROM profiles_profile")[0][0]
