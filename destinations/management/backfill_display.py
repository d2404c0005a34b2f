"""Waiting for a backfill on the command line: a bar on a terminal, a line now and then anywhere else."""

from __future__ import annotations

import time
from typing import IO, Any, cast

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn
from rich.progress import Progress as Bars
from rich.text import Text

from destinations.models import Backfill
from destinations.operations import progress
from tracsync.common.jobs import Progress
from tracsync.common.terminal import Output
from tracsync.common.times import duration

LOOK_EVERY = 0.5  # seconds
LINE_EVERY = 10.0


class Pace(ProgressColumn):
    """Rate and time left as every other face shows them."""

    def render(self, task: Task) -> Text:
        shown: Progress = task.fields["shown"]
        rate = "" if shown.rate is None else f"{shown.rate:,.0f} a second"
        left = "" if shown.left is None else f"about {duration(shown.left)} left"
        return Text(", ".join(filter(None, [rate, left])) or "…")


def watch(pk: int, stdout: Output) -> Backfill:
    """Show how far it is until it has ended. KeyboardInterrupt passes through."""
    return _draw(pk, Console(file=cast(IO[str], stdout.terminal))) if stdout.isatty() else _say(pk, stdout)


def _draw(pk: int, console: Console) -> Backfill:
    columns = (BarColumn(), MofNCompleteColumn(), Pace(), TextColumn("{task.fields[state]}"))
    with Bars(*columns, console=console, transient=True) as bars:
        backfill = _look(pk)
        task = bars.add_task("", total=None, **_fields(backfill))
        while backfill.finished_at is None:
            total = max(backfill.total, backfill.done)
            bars.update(task, completed=backfill.done, total=total, **_fields(backfill))
            time.sleep(LOOK_EVERY)
            backfill = _look(pk)
    return backfill


def _fields(backfill: Backfill) -> dict[str, Any]:
    state = "" if backfill.state == Backfill.State.RUNNING else backfill.state
    return {"shown": progress.measure(backfill), "state": state}


def _say(pk: int, stdout: Output) -> Backfill:
    backfill, said = _look(pk), 0.0
    while backfill.finished_at is None:
        if time.monotonic() - said >= LINE_EVERY:
            said = time.monotonic()
            stdout.write(progress.measure(backfill).summary)
        time.sleep(LOOK_EVERY)
        backfill = _look(pk)
    return backfill


def _look(pk: int) -> Backfill:
    """With the destination, which may be what the backfill waits for."""
    found = Backfill.objects.select_related("destination__resource", "destination__health")
    secrets = ("destination__settings", "destination__resource__production", "destination__resource__test")
    return found.defer(*secrets).get(pk=pk)
