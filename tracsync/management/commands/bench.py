"""manage.py bench: measurements, printed as tables or JSON."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import IO, Any, Final, cast

from django.core.management.base import CommandError
from rich.console import Console

from tracsync.bench import SUBJECTS
from tracsync.bench.inside import CannotMeasureError
from tracsync.common import terminal

WIDTH: Final = 130  # of tables that go to a file


class Command(terminal.Command):
    is_by_hand = False
    help = "Measure how fast this machine is at what tracsync does; docs/benchmarks.md says what it means."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        subjects = parser.add_subparsers(dest="subject", required=True, help="what to measure")
        for name, subject in SUBJECTS.items():
            own = subjects.add_parser(name, help=subject.HELP)
            own.add_argument("--json", action="store_true", help="print JSON instead of tables")
            subject.add_arguments(own)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            subject = SUBJECTS[options["subject"]]
            report = subject.run(options, lambda text: self.stderr.write(f"measuring {text} ..."))
        except CannotMeasureError as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            sys.exit("Interrupted; everything is cleaned up.")
        if options["json"]:
            self.stdout.write(json.dumps(report.as_dict(), indent=2))
        else:
            width = None if self.stdout.isatty() else WIDTH
            report.show(Console(file=cast(IO[str], self.stdout.terminal), width=width))
