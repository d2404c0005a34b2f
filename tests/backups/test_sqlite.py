"""`backup` while everything runs, and `restore`: nothing lost, nothing stale, and nothing half replaced."""

import json
import shutil
import sqlite3
import threading
from contextlib import closing

import pytest
from django.core.management import CommandError, call_command

from tests.harness import Installation, Receiver, migrated_sqlite, wait_for
from tracsync.backups import BackupError, files

IDS = [f"p{n:02}" for n in range(20)]


def documents(visits):
    return [{"id": id, "stats": {"visits": visits}} for id in IDS]


def visits_in(path):
    with closing(sqlite3.connect(path)) as database:
        found = database.execute("SELECT id, document FROM profiles_profile ORDER BY id")
        return {id: json.loads(document)["stats"]["visits"] for id, document in found}


def test_a_backup_made_under_load_is_brought_back_and_sent(tmp_path):
    receiver, installation = Receiver(), Installation(tmp_path / "data")
    live, kept = tmp_path / "data" / "tracsync.sqlite3", tmp_path / "kept.sqlite3"
    backed_up = threading.Event()

    def change_all():
        for visits in range(1, 1000):
            installation.save_profiles(documents(visits))  # one transaction
            if backed_up.is_set():
                break

    try:
        installation.add_destination(receiver, quiet_period=0)
        worker = installation.start_worker()
        writer = threading.Thread(target=change_all)
        writer.start()
        wait_for(lambda: len(receiver.last()) == len(IDS), "the first pushes")
        said = installation.manage("backup", str(kept)).stdout
        backed_up.set()
        writer.join()
        assert f"{kept} is written" in said
        [visits] = set(visits_in(kept).values())  # all of one moment
        assert visits_in(kept).keys() == set(IDS)
        assert kept.stat().st_mode & 0o077 == 0
        installation.save_profiles(documents(visits + 1000))
        wait_for(
            lambda: {one["visits"] for one in receiver.last().values()} == {visits + 1000}, "later states"
        )

        refused = installation.manage("restore", str(kept), check=False)
        assert (refused.returncode, "a worker runs" in refused.stderr) == (1, True)
        worker.terminate()
        assert worker.wait(60) == 0
        before = {key for _, key, _ in receiver.arrivals}
        receiver.arrivals.clear()
        said = installation.manage("restore", str(kept)).stdout
        [replaced] = live.parent.glob("before-restore-*.sqlite3")
        assert f"{replaced}: delete it" in said
        assert "known profiles are sent again" in said
        assert set(visits_in(replaced).values()) == {visits + 1000}
        assert sorted(one.name for one in live.parent.glob("*restor*")) == [replaced.name]

        installation.start_worker()
        expected = dict.fromkeys(IDS, visits)
        wait_for(
            lambda: {id: one["visits"] for id, one in receiver.last().items()} == expected,
            "what was restored",
        )
        assert visits_in(live) == expected
        with closing(sqlite3.connect(live)) as database:
            [*noted] = database.execute("SELECT action FROM tracsync_trailentry WHERE said = 'after_restore'")
        assert ("maintained",) in noted
        assert not before & {key for _, key, _ in receiver.arrivals}
    finally:
        backed_up.set()
        installation.stop()
        receiver.close()


@pytest.fixture
def database(tmp_path):
    """The file of an installation without anything."""
    return shutil.copy(migrated_sqlite(), tmp_path / "tracsync.sqlite3")


def test_no_file_is_replaced_or_left_half_written(database, tmp_path):
    target = tmp_path / "kept.sqlite3"
    files.save(database, target)
    with pytest.raises(BackupError, match=r"kept\.sqlite3 exists already: choose another name"):
        files.save(database, target)
    with pytest.raises(BackupError, match="cannot be written: No such file or directory"):
        files.save(database, tmp_path / "nowhere" / "kept.sqlite3")
    (tmp_path / "other").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    with pytest.raises(BackupError, match="the database cannot be copied"):
        files.save(tmp_path / "other", tmp_path / "second.sqlite3")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.sqlite3", "other", "tracsync.sqlite3"]


def test_what_cannot_be_brought_back_is_refused(database, tmp_path):
    assert ("profiles", "0001_initial") in files.check(database)
    with pytest.raises(BackupError, match="there is no file"):
        files.check(tmp_path / "nothing")
    notes = tmp_path / "notes.txt"
    notes.write_text("shopping list")
    with pytest.raises(BackupError, match="no database of tracsync"):
        files.check(notes)
    with closing(sqlite3.connect(tmp_path / "other.sqlite3")) as other:
        other.execute("CREATE TABLE django_migrations (app, name)")
    with pytest.raises(BackupError, match="no database of tracsync"):
        files.check(tmp_path / "other.sqlite3")
    with closing(sqlite3.connect(database)) as later:
        later.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('profiles', '9999_later', '')"
        )
        later.commit()
    with pytest.raises(BackupError, match=r"was made by a later release \(9999_later\): install that one"):
        files.check(database)


def test_a_damaged_backup_is_refused(database):
    whole = database.read_bytes()
    database.write_bytes(whole[:50_000] + b"\xff" * 20_000 + whole[70_000:])
    with pytest.raises(BackupError, match="damaged"):
        files.check(database)


@pytest.mark.django_db
def test_commands_say_what_is_wrong(tmp_path):
    from django.db import connection

    command, told = (
        ("restore", "there is no file") if connection.vendor == "sqlite" else ("backup", "pg_dump")
    )
    if connection.vendor == "sqlite":
        with pytest.raises(CommandError, match=rf"{told} .*nothing\. Nothing has changed\."):
            call_command(command, tmp_path / "nothing")


def test_a_backup_is_brought_back_on_a_new_machine_before_its_keys(tmp_path):
    receiver, backup = Receiver(), tmp_path / "kept.sqlite3"
    made, new = Installation(tmp_path / "data"), Installation(tmp_path / "new")
    (tmp_path / "new" / "tracsync.sqlite3").unlink()
    try:
        made.add_destination(receiver)
        made.save_profiles(documents(7))
        made.manage("backup", str(backup))
        said = new.manage("restore", str(backup)).stdout
        assert said.startswith("warning: no key opens the secrets of crm: set the key")
        assert said.endswith("A new epoch has begun. Start the workers.\nRestored.\n")
        lacking = new.manage("check_destination", "crm", check=False)
        assert lacking.stderr.endswith("TRACSYNC_ENCRYPTION_KEYS lacks the key it was written with.\n")
        assert "Traceback" not in lacking.stderr
        assert visits_in(tmp_path / "new" / "tracsync.sqlite3") == dict.fromkeys(IDS, 7)
        assert not list((tmp_path / "new").glob("before-restore-*"))
    finally:
        for one in (made, new):
            one.stop()
        receiver.close()
