"""What is written for terminals: text of others must neither command them nor reorder what is read."""

from __future__ import annotations

import logging
import re
from typing import Any, TextIO, cast

from django.core.management.base import BaseCommand, CommandError, OutputWrapper
from django.db import DatabaseError
from pythonjsonlogger.orjson import OrjsonFormatter

from tracsync.common import trail
from tracsync.common.encryption import UndecryptableValue
from tracsync.common.installation import database_problem

OWN_CHECKS = "tracsync"  # the tag of the system checks of `destinations/configuration/checks.py`

# Control characters but tabs and line ends, and those that reorder text ("Trojan Source", CVE-2021-42574).
_COMMANDS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """The text with what a terminal would obey written out, as JSON has it: ESC is \\u001b."""
    return _COMMANDS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class Output(OutputWrapper):
    """A command's output or errors. Only styles, which are put around a text here, keep their colours."""

    def __init__(self, output: OutputWrapper) -> None:
        self.terminal = cast(TextIO, output._out)  # for what draws bars and tables itself
        super().__init__(self.terminal, output.ending)
        self.style_func = output.style_func

    def write(self, msg: str = "", style_func: Any = None, ending: str | None = None) -> None:  # type: ignore[override]
        super().write(clean(str(msg)), style_func, ending)


class Command(BaseCommand):
    """The base of all commands: whatever they say, on either output, is cleaned.

    `is_by_hand`: what it does is done by whoever runs it, and stands in the trail; not what serves others.
    """

    is_by_hand = True

    # Django's own look at all pages: to import them takes a third of the start and a fifth of the memory.
    requires_system_checks: Any = (OWN_CHECKS,)

    def __setattr__(self, name: str, value: Any) -> None:
        # Django sets both, anew for each call, and its own errors go through them as well.
        if name in ("stdout", "stderr") and not isinstance(value, Output):
            value = Output(value)
        super().__setattr__(name, value)

    stdout: Output
    stderr: Output

    def execute(self, *args: Any, **options: Any) -> Any:
        name = type(self).__module__.rpartition(".")[2]
        with trail.acting(trail.shell(name) if self.is_by_hand else None):
            try:
                return super().execute(*args, **options)
            except (DatabaseError, CommandError) as error:
                is_of_database = isinstance(error, DatabaseError) or isinstance(
                    error.__context__, DatabaseError
                )
                if is_of_database and (problem := database_problem()):
                    raise CommandError(problem) from None
                raise
            except UndecryptableValue as error:
                raise CommandError(f"{error}.") from None


class LineFormatter(logging.Formatter):
    """For log lines that are read on a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return clean(super().format(record))


class JsonFormatter(OrjsonFormatter):
    """For log lines that programs read, and people, too. What is written out is the same JSON."""

    def format(self, record: logging.LogRecord) -> str:
        return clean(super().format(record))
