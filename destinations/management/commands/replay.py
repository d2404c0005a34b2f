from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import QuerySet

from destinations.management import finding
from destinations.models import ProfileSync
from destinations.sync import operations


class Command(BaseCommand):
    help = (
        "Send again what was rejected, or whatever else the options choose, even if it is unchanged. The"
        " payload is made anew from the profile as it is now. A running worker pushes it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--destination", metavar="NAME", help="only this destination (name or number)")
        parser.add_argument("--profile", metavar="ID", help="only this profile")
        parser.add_argument(
            "--state",
            choices=[*ProfileSync.State.values, "any"],
            default="rejected",
            help="which rows (default: rejected)",
        )
        parser.add_argument("--dry-run", action="store_true", help="say how many, and send nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = _chosen(options)
        if options["dry_run"]:
            self.stdout.write(f"{rows.count()} would be sent again.")
            return
        self.stdout.write(f"{operations.replay(rows)} will be sent again.")


def _chosen(options: dict[str, Any]) -> QuerySet[ProfileSync]:
    if options["state"] == "any" and not (options["destination"] or options["profile"]):
        raise CommandError("--state any needs --destination or --profile.")
    rows = ProfileSync.objects.all()
    if options["state"] != "any":
        rows = rows.filter(state=options["state"])
    if options["destination"]:
        rows = rows.filter(destination=finding.destination(options["destination"]))
    if options["profile"]:
        rows = rows.filter(profile=finding.profile(options["profile"]))
    return rows
