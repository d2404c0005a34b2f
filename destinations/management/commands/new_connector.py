import re
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from destinations.connectors import registry
from destinations.connectors.http.manifests import reading, start
from tracsync.common import terminal

SLUG = re.compile(r"[a-z][a-z0-9_]{1,49}")


class Command(terminal.Command):
    help = (
        "Write a manifest to begin with, for a system with a JSON API. Its comments say what to change; docs/"
        "manifests.md goes through them. Nothing is overwritten."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="what programs call it: small letters, digits and _")
        parser.add_argument(
            "--folder", type=Path, help="where to write it, instead of TRACSYNC_CONNECTORS_DIR"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        slug = options["slug"]
        if not SLUG.fullmatch(slug):
            raise CommandError("A slug is 2 to 50 small letters, digits and _, beginning with a letter.")
        if registry.origin(slug) is not None:
            raise CommandError(f"There is a connector {slug} already.")
        folder: Path = options["folder"] or settings.TRACSYNC_CONNECTORS_DIR
        path = folder / f"{slug}.json"
        try:
            if not folder.is_dir():
                folder.mkdir(mode=0o700, parents=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(start.text(slug))
        except FileExistsError:
            raise CommandError(f"{path if folder.is_dir() else folder} is there already.") from None
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}") from None
        self.stdout.write(f"{path} is a connector that works with an invented system. What to change:")
        for number, edit in enumerate(start.EDITS, 1):
            self.stdout.write(f"  {number}. {edit}")
        self.stdout.write(f"After each step: manage.py check_connector {path}")
        self.stdout.write(f'Editors complete and check with "$schema": "{reading.SCHEMA}" at its top')
