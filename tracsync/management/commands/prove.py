"""`prove`: show on this installation's own kind of database that nothing is lost and nothing stale."""

from __future__ import annotations

import argparse
import secrets
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from destinations.connectors import registry
from destinations.connectors.testing import doubles
from tracsync.common import terminal
from tracsync.prove import scratch
from tracsync.prove.plan import Plan


class Command(terminal.Command):
    is_by_hand = False
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
        parser.add_argument(
            "--connector",
            action="append",
            default=[],
            metavar="SLUG",
            help="send to a double of this connector's system instead of the receiver; may be repeated."
            f" There are {', '.join(doubles.ALL)}; a double of your own is package.module:Class",
        )
        parser.add_argument("--json", action="store_true", help="print the ledger as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        scratch.end_in_order()
        for name in options["connector"]:
            self._check(name)
        names = ("profiles", "seconds", "kills", "workers", "json")
        seed = secrets.randbelow(10**6) if options["seed"] is None else options["seed"]
        try:
            with scratch.environment() as (database, environment):
                environment["TRACSYNC_CONNECTORS_DIR"] = str(settings.TRACSYNC_CONNECTORS_DIR)
                plan = Plan(
                    seed=seed,
                    database=database,
                    connectors=tuple(dict.fromkeys(options["connector"])),
                    **{name: options[name] for name in names},
                )
                with scratch.process("tracsync.prove", plan.dumps(), environment) as process:
                    code = process.wait()
        except scratch.NoScratchError as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            sys.exit("Interrupted; everything is cleaned up.")
        sys.exit(code)

    def _check(self, name: str) -> None:
        try:
            registry.get(doubles.find(name).slug)
        except LookupError as error:
            raise CommandError(str(error)) from None


def _positive(kind: Any) -> Any:
    def parse(text: str) -> Any:
        value = kind(text)
        if value <= 0:
            raise argparse.ArgumentTypeError("must be more than 0")
        return value

    return parse
