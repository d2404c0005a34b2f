import sys
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, make_aware

from destinations.management import backfill_display, finding
from destinations.models import Backfill, Destination
from destinations.operations import backfill, progress
from destinations.scheduler import loop
from tracsync.common import terminal
from tracsync.common.installation import command
from tracsync.common.jobs import JobEnded

ACTS = {
    "pause": (Backfill.pause, "is paused; --resume goes on"),
    "resume": (Backfill.resume, "goes on"),
    "cancel": (Backfill.cancel, "is cancelled; what was handed over already is still sent"),
}


class Command(terminal.Command):
    help = (
        "Bring all profiles up to date at one destination, for example after its mapping was changed. A"
        " running worker does it, a batch at a time; profiles whose payload is unchanged are not sent, and"
        " what changes meanwhile goes first."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("destination", help="the destination's slug, name or number")
        parser.add_argument(
            "--changed-since",
            metavar="TIME",
            type=_moment,
            help="only profiles changed at or after this moment, for example 2026-03-01T00:00:00Z",
        )
        ways = parser.add_mutually_exclusive_group()
        ways.add_argument(
            "--wait", action="store_true", help="begin one and show how far it is until it ends"
        )
        ways.add_argument("--watch", action="store_true", help="show how far the one that runs is")
        ways.add_argument("--pause", action="store_true", help="hold up the one that runs")
        ways.add_argument("--resume", action="store_true", help="go on with the one that is paused")
        ways.add_argument("--cancel", action="store_true", help="end the one that runs or is paused")

    def handle(self, *args: Any, **options: Any) -> None:
        destination = finding.destination(options["destination"])
        act = next((name for name in (*ACTS, "watch") if options[name]), None)
        if act is None:
            begun = self._begin(destination, options["changed_since"])
            if options["wait"]:
                self._watch(begun)
            return
        if options["changed_since"]:
            raise CommandError(f"--changed-since is for a new backfill, not for --{act}.")
        for found in _unfinished(destination):
            if act == "watch":
                self._watch(found)
            else:
                self._act(found, act)

    def _begin(self, destination: Destination, changed_since: Any) -> Backfill:
        requested = backfill.request(destination, changed_since)
        self.stdout.write(f"{requested.total} profiles will be brought up to date at {destination.name}.")
        if not destination.enabled:
            self.stdout.write("The destination is off: nothing is sent before it is on again.")
        elif not loop.is_alive():
            self.stdout.write(f"No worker is running: it begins when one does ({command('worker')}).")
        return requested

    def _act(self, found: Backfill, act: str) -> None:
        do, done = ACTS[act]
        try:
            do(found)
        except JobEnded as error:  # at this very moment
            raise CommandError(f"{error}.") from None
        self.stdout.write(f"Backfill {found.pk} {done}: {progress.measure(found).summary}.")

    def _watch(self, found: Backfill) -> None:
        name = found.destination.name
        try:
            ended = backfill_display.watch(found.pk, self.stdout)
        except KeyboardInterrupt:
            self.stdout.write(
                f"The backfill goes on without this command: backfill {name!r} --watch shows it again,"
                " --pause holds it up and --cancel ends it."
            )
            sys.exit(130)
        if ended.state == Backfill.State.CANCELLED:
            raise CommandError(f"The backfill was {progress.measure(ended).summary}.")
        self.stdout.write(f"All {ended.done:,} profiles are handed over; the last of them are being pushed.")


def _unfinished(destination: Destination) -> list[Backfill]:
    """Raises CommandError where there is none."""
    found = list(Backfill.objects.filter(destination=destination, finished_at=None).order_by("pk"))
    if not found:
        raise CommandError(f"No backfill of {destination.name} is on its way.")
    for one in found:
        one.destination = destination
    return found


def _moment(text: str) -> Any:
    moment = parse_datetime(text)
    if moment is None:
        raise ValueError
    return make_aware(moment) if is_naive(moment) else moment


_moment.__name__ = "time"  # argparse names the type in its message
