"""The commands as an operator types them."""

import io

import pytest
from django.core.management import CommandError, call_command, get_commands, load_command_class

from destinations.connectors.base import Rejected
from destinations.management import backfill_display
from destinations.models import Backfill, ProfileSync, Replay
from destinations.operations import actions, backfill
from destinations.scheduler import loop

pytestmark = pytest.mark.django_db

OURS = sorted(name for name, app in get_commands().items() if app in ("tracsync", "profiles", "destinations"))


def run(*arguments, **options):
    out = io.StringIO()
    call_command(*arguments, stdout=out, stderr=io.StringIO(), **options)
    return out.getvalue()


def test_the_promised_commands_are_there():
    promised = {"up", "worker", "create_token", "import_profiles", "sync_profile", "backfill", "replay"}
    assert promised | {"check_destination"} <= set(OURS)


@pytest.mark.parametrize("name", OURS)
def test_help_says_what_a_command_does(name):
    command = load_command_class(get_commands()[name], name)
    assert len(command.help) > 40
    parser = command.create_parser("manage.py", name)
    own = [action for action in parser._actions if action.dest not in _every_commands_options()]
    assert all(action.help for action in own)


def _every_commands_options():
    from django.core.management.base import BaseCommand

    return {action.dest for action in BaseCommand().create_parser("", "")._actions}


class TestSyncProfile:
    def test_it_pushes_without_waiting(self, frozen, recording, make_destination, make_profile):
        make_destination()
        make_profile()
        assert run("sync_profile", "p1") == "crm: due since 12:00:00 (just now)\n"
        loop.tick()
        assert len(recording.deliveries) == 1

    def test_one_destination(self, frozen, recording, make_destination, make_profile):
        make_destination("a")
        make_destination("b")
        make_profile()
        run("sync_profile", "p1", "--destination", "b")
        assert ProfileSync.objects.get().destination.name == "b"

    def test_what_is_wrong_is_said(self, make_destination, make_profile):
        with pytest.raises(CommandError, match="There is no profile 'nobody'"):
            run("sync_profile", "nobody")
        make_profile()
        with pytest.raises(CommandError, match="no enabled destination"):
            run("sync_profile", "p1")
        make_destination("crm")
        with pytest.raises(CommandError, match=r"There is no destination 'x'. There are: crm\."):
            run("sync_profile", "p1", "--destination", "x")


class TestBackfill:
    def test_all_profiles(self, frozen, recording, make_destination, make_profile):
        make_profile("p1")
        make_profile("p2")
        make_destination()
        assert run("backfill", "crm").startswith("2 profiles will be brought up to date at crm.")
        frozen.forward(60)
        while loop.tick():
            pass
        assert len(recording.deliveries) == 2

    def test_those_changed_since(self, frozen, make_destination, make_profile):
        make_profile("old")
        frozen.forward(3600)
        make_profile("new")
        destination = make_destination()
        run("backfill", str(destination.pk), "--changed-since", "2026-03-01T12:30:00Z")
        assert Backfill.objects.get().total == 1

    def test_a_destination_that_is_off(self, make_destination):
        make_destination(enabled=False)
        assert "The destination is off" in run("backfill", "crm")

    def test_a_time_that_is_none(self, make_destination):
        make_destination()
        with pytest.raises(CommandError, match="invalid time value: 'yesterday'"):
            run("backfill", "crm", "--changed-since", "yesterday")


