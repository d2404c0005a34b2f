"""Every command leaves an entry of what it changes, or says here why not."""

import json
from contextlib import contextmanager, suppress

import pytest
from django.core.management import execute_from_command_line, get_commands, load_command_class
from django.db import connection
from django.urls import reverse

from destinations.models import Audit, Backfill
from tests.common.test_terminal import own_commands
from tracsync import keys
from tracsync.common import trail
from tracsync.models import Erasure, SecondFactor
from tracsync.privacy import erasing
from tracsync.trail import commands

pytestmark = pytest.mark.django_db

READS = "It only shows something, or writes a file that is no copy of what profiles say."
SERVES = "It runs for others: what they do, and the engine, is told by itself."
APART = "It works on an installation that it makes itself."
BACKUPS = "Tested with the backups: tests/backups."
DEVELOPS = "For who develops: nothing of an installation is changed by it."
TABLES = "It makes tables as a release needs them, or clears away what nothing leads to any more."

ACTS = [["{destination}", f"--{act}"] for act in ("pause", "resume", "cancel")]

# Of ours; what each is called with, in the order in which it has to be.
CALLS = {
    "after_restore": [[]],
    "audit": [["{destination}", "--no-wait"], ["{destination}", "--resend-over", "1"]]
    + [["{destination}", f"--{act}"] for act in ("pause", "resume", "cancel")],
    "backfill": [["{destination}"]]
    + [["{destination}", f"--{act}"] for act in ("pause", "resume", "cancel")],
    "backup": [["{folder}/copy.sqlite3"]],
    "config_import": [["--apply", "{folder}/config.json"]],
    "create_token": [["night shift"]],
    "erase": [["anna", "--yes", "--wait", "0"], ["--receipt", "{receipt}", "--finish"]],
    "export_person": [["anna", "{folder}/anna.zip"]],
    "import_profiles": [["{folder}/people.json"]],
    "import_tracardi": [["{folder}/tracardi.json"]],
    "index_profiles": [[]],
    "notices": [["--test", "on call"]],
    "replay": [["--state", "any", "--destination", "{destination}"]]
    + [[f"--{act}", "{replay}"] for act in ("pause", "resume", "cancel")],
    "reset_second_factor": [["ben"]],
    "rotate_keys": [[], ["--new-key"]],
    "set_source": [["shop", "--begins-with", "an"]],
    "sync_profile": [["anna"]],
    "tokens": [["--rotate", "warehouse"], ["--give", "warehouse", "root"], ["--revoke", "warehouse"]],
}
NO_ENTRY = {
    **dict.fromkeys(("check_connector", "check_destination", "config_export", "new_connector"), READS),
    **dict.fromkeys(("up", "web", "worker"), SERVES),
    **dict.fromkeys(("bench", "prove"), APART),
    **dict.fromkeys(("move_to_postgres", "restore"), BACKUPS),
}
CALLS_OF_OTHERS = {
    "axes_reset": [[]],
    "axes_reset_ip": [["192.0.2.1"]],
    "axes_reset_ip_username": [["192.0.2.1", "ben"]],
    "axes_reset_username": [["ben"]],
    "changepassword": [["ben"]],
    "createsuperuser": [["--noinput", "--username", "eve", "--email", "eve@example.com"]],
    "flush": [["--noinput"]],
    "loaddata": [["{folder}/data.json"]],
}
NO_ENTRY_OF_OTHERS = {
    **dict.fromkeys(("axes_list_attempts", "check", "diffsettings", "dumpdata", "findstatic"), READS),
    **dict.fromkeys(("inspectdb", "showmigrations", "sendtestemail", "qinfo", "qmemory", "qmonitor"), READS),
    **dict.fromkeys(("sqlflush", "sqlmigrate", "sqlsequencereset", "generateschema", "spectacular"), READS),
    **dict.fromkeys(("qcluster", "runserver"), SERVES),
    **dict.fromkeys(("migrate", "createcachetable", "clearsessions", "collectstatic"), TABLES),
    **dict.fromkeys(("remove_stale_contenttypes",), TABLES),
    **dict.fromkeys(("axes_reset_logs", "axes_reset_failure_logs"), "tracsync keeps no such log."),
    **dict.fromkeys(("shell", "dbshell"), "Whoever has the database writes in it what they like."),
    **dict.fromkeys(("compilemessages", "makemessages", "makemigrations", "optimizemigration"), DEVELOPS),
    **dict.fromkeys(("squashmigrations", "startapp", "startproject", "test", "testserver"), DEVELOPS),
}


