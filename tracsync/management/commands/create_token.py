"""Make a token for the REST API."""

from __future__ import annotations

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.db import transaction
from django.utils import timezone

from tracsync.common import terminal
from tracsync.models import ApiToken

MOST_DAYS = 36_500


class Command(terminal.Command):
    help = """Make a token for the REST API and print it, once, on the last line of the output.

Only a digest of it is kept: whoever loses it makes another one with --replace. Send it with every request:

    TOKEN=$(%(prog)s warehouse | tail -1)
    curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8000/api/

Ends with exit code 1 when there is a token of this name already."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="who will use it, for example the name of a program")
        parser.add_argument("--read-only", action="store_true", help="it may look at all and change nothing")
        parser.add_argument(
            "--expires-in-days", type=int, metavar="N", help="it stops working after N days; default: never"
        )
        parser.add_argument(
            "--replace", action="store_true", help="where the name is taken, its old token stops working"
        )

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        name, replace = options["name"], options["replace"]
        if replace:
            ApiToken.objects.filter(name=name).delete()
        elif ApiToken.objects.filter(name=name).exists():
            raise CommandError(
                f"There is a token named {name!r} already; --replace makes its old one useless"
            )
        expires_at = _expiry(options["expires_in_days"])
        token, text = ApiToken.generate(name, read_only=options["read_only"], expires_at=expires_at)
        try:
            token.full_clean(validate_unique=False)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        token.save()
        self.stderr.write("The token, shown this once:")
        self.stdout.write(text)


def _expiry(days: int | None) -> Any:
    if days is None:
        return None
    if not 1 <= days <= MOST_DAYS:
        raise CommandError(f"--expires-in-days must be from 1 to {MOST_DAYS}")
    return timezone.now() + timedelta(days=days)
