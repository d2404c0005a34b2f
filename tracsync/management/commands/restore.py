"""`restore`: bring a backup back, in a new epoch."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from tracsync.backups import BackupError, restoring
from tracsync.common import terminal


class Command(terminal.Command):
    help = (
        "Replace what the SQLite database holds by a backup. What destinations were sent since the backup is"
        " not known any more: every profile is sent to every enabled destination again, with idempotency keys"
        " that were never used before. Stop everything first. What was there is kept in a file beside it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="what `backup` has written")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            kept = restoring.restore(options["file"], self.stdout)
        except BackupError as error:
            raise CommandError(f"{error}. Nothing has changed.") from None
        before = f" What was there before is in {kept}: delete it when it is not needed." if kept else ""
        self.stdout.write(f"Restored.{before}")
