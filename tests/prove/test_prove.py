"""`prove` itself, in short: whole installations under fire, by the command that operators have."""

import gc
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.harness import PATIENCE, POSTGRES, ROOT, missing, need_redis, wait_for
from tracsync.prove import printing
from tracsync.prove.__main__ import main as prove_main
from tracsync.prove.ledger import Row
from tracsync.prove.plan import Plan
from tracsync.prove.run import Result

LONGEST = 1200.0  # seconds; a run that gets nowhere gives up by itself
KILLED = {"clock", "notices", "worker", "pusher", "monitor", "sentinel", "supervisor", "broker emptied"}


def environment(directory, stack):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TRACSYNC_")}
    clean.update(DJANGO_SETTINGS_MODULE="tracsync.settings", TRACSYNC_DATA_DIR=str(directory))
    if stack == "sqlite":
        return clean
    need_postgres()
    return {**clean, "DATABASE_URL": POSTGRES, "REDIS_URL": need_redis()}


def need_postgres():
    import psycopg

    try:
        psycopg.connect(POSTGRES).close()
    except psycopg.OperationalError as error:
        missing("PostgreSQL", error)


def prove(environment, *options):
    return subprocess.Popen(
        [sys.executable, "manage.py", "prove", *options],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("stack", ["sqlite", "postgres and redis"])
def test_nothing_is_lost_or_stale(stack, tmp_path):
    run = prove(environment(tmp_path, stack), "--seed=8", "--profiles=200", "--seconds=10", "--json")
    out, said = run.communicate(timeout=LONGEST)
    assert run.returncode == 0, out + said
    assert not (tmp_path / "tracsync.sqlite3").exists(), "the real database is not touched"
    ledger = json.loads(out)
    assert ledger["proven"] is True
    assert ledger["owed"] == 0
    of_the_server = {"connections dropped", "row held"} if stack != "sqlite" else set()
    assert set(ledger["faults"]) == KILLED | of_the_server
    for row in ledger["destinations"]:
        assert row["expected"] == row["delivered"] + row["refused"] > 0
        assert (row["lost"], row["left"], row["stale"], row["reused"], row["needless"]) == (0, 0, 0, 0, 0)
        assert (row["removed"] > 0) == (row["destination"] == "emptied")
        assert row["refused"] == 0 or row["destination"] == "choosy"
    answers = ledger["answers"]
    assert answers["401"]
    assert answers["422 to everything"] >= 5
    assert answers["200 with a body that drips"]


def test_ctrl_c_leaves_nothing_behind(tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    run = prove({**environment(tmp_path, "sqlite"), "TMPDIR": str(scratch)}, "--profiles=100")
    wait_for(lambda: list(scratch.glob("*/workers.log")), "running workers")
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=PATIENCE)
    assert (run.returncode, "everything is cleaned up" in said) == (1, True), said
    assert list(scratch.iterdir()) == []
    wait_for(lambda: not left_behind(scratch), "the end of all processes")


def left_behind(directory):
    """The processes that work in this directory."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):  # it has ended meanwhile
            if (
                entry.name.isdigit()
                and f"TRACSYNC_DATA_DIR={directory}".encode() in (entry / "environ").read_bytes()
            ):
                found.append(entry.name)
    return found


@pytest.mark.parametrize(
    ("as_json", "told"), [(True, '"proven": true'), (False, "Nothing lost, nothing stale, in 7 s.")]
)
def test_what_came_of_it_is_printed_as_asked(as_json, told, monkeypatch, capsys):
    plan = Plan(seed=8, profiles=3, seconds=1.0, kills=True, workers=1, json=as_json, database="scratch")
    result = Result(plan, [Row("crm", expected=3, delivered=3)], {"clock": 2}, {"200": 3}, 0, 7.0)
    monkeypatch.setattr("tracsync.prove.run.run", lambda given: result if given.seed == 8 else None)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(gc, "disable", lambda: None)
    assert prove_main(plan.dumps()) == 0
    assert told in capsys.readouterr().out


@pytest.mark.parametrize(
    ("row", "waiting", "verdict"),
    [
        (Row("crm", expected=3, delivered=3), 0, "Nothing lost, nothing stale, in 7 s."),
        (Row("crm", expected=3, delivered=2, lost=1), 0, "Not proven. Repeat it with --seed 8."),
        (Row("crm", expected=3, delivered=3), 2, "Not proven, 2 still waiting. Repeat it with --seed 8."),
    ],
)
def test_people_get_a_table_and_a_verdict(row, waiting, verdict, capsys):
    plan = Plan(seed=8, profiles=3, seconds=1.0, kills=True, workers=1, json=False, database="scratch")
    printing.as_table(Result(plan, [row], {"clock": 2}, {"200": 3}, waiting, 7.0))
    out = capsys.readouterr().out
    assert "delivered" in out
    assert "Faults: 2 × scheduler" in out
    assert "Answers: 3 × 200" in out
    assert verdict in out