def test_every_command_is_known():
    assert set(own_commands()) == {*CALLS, *NO_ENTRY}
    others = set(get_commands()) - set(own_commands())
    assert others == {*CALLS_OF_OTHERS, *NO_ENTRY_OF_OTHERS}
    assert {*CALLS_OF_OTHERS} == {*commands.ACCOUNTS, *commands.OTHERS}


@pytest.fixture
def folder(tmp_path, settings, monkeypatch):
    """Files to be read, keys that can be changed, and no worker, copy or password that takes its time."""
    written = {
        "config.json": {"tracsync": 1, "resources": {"r9": RESOURCE}},
        "people.json": {"id": "bo"},
        "tracardi.json": {
            "id": "cleo",
            "traits": {},
            "metadata": {"time": {"insert": "2024-01-01T00:00:00"}},
        },
        "data.json": [{"model": "auth.group", "pk": 99, "fields": {"name": "Loaded"}}],
    }
    for name, content in written.items():
        (tmp_path / name).write_text(json.dumps(content))
    (tmp_path / keys.ENCRYPTION).write_text("\n".join(settings.TRACSYNC_ENCRYPTION_KEYS))
    settings.DATA_DIR = tmp_path
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "N3w-enough-pass")
    monkeypatch.setattr("getpass.getpass", lambda *_, **__: "N3w-enough-pass")
    # A command closes the connections when it has ended: of PostgreSQL with the transaction of this test.
    monkeypatch.setattr("django.core.management.base.connections.close_all", lambda: None)
    monkeypatch.setattr("tracsync.backups.files.save", lambda _database, path: path.touch())
    return tmp_path


RESOURCE = {"name": "R9", "type": "http_api", "credentials": {"production": {"url": "https://e.com/x"}}}


def called(name, calls, world, folder, entries):
    """Run a command as its line is typed, and answer what each call left."""
    for call in calls:
        entries()
        given = {
            "destination": world.destination.name,
            "replay": world.replay.pk,
            "folder": folder,
            "receipt": Erasure.objects.values_list("pk", flat=True).first(),
        }
        with suppress(SystemExit):  # some say by it what they found
            words = ["tracsync", name, *(word.format(**given) for word in call)]
            with followed(words):
                execute_from_command_line(words)
        yield call, entries()


@contextmanager
def followed(words):
    """As where a process begins with this line."""
    command = type(load_command_class(get_commands()[words[1]], words[1]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "execute", command.execute)  # to be as before
        commands.follow(words)
        yield


@pytest.fixture
def ready(world, django_user_model, monkeypatch):
    """What some of them need to have something to do."""
    django_user_model.objects.create_superuser("root")
    SecondFactor.objects.create(user=world.user, seed="seed", mark="m")
    monkeypatch.setattr("destinations.insight.payloads.held.offered", lambda *_: True)
    monkeypatch.setattr(erasing, "look", lambda erasure: erasure)
    return world


@pytest.mark.parametrize("name", CALLS)
def test_a_command_leaves_an_entry_of_whoever_runs_it(name, ready, folder, entries):
    if name == "backup" and connection.vendor != "sqlite":
        pytest.skip("PostgreSQL has commands of its own for it")
    if name == "audit":
        Audit.objects.all().delete()
    if name == "backfill":
        Backfill.objects.all().delete()
    for call, left in called(name, CALLS[name], ready, folder, entries):
        assert left, call
        assert {(one.face, one.actor_kind) for one, _within in left} == {("command", "shell")}


@pytest.mark.parametrize("name", CALLS_OF_OTHERS)
def test_so_does_one_of_a_package_that_changes_who_comes_in(name, ready, folder, entries, monkeypatch):
    if name == "flush":  # of a whole database: what it does is not what is tried here
        monkeypatch.setattr("django.core.management.commands.flush.Command.handle", lambda *_, **__: None)
    for call, left in called(name, CALLS_OF_OTHERS[name], ready, folder, entries):
        assert left, call
        [entry] = {one for one, _within in left}
        assert (entry.face, entry.actor_kind, entry.said) == ("command", "shell", name)


def test_up_tells_that_it_made_a_superuser(entries, db):
    from tracsync.management.commands.up import Command

    Command()._sign_in()
    [(entry, _within)] = entries()
    assert (entry.action, entry.kind, entry.said) == ("created", "auth.user", "up")


def test_the_list_says_which_command_and_what_it_was_given(admin_client):
    with trail.acting(trail.shell("axes_reset_username")):
        trail.note(trail.Action.MAINTAINED, named="ben")
    page = admin_client.get(reverse("admin:tracsync_trailentry_changelist")).content.decode()
    assert "axes_reset_username ben" in page
