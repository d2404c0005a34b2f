"""How far an import is: a bar on a terminal, a line now and then anywhere else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from profiles.imports.files import Source
from tracsync.common.terminal import clean

PAUSE = 10  # seconds between two lines


class Bar:
    """A bar with rate and time left; it only moves to and fro while the end is unknown."""

    def __init__(self, progress: Progress, source: Source) -> None:
        self.progress = progress
        self.source = source
        self.started = time.monotonic()
        self.task = progress.add_task("", total=source.size, lines="0 lines")

    def say(self, text: str) -> None:
        self.progress.console.print(clean(text), markup=False, highlight=False, soft_wrap=True)

    def update(self, line: int) -> None:
        self.progress.update(self.task, completed=self.source.position, lines=_rate(line, self.started))


class Lines:
    """A line every few seconds."""

    def __init__(self, stderr: Any) -> None:
        self.stderr = stderr
        self.started = self.said = time.monotonic()

    def say(self, text: str) -> None:
        self.stderr.write(text)

    def update(self, line: int) -> None:
        if time.monotonic() - self.said >= PAUSE:
            self.said = time.monotonic()
            self.say(_rate(line, self.started))


def _rate(line: int, started: float) -> str:
    rate = line / max(time.monotonic() - started, 0.001)
    return f"{line:,} lines, {rate:,.0f} a second"


@contextmanager
def shown_on(stderr: Any, source: Source) -> Iterator[Bar | Lines]:
    """Where to say what happens while the source is read."""
    if not stderr.isatty():
        yield Lines(stderr)
        return
    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[lines]}"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield Bar(progress, source)