class TestBackfillThatRuns:
    @pytest.fixture
    def begun(self, make_destination, make_profile):
        make_profile()
        return backfill.request(make_destination())

    def test_waiting_shows_it_until_it_ends(self, recording, make_destination, make_profile, monkeypatch):
        make_profile()
        make_destination()
        monkeypatch.setattr(backfill_display.time, "sleep", lambda _: loop.tick())
        said = run("backfill", "crm", "--wait")
        assert "No worker is running" in said
        assert "0 of 1 handed over" in said
        assert "All 1 profiles are handed over" in said

    def test_on_a_terminal_there_is_a_bar(self, begun, monkeypatch):
        monkeypatch.setattr(backfill_display.time, "sleep", lambda _: loop.tick())
        out = Terminal()
        call_command("backfill", "crm", "--watch", stdout=out)
        assert "0/1" in out.getvalue()

    def test_ctrl_c_leaves_it_running(self, begun, monkeypatch):
        def interrupt(_):
            raise KeyboardInterrupt

        monkeypatch.setattr(backfill_display.time, "sleep", interrupt)
        out = io.StringIO()
        with pytest.raises(SystemExit) as ended:
            call_command("backfill", "crm", "--watch", stdout=out)
        assert ended.value.code == 130
        assert "The backfill goes on without this command" in out.getvalue()
        assert Backfill.objects.get().state == "running"

    def test_pause_resume_and_cancel(self, begun):
        assert "is paused; --resume goes on: paused since" in run("backfill", "crm", "--pause")
        assert Backfill.objects.get().state == "paused"
        assert "goes on: 0 of 1 handed over" in run("backfill", "crm", "--resume")
        assert "is cancelled" in run("backfill", "crm", "--cancel")
        assert Backfill.objects.get().state == "cancelled"
        with pytest.raises(CommandError, match="No backfill of crm is on its way"):
            run("backfill", "crm", "--cancel")

    def test_one_that_is_cancelled_meanwhile_is_no_success(self, begun, monkeypatch):
        monkeypatch.setattr(backfill_display.time, "sleep", lambda _: begun.cancel())
        with pytest.raises(CommandError, match="The backfill was cancelled at"):
            run("backfill", "crm", "--watch")

    def test_options_that_exclude_each_other(self, begun):
        with pytest.raises(CommandError, match="--changed-since is for a new backfill"):
            run("backfill", "crm", "--pause", "--changed-since", "2026-03-01T12:30:00Z")
        with pytest.raises(CommandError, match="not allowed with"):
            run("backfill", "crm", "--pause", "--cancel")


class Terminal(io.StringIO):
    def isatty(self):
        return True


class TestReplay:
    def test_what_was_rejected(self, frozen, recording, make_destination, make_profile):
        make_destination()
        make_profile()
        recording.script(Rejected("the server answered 422"))
        frozen.forward(20)
        loop.tick()
        assert run("replay", "--dry-run") == "1 would be sent again.\n"
        assert run("replay") == "1 will be sent again.\n"
        loop.tick()
        assert ProfileSync.objects.get().state == "synced"
        assert run("replay") == "0 will be sent again.\n"
        assert run("replay", "--state", "synced", "--profile", "p1") == "1 will be sent again.\n"

    def test_many_become_a_job_that_can_be_held_up(self, make_destination, make_profile, monkeypatch):
        monkeypatch.setattr(actions, "AT_ONCE", 1)
        destination = make_destination()
        for id in ("p1", "p2"):
            ProfileSync.objects.create(profile=make_profile(id), destination=destination, state="rejected")
        said = run("replay")
        pk = Replay.objects.get().pk
        assert said.startswith("2 will be sent again.\n")
        assert f"Replay {pk} hands 2 over to crm, a batch at a time" in said
        assert "is paused; --resume goes on: paused since" in run("replay", "--pause", str(pk))
        assert "goes on: 0 of 2 handed over" in run("replay", "--resume", str(pk))
        assert "is cancelled" in run("replay", "--cancel", str(pk))
        with pytest.raises(CommandError, match="The replay is cancelled already"):
            run("replay", "--pause", str(pk))
        with pytest.raises(CommandError, match="There is no replay 999"):
            run("replay", "--resume", "999")

    def test_everything_needs_a_choice(self):
        with pytest.raises(CommandError, match="--state any needs --destination or --profile"):
            run("replay", "--state", "any")


class TestCheckDestination:
    def test_in_order(self, recording, make_destination, make_profile):
        make_destination(prerequisites="profile@stats.visits > 3")
        make_profile(stats={"visits": 2})
        said = run("check_destination", "crm", "--profile", "p1")
        assert "connection: remembers 0 deliveries" in said
        assert "not met: profile@stats.visits is 2" in said
        assert '"visits": 2' in said
        assert "s3cr3t" not in said
        assert "The destination is in order." in said
        assert recording.deliveries == []

    def test_warnings_are_said_and_nothing_is_wrong(self, recording, make_destination):
        make_destination(mapping={"a": "profile.id"})
        said = run("check_destination", "crm")
        assert "warning: mapping, $.a: a reference has an @ after its source, so this is text" in said
        assert "The destination is in order." in said

    def test_not_in_order(self, recording, make_destination):
        make_destination(prerequisites="profile@stats.visits >")
        with pytest.raises(CommandError, match="not in order"):
            run("check_destination", "crm")


def test_after_a_restored_backup_all_is_sent_again_with_new_keys(
    frozen, recording, make_destination, make_profile
):
    make_destination()
    make_profile()
    frozen.forward(20)
    while loop.tick():
        pass
    call_command("after_restore")
    frozen.forward(1)
    while loop.tick():
        pass
    first, second = recording.deliveries
    assert first.payload == second.payload
    assert first.idempotency_key != second.idempotency_key
