"""Write what is set up here as files."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from destinations.config_files import exporting, writing
from destinations.config_files.documents import ENDINGS, KINDS
from destinations.connectors.base import ConnectorError
from tracsync.common import terminal
from tracsync.common.encryption import UndecryptableValue


class Command(terminal.Command):
    help = (
        "Write all resources and destinations as YAML or JSON: to a file, to a folder with a file for each of"
        " them, or to the standard output. Secrets are never written: in their places are references such as"
        " ${TRACSYNC_SECRET_CRM_PRODUCTION_TOKEN}, which config_import fills in from the environment."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "path",
            nargs="?",
            help=f"a file that ends in {', '.join(ENDINGS)}, or a folder; none: the standard output",
        )
        parser.add_argument(
            "--format", choices=writing.FORMATS, default="yaml", help="of the standard output and of a folder"
        )
        parser.add_argument(
            "--without-secrets",
            action="store_true",
            help="leave secrets out: what is imported keeps those that are stored there",
        )
        parser.add_argument(
            "--prune",
            action="store_true",
            help="delete files in the folder that are of resources and destinations which are here no more",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            content = exporting.configuration(references=not options["without_secrets"])
        except (ConnectorError, UndecryptableValue) as error:
            raise CommandError(f"{error}. Nothing is written.") from None
        if options["path"] is None:
            self.stdout.write(writing.dumped(content, options["format"]), ending="")
            return
        path = Path(options["path"])
        try:
            if path.suffix in ENDINGS and not path.is_dir():
                writing.write_file(path, content)
            else:
                self._tidy(writing.write_folder(path, content, options["format"]), options["prune"])
        except OSError as error:
            raise CommandError(f"{error.filename} cannot be written: {error.strerror}.") from None
        where = f"the folder {path}" if path.is_dir() else str(path)
        told = " and ".join(f"{len(content[kind])} {kind}" for kind in KINDS)
        self.stderr.write(f"{told} written to {where}.")

    def _tidy(self, others: list[Path], prune: bool) -> None:
        for path in others:
            if prune:
                path.unlink()
                self.stderr.write(f"{path}: deleted")
            else:
                self.stderr.write(f"{path}: what it is of is here no more, --prune deletes it")
