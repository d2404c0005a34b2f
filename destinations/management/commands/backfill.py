from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, make_aware

from destinations.management import finding
from destinations.sync import backfill


class Command(BaseCommand):
    help = (
        "Bring all profiles up to date at one destination, for example after its mapping was changed. A"
        " running worker does it, a batch at a time; profiles whose payload is unchanged are not sent."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("destination", help="the destination's name or number")
        parser.add_argument(
            "--changed-since",
            metavar="TIME",
            type=_moment,
            help="only profiles changed at or after this moment, for example 2026-03-01T00:00:00Z",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        destination = finding.destination(options["destination"])
        requested = backfill.request(destination, options["changed_since"])
        self.stdout.write(f"{requested.total} profiles will be brought up to date at {destination.name}.")
        if not destination.enabled:
            self.stdout.write("The destination is off: nothing is sent before it is on again.")


def _moment(text: str) -> Any:
    moment = parse_datetime(text)
    if moment is None:
        raise ValueError
    return make_aware(moment) if is_naive(moment) else moment


_moment.__name__ = "time"  # argparse names the type in its message
