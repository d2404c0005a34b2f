import sys
import time
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser

from destinations.management import finding
from destinations.models import Audit, Destination
from destinations.operations import audit, progress
from destinations.scheduler import loop
from tracsync.common import terminal
from tracsync.common.installation import command
from tracsync.common.jobs import JobEnded
from tracsync.common.times import duration

LOOK_EVERY = 0.5  # seconds
SAY_EVERY = 10.0
SHOWN = 20  # profiles
HOUR = 3600.0
ACTS = {
    "pause": (Audit.pause, "is paused; --resume goes on"),
    "resume": (Audit.resume, "goes on"),
    "cancel": (Audit.cancel, "is cancelled"),
}
COMPARING = ("sample", "heal", "no_wait")
NEW = (*COMPARING, "resend_over")  # what is said of one that begins


class Command(terminal.Command):
    help = (
        "Compare what a destination's system holds with what the mapping makes now. A running worker reads,"
        " no faster than the destination's limits allow. Ends with 1 if something is not there as it should"
        " be and was not sent again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("destination", help="the destination's slug, name or number")
        parser.add_argument("--sample", type=_whole, metavar="N", help="only so many profiles, at random")
        parser.add_argument("--heal", action="store_true", help="send again what differs or is missing")
        parser.add_argument("--no-wait", action="store_true", help="begin one and do not wait for its end")
        parser.add_argument(
            "--resend-over",
            type=_hours,
            metavar="HOURS",
            help="compare nothing: send everything again, evenly over so many hours; for systems that cannot"
            " be asked",
        )
        ways = parser.add_mutually_exclusive_group()
        ways.add_argument("--watch", action="store_true", help="wait for the one that runs")
        ways.add_argument("--pause", action="store_true", help="hold up the one that runs")
        ways.add_argument("--resume", action="store_true", help="go on with the one that is paused")
        ways.add_argument("--cancel", action="store_true", help="end the one that runs or is paused")

    def handle(self, *args: Any, **options: Any) -> None:
        destination = finding.destination(options["destination"])
        act = next((name for name in (*ACTS, "watch") if options[name]), None)
        if act is None:
            self._begin(destination, options)
            return
        if said := next((name for name in NEW if options[name]), None):
            raise CommandError(f"--{said.replace('_', '-')} is for a new audit, not for --{act}.")
        for found in _unfinished(destination):
            if act == "watch":
                self._wait(found)
            else:
                self._act(found, act)

    def _begin(self, destination: Destination, options: dict[str, Any]) -> None:
        if options["resend_over"] is not None:
            if said := next((name for name in COMPARING if options[name]), None):
                raise CommandError(
                    f"--{said.replace('_', '-')} is for comparing, and --resend-over compares nothing."
                )
            self._resend(destination, options["resend_over"])
            return
        try:
            begun = audit.request(destination, options["sample"], options["heal"])
        except audit.NotReadable as error:
            raise CommandError(f"{error}: --resend-over HOURS.") from None
        self.stdout.write(f"Audit {begun.pk}: {begun.total:,} profiles are compared at {destination.name}.")
        if not destination.enabled:
            self.stdout.write("The destination is off: nothing is read before it is on again.")
        elif not loop.is_alive():
            self.stdout.write(f"No worker is running: it begins when one does ({command('worker')}).")
        if not options["no_wait"]:
            self._wait(begun)

    def _resend(self, destination: Destination, over: timedelta) -> None:
        begun = audit.send_everything(destination, over)
        self.stdout.write(
            f"Replay {begun.pk}: {begun.total:,} profiles are sent again at {destination.name}, within"
            f" {duration(over)}."
        )

    def _act(self, found: Audit, act: str) -> None:
        do, done = ACTS[act]
        try:
            do(found)
        except JobEnded as error:  # at this very moment
            raise CommandError(f"{error}.") from None
        self.stdout.write(f"Audit {found.pk} {done}: {progress.measure(found).summary}.")

    def _wait(self, begun: Audit) -> None:
        try:
            ended = self._watch(begun.pk)
        except KeyboardInterrupt:
            self.stdout.write(
                f"The audit goes on without this command: audit {begun.destination.name!r} --watch waits for"
                " it again, --pause holds it up and --cancel ends it."
            )
            sys.exit(130)
        if ended.state != Audit.State.FINISHED:
            raise CommandError(f"The audit is {ended.state}: {ended.problem or 'somebody did so'}.")
        self._report(ended)

    def _watch(self, pk: int) -> Audit:
        said, found = time.monotonic(), _look(pk)
        while found.finished_at is None and found.paused_at is None:
            if time.monotonic() - said >= SAY_EVERY:
                said = time.monotonic()
                self.stdout.write(f"{progress.measure(found).summary} {found.problem}".strip())
            time.sleep(LOOK_EVERY)
            found = _look(pk)
        return found

    def _report(self, ended: Audit) -> None:
        words = {name: name.replace("_", " ") for name in Audit.COUNTS}
        counts = ", ".join(f"{count:,} {words[name]}" for name, count in ended.counts.items())
        self.stdout.write(f"{ended.done:,} compared: {counts}.")
        for one in ended.findings.all()[:SHOWN]:
            self.stdout.write(f"  {one.profile_id}: {one.kind} {', '.join(one.fields)}{one.reason}".rstrip())
        found = ended.differs + ended.missing + ended.extra + ended.unknown
        if found > SHOWN:
            self.stdout.write("  … the admin and the API show more.")
        if ended.heal:
            self.stdout.write(f"{ended.healed:,} are sent again.")
        if found > ended.healed:
            sys.exit(1)


def _unfinished(destination: Destination) -> list[Audit]:
    """Raises CommandError where there is none."""
    pks = Audit.objects.filter(destination=destination, finished_at=None).order_by("pk")
    if found := [_look(pk) for pk in pks.values_list("pk", flat=True)]:
        return found
    raise CommandError(f"No audit of {destination.name} is on its way.")


def _look(pk: int) -> Audit:
    found = Audit.objects.select_related("destination__resource", "destination__health").defer("chosen")
    secrets = ("destination__settings", "destination__resource__production", "destination__resource__test")
    return found.defer(*secrets).get(pk=pk)


def _whole(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _hours(text: str) -> timedelta:
    hours = float(text)
    if not 0 < hours <= 24 * 366:
        raise ValueError
    return timedelta(seconds=hours * HOUR)


_whole.__name__ = "number of profiles"  # argparse names the type in its message
_hours.__name__ = "number of hours"
