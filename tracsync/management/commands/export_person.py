"""`export_person`: all that is known of one person, as one file."""

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from destinations.management import finding
from profiles.models import Profile
from tracsync.common import terminal
from tracsync.privacy.archive import archive


class Command(terminal.Command):
    help = (
        "Write all that is known of one person into a ZIP file of JSON: the profile, what each destination"
        " has of it, every push, and what people did to it. Only its owner can read the file."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("profile", help="the profile's id, or an e-mail address that only it has")
        parser.add_argument("file", type=Path, help="the file to write; there must be none yet")

    def handle(self, *args: Any, **options: Any) -> None:
        text, path = options["profile"], options["file"]
        profile = Profile.with_deleted.filter(pk=text).first() or finding.profile(text)
        content = archive(profile)
        try:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}.") from None
        with os.fdopen(file, "wb") as into:
            into.write(content)
        self.stdout.write(f"{path} is written, {len(content):,} bytes.")
