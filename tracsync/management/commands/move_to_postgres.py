"""`move_to_postgres`: from one machine with SQLite to PostgreSQL."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from tracsync.backups import BackupError, moving
from tracsync.common import terminal, trail
from tracsync.common.trail import Action


class Command(terminal.Command):
    help = (
        "Fill the empty PostgreSQL database of DATABASE_URL with all that an SQLite database holds, which"
        " `backup` has written after everything was stopped. Every table is read back and compared, by counts"
        " and hashes, before anything is kept. Nothing is sent again: what waited goes on waiting."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="what `backup` has written")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            moving.move(options["file"], self._say)
        except BackupError as error:
            raise CommandError(f"{error}. Nothing has changed.") from None
        trail.note(Action.MAINTAINED, named=options["file"].name)
        self.stdout.write("All tables are there and the same. The same keys have to be set here; then start.")

    def _say(self, table: moving.Table) -> None:
        if table.rows:
            self.stdout.write(f"{table.name}: {table.rows:,} rows, {table.digest[:16]}")
