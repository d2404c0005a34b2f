"""`rotate_keys`: everything that is encrypted, written again under the first key."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from tracsync import keys
from tracsync.common import terminal, trail
from tracsync.common.installation import command
from tracsync.common.trail import Action
from tracsync.security import rotation

AGAIN = "restart every process of tracsync"


class Command(terminal.Command):
    help = (
        "Write everything that is encrypted again under the first of the encryption keys, while everything"
        " runs, and tell when the older keys can be dropped. It may be ended at any moment and begun again."
        " Ends with 1 while something is left under an older key."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--check", action="store_true", help="only look for what is left; write nothing")
        what.add_argument(
            "--new-key",
            action="store_true",
            help="only make a key and put it first in the data folder's file encryption_key",
        )
        what.add_argument(
            "--drop-old",
            action="store_true",
            help="in the end delete the older keys from that file, where nothing is left under them",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["new_key"] or options["drop_old"]:
            self._need_file()
        if options["new_key"]:
            trail.note(Action.MAINTAINED)
            self._make_key()
            return
        if not options["check"]:
            trail.note(Action.MAINTAINED)
            self._rotate()
        found = rotation.look()
        self._tell_lost(found)
        if left := found.total("left"):
            self._tell_left(found)
            cure = (
                f"run {command('rotate_keys')}"
                if options["check"]
                else f"a process still writes with one: {AGAIN}, and run this again"
            )
            raise CommandError(f"{left} values are left under an older key; {cure}.")
        self._tell_done(options["drop_old"])

    def _need_file(self) -> None:
        if keys.encryption_keys(settings.DATA_DIR) != settings.TRACSYNC_ENCRYPTION_KEYS:
            raise CommandError(
                "The keys are set by TRACSYNC_ENCRYPTION_KEYS, or the file of the data folder has changed"
                " since this began: put keys in and out where that is set."
            )

    def _make_key(self) -> None:
        path = settings.DATA_DIR / keys.ENCRYPTION
        keys.put_first(path, keys.new_encryption_key())
        self.stdout.write(f"A new key is the first line of {path}; those of before still open what they did.")
        self.stdout.write(f"Keep a copy of the file, {AGAIN}, then run: {command('rotate_keys')} --drop-old")

    def _rotate(self) -> None:
        for place, count in rotation.rotate():
            if count.rewritten:
                self.stdout.write(f"{place}: {count.rewritten} rows written again")

    def _tell_lost(self, found: rotation.Found) -> None:
        for place, count in found.by_place.items():
            if count.lost:
                self.stdout.write(f"warning: {place}: {count.lost} values are opened by none of the keys")

    def _tell_left(self, found: rotation.Found) -> None:
        for place, count in found.by_place.items():
            if count.left:
                self.stdout.write(f"{place}: {count.left} values under an older key")

    def _tell_done(self, is_dropped: bool) -> None:
        self.stdout.write("Nothing is left under an older key.")
        older = len(settings.TRACSYNC_ENCRYPTION_KEYS) - 1
        if not older:
            return
        self.stdout.write("Backups of before need the older keys: keep a copy as long as you keep those.")
        if is_dropped:
            keys.keep_first(settings.DATA_DIR / keys.ENCRYPTION)
            self.stdout.write(f"Dropped: {older} older. Now {AGAIN}.")
        else:
            self.stdout.write(f"The older keys ({older}) can be dropped: leave the first one, and {AGAIN}.")
