"""Import profiles from a file or from standard input."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandError
from django.db import DatabaseError, OperationalError, ProgrammingError

from profiles.imports import csv_reader, files, records, terminal_progress
from profiles.imports.csv_reader import Column
from profiles.imports.files import Source, UnusableFile
from profiles.imports.records import Import, Record
from tracsync.common import terminal


class Command(terminal.Command):
    help = """Import profiles from a file of lines (NDJSON) or rows (CSV).

A line of NDJSON is a document, which replaces the profile with its id:

    {"id": "c-1", "data": {"contact": {"email": {"main": "ann@example.com"}}}}

or values to merge into a profile, leaving everything else as it is:

    {"id": "c-1", "set": {"data": {"contact": {"phone": {"main": "555-0100"}}}}}

In CSV, --map says where in the document the cells of a column go:

    %(prog)s customers.csv --map no=id --map mail=data.contact.email.main

Blank lines and blank cells are left out, and .gz files are unpacked. It is safe to import a file again:
a document that is already stored as it is counts as unchanged, and nothing is sent because of it.

Exit codes: 0 all lines are imported, 1 lines failed or it stopped early, 2 the file or an option cannot
be used."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="the file; - is standard input")
        parser.add_argument(
            "--format",
            choices=["ndjson", "csv"],
            help="default: csv for names in .csv or .csv.gz, else ndjson",
        )
        parser.add_argument(
            "--on-error",
            choices=["stop", "skip"],
            default="stop",
            help="at a line that cannot be imported: stop (default), or report it and go on",
        )
        rows = parser.add_argument_group("CSV")
        rows.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="COLUMN=PATH",
            help='where the cells of a column go: keys joined by dots, or ["any key"]; repeat it for each '
            "column. One must go to id, unless a column is named id. Other columns are left out",
        )
        rows.add_argument(
            "--type",
            action="append",
            default=[],
            metavar="COLUMN=TYPE",
            help="number, or boolean (true/false, yes/no, 1/0); cells are text otherwise",
        )
        rows.add_argument(
            "--delimiter",
            type=_delimiter,
            metavar="CHARACTER",
            help="the character between two cells; a comma by default, tab is one",
        )
        rows.add_argument(
            "--merge", action="store_true", help="merge rows into the profiles instead of replacing them"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        columns = _columns(options)
        try:
            with files.open_source(options["file"]) as source:
                run, code = self._import(source, columns, options)
        except UnusableFile as error:
            raise CommandError(f"{options['file']} {error}", returncode=2) from None
        self.stdout.write(
            f"created {run.created}, changed {run.changed}, unchanged {run.unchanged},"
            f" failed {run.failed} in {time.monotonic() - started:.1f} s"
        )
        if code:
            sys.exit(code)

    def _import(self, source: Source, columns: list[Column], options: dict[str, Any]) -> tuple[Import, int]:
        """Import all, say why it ends where it ends early, and tell the exit code."""
        with terminal_progress.shown_on(self.stderr, source) as shown:
            run = Import(
                lambda line, error: shown.say(f"line {line}: {error}"), stop=options["on_error"] == "stop"
            )
            try:
                run.run(_records(source, columns, options), lambda: shown.update(run.line))
            except (UnusableFile, KeyboardInterrupt, DatabaseError) as error:
                if isinstance(error, UnusableFile) and not run.line:
                    raise
                shown.say(f"{_reason(error)}. {_written(run.line)}.")
                return run, 2 if isinstance(error, UnusableFile) else 1
            if run.failed and run.stop:
                shown.say(f"Stopped at line {run.line}. {_written(run.line - 1)}.")
            return run, 1 if run.failed else 0


def _reason(error: BaseException) -> str:
    if isinstance(error, UnusableFile):
        return f"The file {error}"
    if isinstance(error, KeyboardInterrupt):
        return "Interrupted"
    # Further lines of the message, and all of it where data was refused, may repeat what was written.
    shown = isinstance(error, OperationalError | ProgrammingError) and str(error).splitlines()
    return f"The database failed ({shown[0] if shown else type(error).__name__})"


def _written(line: int) -> str:
    return f"Everything up to line {line} is imported, nothing after it" if line else "Nothing is imported"


def _records(source: Source, columns: list[Column], options: dict[str, Any]) -> Iterator[Record]:
    if not columns:
        return records.read_ndjson(source)
    return csv_reader.read_csv(source, columns, options["delimiter"] or ",", options["merge"])


def _columns(options: dict[str, Any]) -> list[Column]:
    """The columns that are imported; none of NDJSON."""
    name, format = options["file"].lower(), options["format"]
    is_csv = name.removesuffix(".gz").endswith(".csv") if format is None else format == "csv"
    given = [f"--{name}" for name in ("map", "type", "delimiter", "merge") if options[name]]
    if not is_csv and given:
        raise CommandError(f"{given[0]} is for CSV: add --format csv", returncode=2)
    if is_csv and not options["map"]:
        raise CommandError("CSV needs --map COLUMN=PATH for each column to import", returncode=2)
    try:
        return csv_reader.columns_from(options["map"], options["type"]) if is_csv else []
    except ValueError as error:
        raise CommandError(str(error), returncode=2) from None


def _delimiter(text: str) -> str:
    """One character, or `tab`. Raises ArgumentTypeError."""
    text = "\t" if text in ("tab", "\\t") else text
    if len(text) != 1 or text in '"\r\n':
        raise ArgumentTypeError("one character, or tab")
    return text
