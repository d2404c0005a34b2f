from collections.abc import Callable
from typing import Any

from django.core.management.base import CommandError, CommandParser

from destinations.management import finding
from destinations.models import Destination, ProfileSync, Replay
from destinations.operations import progress, replay, selection
from destinations.operations.selection import Choice
from tracsync.common import terminal
from tracsync.common.jobs import Job, JobEnded

ACTS: dict[str, tuple[Callable[[Job], None], str]] = {
    "pause": (Job.pause, "is paused; --resume goes on"),
    "resume": (Job.resume, "goes on"),
    "cancel": (Job.cancel, "is cancelled; what was handed over already is still sent"),
}
SECRETS = ("destination__settings", "destination__resource__production", "destination__resource__test")


class Command(terminal.Command):
    help = (
        "Send again what was rejected, or whatever else the options choose, even if it is unchanged. The"
        " payload is made anew from the profile as it is now. A running worker pushes it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--destination", metavar="NAME", help="only this destination (slug, name or number)"
        )
        parser.add_argument("--profile", metavar="ID", help="only this profile")
        parser.add_argument(
            "--state",
            choices=[*ProfileSync.State.values, "any"],
            default="rejected",
            help="which rows (default: rejected)",
        )
        parser.add_argument("--dry-run", action="store_true", help="say how many, and send nothing")
        ways = parser.add_mutually_exclusive_group()
        ways.add_argument("--pause", type=int, metavar="NUMBER", help="hold up this replay of many rows")
        ways.add_argument("--resume", type=int, metavar="NUMBER", help="go on with it")
        ways.add_argument("--cancel", type=int, metavar="NUMBER", help="end it")

    def handle(self, *args: Any, **options: Any) -> None:
        for name, (act, done) in ACTS.items():
            if options[name] is not None:
                self._act(options[name], act, done)
                return
        choice = _chosen(options)
        if options["dry_run"]:
            self.stdout.write(f"{sum(selection.totals(choice).values())} would be sent again.")
            return
        asked = replay.request(choice)
        self.stdout.write(f"{asked.count} will be sent again.")
        names = dict(Destination.objects.values_list("pk", "name")) if asked.jobs else {}
        for job in asked.jobs:
            self.stdout.write(
                f"Replay {job.pk} hands {job.total:,} over to {names[job.destination_id]}, a batch at a time;"
                f" --pause {job.pk} holds it up."
            )

    def _act(self, pk: int, act: Callable[[Job], None], done: str) -> None:
        found = Replay.objects.select_related("destination__resource", "destination__health").filter(pk=pk)
        job = found.defer(*SECRETS).first()
        if job is None:
            raise CommandError(f"There is no replay {pk}.")
        try:
            act(job)
        except JobEnded as error:
            raise CommandError(f"{error}.") from None
        self.stdout.write(f"Replay {pk} {done}: {progress.measure(job).summary}.")


def _chosen(options: dict[str, Any]) -> Choice:
    if options["state"] == "any" and not (options["destination"] or options["profile"]):
        raise CommandError("--state any needs --destination or --profile.")
    said: dict[str, Any] = {} if options["state"] == "any" else {"state": options["state"]}
    if options["destination"]:
        said["destination"] = finding.destination(options["destination"]).pk
    if options["profile"]:
        said["profile"] = finding.profile(options["profile"]).pk
    return selection.read_request(said)
