"""`prove`: show on this installation's own kind of database that nothing is lost and nothing stale."""

from __future__ import annotations

import argparse
import secrets
import sys
from typing import Any

from django.core.management.base import CommandError, CommandParser

from tracsync.common import terminal
from tracsync.prove import scratch
from tracsync.prove.plan import Plan


class Command(terminal.Command):
    help = (
        "Test this installation's kind of database and broker under fire: in a scratch database, never in"
        " the real one, profiles change while the receiver fails and processes are killed; then a ledger"
        " shows what became of them. Ends with 0 only if nothing was lost and nothing stale was sent."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seed", type=int, help="repeat the script of an earlier run (default: random)")
        parser.add_argument(
            "--profiles", type=_positive(int), default=2000, help="how many (default: %(default)s)"
        )
        parser.add_argument(
            "--seconds",
            type=_positive(float),
            default=40.0,
            help="how long profiles change and faults happen; calming down takes about as long again"
            " (default: %(default)g)",
        )
        parser.add_argument(
            "--kills",
            action=argparse.BooleanOptionalAction,
            default=True,
            help="kill processes, empty the broker and drop database connections (default: yes)",
        )
        parser.add_argument(
            "--workers", type=_positive(int), default=2, help="how many workers run (default: %(default)s)"
        )
        parser.add_argument("--json", action="store_true", help="print the ledger as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        scratch.end_in_order()
        names = ("profiles", "seconds", "kills", "workers", "json")
        seed = secrets.randbelow(10**6) if options["seed"] is None else options["seed"]
        try:
            with scratch.environment() as (database, environment):
                plan = Plan(seed=seed, database=database, **{name: options[name] for name in names})
                with scratch.process("tracsync.prove", plan.dumps(), environment) as process:
                    code = process.wait()
        except scratch.NoScratchError as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            sys.exit("Interrupted; everything is cleaned up.")
        sys.exit(code)


def _positive(kind: Any) -> Any:
    def parse(text: str) -> Any:
        value = kind(text)
        if value <= 0:
            raise argparse.ArgumentTypeError("must be more than 0")
        return value

    return parse
