"""Import resources, destinations and profiles from Tracardi."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import CommandError
from django.db import DatabaseError

from destinations.configuration.revisions import Stale
from destinations.management import finding
from destinations.models import Resource
from destinations.tracardi import importing
from destinations.tracardi.configuring import Options
from destinations.tracardi.counterparts import Wishes
from destinations.tracardi.report import Entry, Report
from profiles.imports.files import UnusableFile
from tracsync.common import terminal, trail
from tracsync.common.trail import Action

DONE = {"created": "created", "changed": "changed", "unchanged": "unchanged"}
WOULD_BE = {"created": "would be created", "changed": "would be changed", "unchanged": "unchanged"}
AGAIN = "What is written already stays: start the same import again."
OTHERWISE = {"kept": "is here already, with other values, and stays", "left out": "not imported"}


class Command(terminal.Command):
    help = """Import resources, destinations and profiles from Tracardi.

The files hold answers of its API (/resources, /destinations ...) or records of its database, as JSON or
JSON lines, packed (.gz) or not; in which order does not matter:

    %(prog)s --dry-run resources.json destinations.json profiles.ndjson

What is left for a person to do is said with a "!", and what needs that is switched off until then. All files
are checked first; where one record cannot be read nothing is imported. It is safe to import the same files
again. Secrets are never shown.

Exit codes: 0 imported, also where something is left to do; 1 nothing is imported, a record cannot be read;
2 a file or an option cannot be used."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE", help="a file that Tracardi's data are in")
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would happen, and change nothing"
        )
        parser.add_argument(
            "--off", action="store_true", help="switch all destinations off: nothing is sent until you say so"
        )
        parser.add_argument(
            "--update",
            action="store_true",
            help="change resources and destinations that are here under the same name; otherwise they stay",
        )
        parser.add_argument(
            "--wrap-data",
            action="store_true",
            help='HTTP calls carry {"data": ...} as in Tracardi 0.9; its list of changes is not offered',
        )
        parser.add_argument(
            "--resource",
            action="append",
            default=[],
            type=_resource,
            metavar="ID=NAME",
            help="the resource here (slug, name or number) that has this id in Tracardi, where none of the"
            " files holds it",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = Options(
            update=options["update"],
            off=options["off"],
            resources={id: _known(name) for id, name in options["resource"]},
            wishes=Wishes(wraps_data=options["wrap_data"]),
        )
        try:
            report = importing.run(options["files"], chosen, dry_run=options["dry_run"])
        except UnusableFile as error:
            raise CommandError(f"{error}. Nothing is imported.", returncode=2) from None
        except Stale:
            raise CommandError("Somebody edits the same at this moment. Nothing is imported.") from None
        except DatabaseError as error:  # its message may repeat what was written
            raise CommandError(f"The database failed ({type(error).__name__}). {AGAIN}") from None
        except KeyboardInterrupt:
            raise CommandError(f"Interrupted. {AGAIN}") from None
        if report.profiles and not options["dry_run"]:
            counts = {name: [None, count] for name, count in report.profiles.items()}
            names = ", ".join(map(os.path.basename, options["files"]))
            trail.note(Action.IMPORTED, named=names, of="profiles.profile", changes=counts)
        self._show(report, options["dry_run"])
        if report.failures:
            sys.exit(1)

    def _show(self, report: Report, dry_run: bool) -> None:
        for failure in report.failures:
            self.stderr.write(failure)
        if len(report.failures) == importing.MOST_FAILURES:
            self.stderr.write("There may be more.")
        if report.failures and not report.entries:
            self.stderr.write("Nothing is imported.")
            return
        for name in report.installed:
            self.stdout.write(f"extension {name}: {'would be installed' if dry_run else 'installed'}")
        for entry in report.entries:
            self._show_entry(entry, dry_run)
        for kind, count in sorted(report.others.items()):
            self.stdout.write(f"{count} of the kind {kind}: not imported, there is no such thing here")
        if report.profiles:
            counts = ", ".join(f"{report.profiles[kind]} {words}" for kind, words in _words(dry_run).items())
            self.stdout.write(f"profiles: {counts}")
        self.stdout.write(_summary(report, dry_run))

    def _show_entry(self, entry: Entry, dry_run: bool) -> None:
        words = (_words(dry_run) | OTHERWISE)[entry.outcome]
        detail = f" ({entry.detail})" if entry.detail else ""
        off = ", switched off" if entry.is_off and entry.outcome in ("created", "changed") else ""
        self.stdout.write(f"{entry.kind} {entry.name}: {words}{off}{detail}")
        for mark, texts in (("!", entry.findings.needs), ("-", entry.findings.notes)):
            for text in dict.fromkeys(texts):
                self.stdout.write(f"  {mark} {text}")


def _words(dry_run: bool) -> dict[str, str]:
    return WOULD_BE if dry_run else DONE


def _summary(report: Report, dry_run: bool) -> str:
    need = len(report.needing)
    needing = f"{need} need a person (!)." if need != 1 else "1 needs a person (!)."
    said = "This was a dry run: nothing is changed." if dry_run else "Imported."
    return f"{said} {needing if need else 'Nothing is left to do.'}"


def _known(name: str) -> str:
    """The name of the resource that is called so. Raises CommandError."""
    found = finding.find(Resource, name)
    if found is None:
        raise CommandError(f"There is no resource {name!r} here.", returncode=2)
    return found.name


def _resource(text: str) -> tuple[str, str]:
    """An id and a name. Raises ArgumentTypeError."""
    id, sign, name = text.partition("=")
    if not id or not sign or not name:
        raise ArgumentTypeError("write ID=NAME")
    return id, name
