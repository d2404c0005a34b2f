"""manage.py bench scale, with tiny tables: that it fills, measures and cleans up; never how fast."""

import io
import json
import tempfile
from statistics import median

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from destinations.connectors import registry
from destinations.models import DeliveryAttempt, Destination, ProfileSync
from profiles.models import Profile
from tests.planner import forget_statistics
from tracsync.bench import scale
from tracsync.bench.scale import fill, sink

TINY = {
    "profiles": 300,
    "owed": 300,
    "few": 30,
    "attempts": 200,
    "pushes": 100,
    "seconds": 0.3,
    "repetitions": 2,
}
TITLES = [
    "aims",
    "claiming a batch",
    "settling",
    "asking for a backfill",
    "a backfill's next batch",
    "live changes at a destination that takes 50 ms for a push",
    "one process pushes",
    "admin",
    "API",
    "on disk",
]
IS_SQLITE = connection.vendor == "sqlite"


def run(*arguments):
    out, err = io.StringIO(), io.StringIO()
    call_command("bench", "scale", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


@pytest.mark.skipif(not IS_SQLITE, reason="makes its own database on the server that it is told of")
def test_it_measures_in_a_scratch_database(monkeypatch, tmp_path):
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "tracsync.settings")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    options = [f"--{name}={value}" for name, value in TINY.items()]
    out, _ = run("--json", *options)
    report = json.loads(out)
    assert [section["title"] for section in report["sections"]] == TITLES
    aims = report["sections"][0]["rows"]
    assert {row["met"] for row in aims} <= {"yes", "no"}
    admin = next(section for section in report["sections"] if section["title"] == "admin")
    [usual] = [row["measured"] for row in aims if row["what"] == "the median page of the admin, seconds"]
    assert usual == median(row["median, s"] for row in admin["rows"])
    assert list(tmp_path.iterdir()) == []


def test_more_waiting_than_there_are_is_refused():
    with pytest.raises(CommandError, match="--few is more than --profiles"):
        run("--profiles", "10", "--few", "11")
    with pytest.raises(CommandError, match="must be more than 0"):
        run("--profiles", "0")


def test_sizes_that_are_not_given_follow_the_profiles():
    given = {"profiles": 5000, "owed": None, "few": None, "attempts": None, "pushes": None}
    chosen = scale._complete({**given, "seconds": 1.0, "repetitions": 3, "json": True})
    assert (chosen["owed"], chosen["few"], chosen["attempts"]) == (5000, 50, 5000)


@pytest.fixture
def sink_outlives_no_test(transactional_db):
    yield
    registry.forget()  # before the database is emptied, and the catalogue filled again
    forget_statistics()


def test_the_tables_are_as_the_engine_would_have_written_them(sink_outlives_no_test):
    sink.install()
    crm, shop, mail = fill.fill(fill.Sizes(300, 300, 30, 200))
    waiting = [
        ProfileSync.objects.filter(destination=one, due_at__isnull=False).count() for one in (crm, shop, mail)
    ]
    assert waiting == [300, 30, 0]
    assert ProfileSync.objects.count() == 900
    assert DeliveryAttempt.objects.count() == 200
    assert set(ProfileSync.objects.values_list("state", flat=True)) == {
        "pending",
        "synced",
        "skipped",
        "rejected",
    }
    profile = Profile.objects.get(pk=fill.profile_id(7))
    assert profile.document["id"] == profile.pk
    assert Destination.objects.count() == 3


@pytest.mark.skipif(IS_SQLITE, reason="in the scratch database of the first test")
def test_it_measures_on_postgresql(sink_outlives_no_test):
    report = scale.measure(TINY, lambda what: None)
    assert [section.title for section in report.sections] == TITLES
