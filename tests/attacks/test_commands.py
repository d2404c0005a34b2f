"""What commands print of hostile names, documents and answers commands no terminal."""

import csv
import io
import re
from contextlib import suppress

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command, get_commands, load_command_class

from destinations.models import Destination
from profiles.models import Profile
from tests.attacks.planting import PROFILE, plant
from tests.attacks.texts import HOSTILE
from tests.common.test_terminal import OURS, obeyed, own_commands
from tests.harness import ROOT

ESCAPES = HOSTILE[6]
# Each with arguments that have it print names, documents, answers, or what it was given.
CALLS = {
    "after_restore": [[]],
    "audit": [["{destination}", "--no-wait"], [ESCAPES]],
    "backfill": [["{destination}", "--no-wait"], [ESCAPES]],
    "backup": [["/nowhere/" + ESCAPES.replace("/", "")]],
    "check_connector": [[ESCAPES], ["{folder}/broken.json"]],
    "check_destination": [["{destination}", "--profile", ESCAPES], [ESCAPES]],
    "config_export": [[], ["--only", ESCAPES]],
    "config_import": [["{folder}/config.yaml", "--dry-run"], [ESCAPES]],
    "create_token": [[ESCAPES], [ESCAPES], ["x", "--owner", ESCAPES], ["x", "--source", ESCAPES]],
    "erase": [[ESCAPES, "--yes", "--wait", "0"], [ESCAPES + "x"]],
    "export_person": [[PROFILE, "/nowhere/" + ESCAPES], [ESCAPES + "x", "/nowhere/x"]],
    "import_profiles": [["{folder}/people.csv"], ["{folder}/people.csv", "--map", f"{ESCAPES}=x"], [ESCAPES]],
    "import_tracardi": [["{folder}/config.yaml"], [ESCAPES]],
    "index_profiles": [[]],
    "move_to_postgres": [["/nowhere/" + ESCAPES]],
    "new_connector": [[ESCAPES]],
    "notices": [[], ["--test", ESCAPES]],
    "replay": [["{destination}", "--dry-run"], ["{destination}", "--profile", ESCAPES], [ESCAPES]],
    "reset_second_factor": [[ESCAPES]],
    "restore": [["/nowhere/" + ESCAPES]],
    "rotate_keys": [["--check"]],
    "set_source": [
        *(["shop", "--begins-with", ESCAPES], [ESCAPES, "--of", "-"], ["shop", "--of", ESCAPES]),
        ["shop", "--ids", "/nowhere/" + ESCAPES],
    ],
    "tokens": [[], ["--rotate", ESCAPES], ["--revoke", ESCAPES + "x"], ["--give", ESCAPES, ESCAPES]],
    "sync_profile": [[ESCAPES], [ESCAPES + "x"]],
}
NONE = {
    "up": "runs until it is stopped, and prints addresses of its own",
    "web": "the same",
    "worker": "the same",
    "prove": "works on an installation that it makes itself",
    "bench": "the same",
}
# What writes to a terminal past Output, which cleans: each of these prints figures, or cleans what it prints.
DRAWING = {
    "destinations/management/backfill_display.py",
    "profiles/imports/terminal_progress.py",
    "tracsync/bench/report.py",
    "tracsync/management/commands/bench.py",
    "tracsync/prove/printing.py",
    "tracsync/prove/run.py",
}


def test_every_command_is_tried_or_says_why_not():
    assert set(own_commands()) == {*CALLS, *NONE}


@pytest.fixture
def folder(tmp_path):
    rows = io.StringIO()
    csv.writer(rows).writerows(
        [["id", ESCAPES, f"{ESCAPES}2"], [ESCAPES, "x", "y"], [*HOSTILE[:2]], ["", ESCAPES]]
    )
    (tmp_path / "people.csv").write_text(rows.getvalue())
    (tmp_path / "config.yaml").write_text(f'"a{ESCAPES.encode("unicode_escape").decode()}": 1')
    (tmp_path / "broken.json").write_text('{"slug": "\\u001b[2J\\u009b31m", "x\\u202e": 1}')
    return tmp_path


@pytest.mark.django_db
def test_nothing_that_is_printed_commands_a_terminal(folder, capsys):
    get_user_model().objects.create_superuser("operator", password="operator")
    plant("http://127.0.0.1:9/hook")
    assert Profile.objects.filter(pk=ESCAPES).exists()
    Destination.objects.update(name=ESCAPES)
    silent = []
    for name, calls in CALLS.items():
        for call in calls:
            given = {"destination": ESCAPES, "folder": folder}
            arguments = [one.format(**given) if one.startswith("{") else one for one in call]
            with suppress(SystemExit):
                try:
                    call_command(name, *arguments)
                except CommandError as error:  # as `run_from_argv` prints it
                    load_command_class(get_commands()[name], name).stderr.write(f"CommandError: {error}")
            said = capsys.readouterr()
            text = said.out + said.err
            assert not obeyed(text), (name, call, text)
            if not text.strip():
                silent.append((name, call))
    assert silent == []


def test_who_draws_on_a_terminal_is_known():
    paths = [path for app in OURS for path in (ROOT / app).rglob("*.py")]
    drawing = re.compile(r"^\s*(?:from|import) rich\b", re.MULTILINE)
    assert {str(path.relative_to(ROOT)) for path in paths if drawing.search(path.read_text())} == DRAWING
