"""`backup`: a copy of the database while everything runs."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from tracsync.backups import BackupError, files, restoring
from tracsync.common import terminal, trail
from tracsync.common.installation import command
from tracsync.common.trail import Action


class Command(terminal.Command):
    help = (
        "Write a copy of the SQLite database as it is at one moment, while everything runs. It has everything"
        " but the keys, which are to be kept elsewhere. It holds personal data: only its owner can read it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the file to write; there must be none yet")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            files.save(restoring.database_file(), path)
        except BackupError as error:
            raise CommandError(f"{error}.") from None
        trail.note(Action.EXPORTED, named=path.name)
        self.stdout.write(
            f"{path} is written, {path.stat().st_size:,} bytes. {command('restore')} brings it back."
        )
