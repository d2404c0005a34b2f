"""Make a token for the REST API."""

from __future__ import annotations

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.db import transaction
from django.utils import timezone

from destinations.models import Destination
from profiles import sources
from tracsync import tokens
from tracsync.common import terminal
from tracsync.common.rest import scopes as areas
from tracsync.models import ApiToken
from tracsync.tokens import find_owner, sentences


class Command(terminal.Command):
    help = """Make a token for the REST API and print it, once, on the last line of the output.

Only a digest of it is kept: whoever loses it makes another with `tokens --rotate`. Send it with
every request:

    TOKEN=$(%(prog)s warehouse --scope ingest | tail -1)
    curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8000/api/v1/

Without --scope it may do everything but manage tokens. Ends with exit code 1 when there is a token of this
name already."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="who will use it, for example the name of a program")
        may = parser.add_mutually_exclusive_group()
        may.add_argument(
            "--scope",
            action="append",
            choices=areas.SCOPES,
            metavar="SCOPE",
            help=f"what it may do; several times for several: {', '.join(areas.SCOPES)}",
        )
        may.add_argument("--read-only", action="store_true", help="it may look at all and change nothing")
        only = parser.add_mutually_exclusive_group()
        only.add_argument("--destination", metavar="SLUG", help="it reaches no other destination")
        only.add_argument("--source", metavar="NAME", help="it reaches the profiles of no other source")
        parser.add_argument(
            "--owner",
            metavar="USERNAME",
            help="it may do nothing that they may not; default: nobody",
        )
        ends = parser.add_mutually_exclusive_group()
        ends.add_argument(
            "--expires-in-days",
            type=int,
            metavar="N",
            help=f"it stops working after N days; default: {settings.TRACSYNC_TOKEN_DAYS}",
        )
        ends.add_argument("--never-expires", action="store_true", help="it works until it is revoked")
        parser.add_argument(
            "--replace", action="store_true", help="where the name is taken, its old token stops working"
        )

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        name, replace = options["name"], options["replace"]
        found = ApiToken.objects.filter(name=name).first()
        if found is not None and not replace:
            raise CommandError(
                f"There is a token named {name!r} already; --replace makes its old one useless,"
                " and `tokens --rotate` lets it go on for a while"
            )
        if found is not None:
            tokens.revoke(found)
        scopes = options["scope"] or (areas.READS if options["read_only"] else areas.EVERYTHING)
        try:
            _token, text = tokens.create(
                name,
                scopes,
                owner=None if options["owner"] is None else find_owner(options["owner"]),
                destination=_destination(options["destination"]),
                source=_source(options["source"]),
                expires_at=_end(options["expires_in_days"], options["never_expires"]),
            )
        except ValidationError as error:
            raise CommandError(sentences(error)) from None
        self.stderr.write("The token, shown this once:")
        self.stdout.write(text)


def _destination(slug: str | None) -> Destination | None:
    if slug is None:
        return None
    found = Destination.objects.filter(slug=slug).first()
    if found is None:
        raise CommandError(f"There is no destination {slug!r}")
    return found


def _source(name: str | None) -> str:
    """A name that is blank, as of a variable that is not set, would be for all profiles."""
    if name is None:
        return ""
    if not sources.is_name(name):
        raise CommandError(str(sources.NO_NAME))
    return name


def _end(days: int | None, never: bool) -> datetime | None:
    now = timezone.now()
    if days is None:
        return None if never else tokens.default_end(now)
    most = settings.TRACSYNC_MAX_TOKEN_DAYS
    if not 1 <= days <= most:
        raise CommandError(f"--expires-in-days must be from 1 to {most}; --never-expires is for ever")
    return now + timedelta(days=days)
