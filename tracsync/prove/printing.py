"""Showing a result: a table for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, fields

from rich.console import Console
from rich.table import Table

from tracsync.prove.ledger import Row
from tracsync.prove.run import Result
from tracsync.prove.scratch import installation

COLUMNS = tuple(field.name for field in fields(Row))[1:]
ALARMING = ("lost", "left", "stale", "reused", "needless")
SHOWN = {"clock": "scheduler"}  # JSON keeps the older word: programs read it
WIDTH = 150  # of what goes into a file


def as_json(result: Result) -> str:
    plan = result.plan
    return json.dumps(
        {
            "seed": plan.seed,
            "profiles": plan.profiles,
            "installation": installation(),
            "proven": result.proven,
            "owed": result.waiting,
            "seconds": round(result.seconds, 1),
            "faults": result.faults,
            "answers": result.answers,
            "destinations": [asdict(row) for row in result.rows],
        },
        indent=2,
    )


def as_table(result: Result) -> None:
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    table = Table(title=f"{installation()}, seed {result.plan.seed}", title_justify="left")
    table.add_column("destination")
    for name in COLUMNS:
        table.add_column(name, justify="right")
    for row in result.rows:
        values = asdict(row)
        alarms = {name: f"[bold red]{values[name]}[/]" for name in ALARMING if values[name]}
        table.add_row(row.destination, *(alarms.get(name, str(values[name])) for name in COLUMNS))
    console.print(table)
    faults = {SHOWN.get(kind, kind): count for kind, count in result.faults.items()}
    console.print(f"Faults: {_listed(faults)}", soft_wrap=True)
    console.print(f"Answers: {_listed(result.answers)}", soft_wrap=True)
    console.print(_verdict(result), soft_wrap=True)


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} × {name}" for name, count in counts.items()) or "none"  # noqa: RUF001


def _verdict(result: Result) -> str:
    if result.proven:
        return f"[green]Nothing lost, nothing stale[/], in {result.seconds:.0f} s."
    waiting = f", {result.waiting} still waiting" if result.waiting else ""
    return f"[bold red]Not proven{waiting}.[/] Repeat it with --seed {result.plan.seed}."
