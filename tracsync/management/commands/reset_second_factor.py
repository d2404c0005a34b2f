"""`reset_second_factor NAME`: for who has lost phone and backup codes, where nobody else is there to help."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandError, CommandParser

from tracsync.common import terminal
from tracsync.sign_in import second_factor


class Command(terminal.Command):
    help = "Takes the second factor of a person away: they sign in with the password alone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="what they sign in with")

    def handle(self, *args: Any, **options: Any) -> None:
        person = User.objects.filter(username=options["name"]).first()
        if person is None:
            raise CommandError(f"there is nobody named {options['name']!r}")
        if not second_factor.remove(person):
            raise CommandError(f"{person} has no second factor")
        self.stdout.write(f"{person} has no second factor any more")
