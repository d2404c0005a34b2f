"""Look through the API tokens, rotate and revoke them, and give them to somebody."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.utils import timezone

from tracsync import tokens
from tracsync.common import terminal
from tracsync.models import ApiToken
from tracsync.tokens import find_owner, sentences

HOUR = timedelta(hours=1)


class Command(terminal.Command):
    help = (
        "List the API tokens: whose they are, what they may do, when they were used and when they end. With"
        " an option, do something with one of them. create_token makes one."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        does = parser.add_mutually_exclusive_group()
        does.add_argument(
            "--rotate", metavar="NAME", help="print a new token; the old one goes on for a while"
        )
        does.add_argument("--revoke", metavar="NAME", help="it stops working at once")
        does.add_argument("--give", nargs=2, metavar=("NAME", "USERNAME"), help="make it somebody's")
        parser.add_argument(
            "--overlap-hours",
            type=int,
            metavar="N",
            default=tokens.OVERLAP // HOUR,
            help="how long the old one goes on when it is rotated; default: %(default)s",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["rotate"] is not None:
                text = tokens.rotate(_named(options["rotate"]), options["overlap_hours"] * HOUR)
                self.stderr.write("The token, shown this once:")
                self.stdout.write(text)
            elif options["revoke"] is not None:
                tokens.revoke(_named(options["revoke"]))
                self.stdout.write(f"{options['revoke']} does not work any more.")
            elif options["give"] is not None:
                name, username = options["give"]
                tokens.give(_named(name), find_owner(username))
                self.stdout.write(f"{name} is {username}'s now, and may do nothing that they may not.")
            else:
                self._list()
        except ValidationError as error:
            raise CommandError(sentences(error)) from None

    def _list(self) -> None:
        found = list(ApiToken.objects.select_related("owner", "destination").defer("destination__settings"))
        for token in found:
            owner = token.owner.get_username() if token.owner else "nobody"
            only = f" of {token.destination.slug}" if token.destination else ""
            only = f" of the source {token.source}" if token.source else only
            times = f"used {_said(token.last_used_at)}, ends {_said(token.expires_at)}"
            may = " ".join(token.granted) or "nothing"
            self.stdout.write(f"{token.name} ({token.prefix}), {owner}'s, {times}: {may}{only}")
        if not found:
            self.stdout.write("There is no API token; create_token makes one.")


def _named(name: str) -> ApiToken:
    try:
        return ApiToken.objects.get(name=name)
    except ApiToken.DoesNotExist:
        raise CommandError(f"There is no API token named {name!r}; without options all are listed") from None


def _said(moment: datetime | None) -> str:
    return "never" if moment is None else f"{timezone.localtime(moment):%Y-%m-%d %H:%M}"
