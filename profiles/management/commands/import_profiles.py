"""Import profiles from a file or from standard input."""

from __future__ import annotations

import os
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

from django.core.management.base import CommandError
from django.db import DatabaseError, OperationalError, ProgrammingError

from profiles.imports import csv_reader, encodings, files, refused, terminal_progress, workbook
from profiles.imports import job as import_jobs
from profiles.imports import options as import_options
from profiles.imports.csv_reader import Column
from profiles.imports.files import Place, Source, UnusableFile
from profiles.imports.records import Import, Record
from tracsync.common import terminal, trail
from tracsync.common.messages import unpack
from tracsync.common.trail import Action

MOST_SAID = 20  # lines with equal mistakes that are told one by one


class Command(terminal.Command):
    help = """Import profiles from a file: JSON lines (NDJSON), a JSON list, CSV, or an Excel workbook.

A line of NDJSON is a document, which replaces the profile with its id:

    {"id": "c-1", "data": {"contact": {"email": {"main": "ann@example.com"}}}}

or values to merge into a profile, leaving everything else as it is:

    {"id": "c-1", "set": {"data": {"contact": {"phone": {"main": "555-0100"}}}}}

Of tables, encoding, places and kinds are guessed and said; --dry-run shows them and writes nothing.
With --map only the columns that it names are imported:

    %(prog)s customers.csv --dry-run
    %(prog)s customers.csv --map no=id --map mail=data.contact.email.main

Blank lines and blank cells are left out, and .gz files are unpacked. It is safe to import a file again:
a document that is already stored as it is counts as unchanged, and nothing is sent because of it.

A line that cannot be imported is refused, said with its number, and costs nothing but itself.

Exit codes: 0 all lines are imported, 1 lines were refused or it stopped early, 2 the file or an option
cannot be used."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="the file; - is standard input")
        parser.add_argument(
            "--format",
            choices=import_options.FORMATS,
            help="default: as the name and the beginning of the file say",
        )
        parser.add_argument(
            "--encoding",
            type=_encoding,
            metavar="NAME",
            help=f"{', '.join(encodings.NAMES)}; default: as the bytes of the file tell",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="read and count everything, and write nothing"
        )
        parser.add_argument(
            "--refused",
            metavar="FILE",
            help="write the lines that are refused to this file, to be mended and imported",
        )
        parser.add_argument(
            "--on-error",
            choices=["continue", "stop", "skip"],
            default="continue",
            metavar="{continue,stop}",
            help="at a line that is refused: report it and go on (default; `skip` is the earlier word for"
            " it), or stop",
        )
        rows = parser.add_argument_group("CSV and workbooks")
        rows.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="COLUMN=PATH",
            help='where the cells of a column go: keys joined by dots, or ["any key"]; repeat it for each '
            "column. One must go to id, unless a column is named id. Other columns are left out. Without "
            "--map all columns are imported to where their names lead",
        )
        rows.add_argument(
            "--type",
            action="append",
            default=[],
            metavar="COLUMN=KIND",
            help="text, number, boolean (true/false, yes/no, ja/nein, 1/0), date or list; where the first "
            "cells do not tell it: number:comma (1.234,5), number:point, date:dmy (31/12/2026), date:mdy, "
            "list:; (any separator). Of columns with --map the others are text",
        )
        rows.add_argument(
            "--delimiter",
            type=_delimiter,
            metavar="CHARACTER",
            help="the character between two cells, or tab; default: as sep= or the first lines tell",
        )
        rows.add_argument(
            "--sheet", metavar="NAME", default="", help="of a workbook; default: the first one with cells"
        )
        rows.add_argument(
            "--skip-lines",
            type=int,
            metavar="NUMBER",
            help="lines above the heading; default: as the first lines tell",
        )
        rows.add_argument(
            "--merge", action="store_true", help="merge rows into the profiles instead of replacing them"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        if options["refused"] and options["on_error"] == "stop":
            raise CommandError("--refused is not for --on-error stop, which ends at the first", returncode=2)
        try:
            with files.open_source(options["file"]) as source:
                run, code = self._import(source, *self._read_as(source, options), options)
        except UnusableFile as error:
            raise CommandError(f"{options['file']} {error}", returncode=2) from None
        dry = options["dry_run"]
        self.stdout.write(
            f"{'dry run, nothing is written: ' * dry}created {run.created}, changed {run.changed},"
            f" unchanged {run.unchanged}, failed {run.failed} in {time.monotonic() - started:.1f} s"
        )
        if not dry:
            counts = {
                name: [None, getattr(run, name)] for name in ("created", "changed", "unchanged", "failed")
            }
            trail.note(
                Action.IMPORTED,
                named=os.path.basename(options["file"]),
                of="profiles.profile",
                changes=counts,
            )
        if code:
            sys.exit(code)

    def _read_as(self, source: Source, options: dict[str, Any]) -> tuple[dict[str, Any], list[Column]]:
        """How to read it, and its columns; none of JSON. Says what was guessed. Raises UnusableFile."""
        name, delimiter = options["file"], options["delimiter"] or ""
        if source.file and source.head().startswith(workbook.MARK):
            return self._sheet(source, source.file, options)
        if options["sheet"]:
            raise CommandError("--sheet is for Excel workbooks (.xlsx)", returncode=2)
        source.make_plain(options["encoding"] or "")
        chosen = import_options.choose(name, source, options["format"] or "", delimiter)
        given = [f"--{name}" for name in ("map", "type", "delimiter", "merge") if options[name]]
        if chosen["format"] != "csv":
            if given:
                raise CommandError(f"{given[0]} is for CSV: add --format csv", returncode=2)
            return chosen, []
        if not options["encoding"]:
            source.tell_encoding()
        chosen = import_options.choose(
            name, source, "csv", delimiter, options["merge"], options["skip_lines"]
        )
        if delimiter:
            import_options.check_delimiter(source, chosen)
        chosen["written_in"] = source.written_in
        return chosen, self._columns(source, chosen, options)

    def _sheet(
        self, source: Source, file: IO[bytes], options: dict[str, Any]
    ) -> tuple[dict[str, Any], list[Column]]:
        """As `_read_as`, of a workbook."""
        for name in ("format", "encoding", "delimiter"):
            if options[name]:
                raise CommandError(f"--{name} is not for Excel workbooks (.xlsx)", returncode=2)
        source.stream, sheets = workbook.read(file, options["sheet"])
        source.can_go_back = False
        more = f", not of {', '.join(sheets[1:])}" if sheets[1:] else ""
        self.stderr.write(f"rows of the sheet {sheets[0]}{more}")
        chosen = import_options.choose(
            options["file"], source, "csv", workbook.DELIMITER, options["merge"], options["skip_lines"]
        )
        return chosen, self._columns(source, chosen, options)

    def _columns(self, source: Source, chosen: dict[str, Any], options: dict[str, Any]) -> list[Column]:
        try:
            if options["map"]:
                columns = csv_reader.columns_from(options["map"], options["type"])
            else:
                columns = _guessed(source, chosen, csv_reader.kinds_from(options["type"]))
        except ValueError as error:
            raise CommandError(str(error), returncode=2) from None
        columns = import_options.resolved(columns, source, chosen)
        if options["dry_run"] or not options["map"]:
            self._say_columns(chosen, columns)
        return columns

    def _say_columns(self, chosen: dict[str, Any], columns: Sequence[Column]) -> None:
        if "written_in" in chosen:  # of a workbook its sheet is said
            delimiter = {"\t": "tab"}.get(chosen["delimiter"], chosen["delimiter"])
            encoding = import_options.encoding_of(chosen)
            self.stderr.write(f"read as CSV in {encoding}, {delimiter} between two cells")
        for column in columns:
            self.stderr.write(f"  {column.name} -> {csv_reader.path_of(column.keys)} ({column.kind})")

    def _import(
        self, source: Source, chosen: dict[str, Any], columns: list[Column], options: dict[str, Any]
    ) -> tuple[Import, int]:
        """Import all, say why it ends where it ends early, and tell the exit code."""
        with (
            terminal_progress.shown_on(self.stderr, source) as shown,
            _refused_to(options["refused"], chosen) as keep,
        ):
            refusals = _Refusals(shown.say, keep)
            run = Import(refusals.add, options["on_error"] == "stop", options["dry_run"])
            records = import_options.records(source, chosen, Place(), columns)
            ended, last, code = "", 0, 0
            try:
                run.run(records, lambda: shown.update(run.line))
            except (UnusableFile, KeyboardInterrupt, DatabaseError) as error:
                if isinstance(error, UnusableFile) and not run.line:
                    raise
                ended, last, code = _reason(error), run.line, 2 if isinstance(error, UnusableFile) else 1
            else:
                if run.failed:
                    ended, last, code = f"Stopped at line {run.line}" * run.stop, run.line - 1, 1
            if run.failed and not run.stop:
                refusals.sum_up(run.failed, options["refused"])
            if ended:
                shown.say(f"{ended}. {self._written(last, options)}.")
            return run, code

    def _written(self, line: int, options: dict[str, Any]) -> str:
        if options["dry_run"]:
            return "Nothing is written"
        return (
            f"Everything up to line {line} is imported, nothing after it" if line else "Nothing is imported"
        )


def _guessed(source: Source, chosen: dict[str, Any], told: dict[str, str]) -> list[Column]:
    """The columns as they went last time, or as they are called. Raises ValueError, UnusableFile."""
    named = import_jobs.remembered(chosen["heading"]) or [
        [name, guess.path, guess.kind]
        for name, guess in zip(chosen["heading"], import_options.guesses(source, chosen), strict=True)
    ]
    columns = csv_reader.columns_of((name, path, told.get(name, kind)) for name, path, kind in named if path)
    if unknown := told.keys() - {column.name for column in columns}:
        names = ", ".join(column.name for column in columns) or "none"
        raise ValueError(f"there is no column {min(unknown)} that goes anywhere; those that do: {names}")
    return columns


class _Refusals:
    """What is refused, as it is told: line by line, then how many lines that were, and where they are."""

    def __init__(self, say: Callable[[str], None], keep: Callable[[Record, str], None]) -> None:
        self.say, self.keep = say, keep
        self.mistakes: list[dict[str, Any]] = []
        self.first: list[int] = []

    def add(self, record: Record, error: str) -> None:
        self.keep(record, error)
        if len(self.first) < MOST_SAID:
            self.first.append(record.line)
        if refused.group(self.mistakes, record, error)["count"] <= MOST_SAID:
            self.say(f"line {record.line}: {error}")

    def sum_up(self, count: int, kept_in: str | None) -> None:
        for one in self.mistakes:
            if one["count"] > MOST_SAID:
                lines = ", ".join(f"{line:,}" for line in one["lines"])
                self.say(f"{one['count']:,} lines (the first are {lines}): {unpack(one['reason'])}")
        were = "line was" if count == 1 else "lines were"
        lines = ", ".join(f"{line:,}" for line in self.first) + ", …" * (count > len(self.first))
        where = f"{kept_in} has" if kept_in else "With --refused FILE that file has"
        self.say(f"{count:,} {were} refused: {lines}. {where} what is to be mended and imported.")


@contextmanager
def _refused_to(name: str | None, chosen: dict[str, Any]) -> Iterator[Any]:
    """Where the lines that fail are kept, each with its reason. Raises CommandError."""
    if not name:
        yield lambda record, error: None
        return
    try:
        file = open(name, "wb")  # noqa: SIM115 (closed below; only opening may fail like this)
    except (OSError, ValueError) as error:
        raise CommandError(f"{name} cannot be written: {error}", returncode=2) from None
    heading, delimiter = chosen.get("heading", ()), chosen.get("delimiter", ",")
    with file:
        file.writelines(refused.as_file([], heading, delimiter, str))

        def keep(record: Record, error: str) -> None:
            line = record.line, error, refused.stored(record, error)[2]
            file.writelines(refused.rows([line], heading, delimiter, str))

        yield keep


def _reason(error: BaseException) -> str:
    if isinstance(error, UnusableFile):
        return f"The file {error}"
    if isinstance(error, KeyboardInterrupt):
        return "Interrupted"
    # Further lines of the message, and all of it where data was refused, may repeat what was written.
    shown = isinstance(error, OperationalError | ProgrammingError) and str(error).splitlines()
    return f"The database failed ({shown[0] if shown else type(error).__name__})"


def _encoding(text: str) -> str:
    try:
        return encodings.known(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def _delimiter(text: str) -> str:
    """One character, or `tab`. Raises ArgumentTypeError."""
    text = "\t" if text in ("tab", "\\t") else text
    if len(text) != 1 or text in '"\r\n':
        raise ArgumentTypeError("one character, or tab")
    return text
