"""Plan what files would change here, or apply them."""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import CommandError
from django.db import DatabaseError

from destinations.config_files import documents, importing
from destinations.config_files.importing import Options, Outdated
from destinations.config_files.places import InvalidConfiguration
from destinations.config_files.plan import Plan
from destinations.config_files.references import Secrets
from destinations.management import plan_display
from tracsync.common import terminal

CHANGES = 2  # the exit code of a plan that is not empty


class Command(terminal.Command):
    help = """Make resources and destinations here what files say, as config_export writes them.

    %(prog)s --plan tracsync/
    %(prog)s --apply tracsync/

A plan says what would change, field by field, and how many profiles that reaches. Applying it is all or
nothing, and changes nothing the second time. What the files do not name stays; --prune deletes it.
References such as ${NAME} are filled in from the environment. Secrets are never shown.

Exit codes: 0 nothing to change, or applied; 1 something is wrong, and nothing is changed; 2 (only of --plan)
there is something to change."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        parser: Any = super().create_parser(prog_name, subcommand, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        if parser.called_from_command_line:
            # argparse ends with 2, which says here that there is something to change.
            parser.error = lambda message: parser.exit(1, f"{parser.format_usage()}Error: {message}\n")
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", metavar="PATH", help="a file, a folder, or - (YAML)")
        ways = parser.add_mutually_exclusive_group(required=True)
        ways.add_argument("--plan", action="store_true", help="say what would change, and change nothing")
        ways.add_argument("--apply", action="store_true", help="change it, all of it or nothing")
        parser.add_argument(
            "--prune",
            action="store_true",
            help="delete resources or destinations that the files do not have, if they have any of that kind",
        )
        parser.add_argument(
            "--keep-secrets",
            action="store_true",
            help="a reference that is not set in the environment keeps the secret that is stored here",
        )
        parser.add_argument(
            "--expect",
            metavar="PLAN",
            help="the name that --plan gave its plan: refuse if files or what is here have changed since",
        )
        parser.add_argument("--json", action="store_true", help="for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        secrets = Secrets(os.environ, keep=options["keep_secrets"])
        chosen = Options(secrets, prune=options["prune"], expected=options["expect"])
        try:
            wanted = documents.load(options["paths"])
            if options["plan"]:
                plan = importing.plan(wanted, chosen)
            else:
                plan = importing.apply(wanted, chosen, None)
        except InvalidConfiguration as error:
            for problem in error.problems:
                self.stderr.write(str(problem))
            raise CommandError("Nothing is changed.") from None
        except Outdated as error:
            raise CommandError(f"{error}.") from None
        except DatabaseError as error:  # its message may repeat what was written
            raise CommandError(f"The database failed ({type(error).__name__}). Nothing is changed.") from None
        self._show(plan, done=options["apply"], as_json=options["json"])
        if options["plan"] and plan.changes:
            sys.exit(CHANGES)

    def _show(self, plan: Plan, *, done: bool, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(plan.as_json(), indent=2, ensure_ascii=False))
            return
        for line in plan_display.lines(plan, done=done):
            self.stdout.write(line)
