from typing import Any

from django.core.management.base import CommandError, CommandParser

from destinations.insight import explain
from destinations.management import finding
from destinations.models import Destination, ProfileSync
from destinations.operations import actions
from tracsync.common import terminal


class Command(terminal.Command):
    help = (
        "Send one profile now, without waiting for its quiet period. A running worker pushes it; the command"
        " prints what each destination knows of the profile at this moment. Unchanged payloads are not sent"
        " again: use replay for that."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", help="the profile's id, or an e-mail address that only it has")
        parser.add_argument(
            "--destination",
            metavar="NAME",
            help="only to this destination (slug, name or number); else to all",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        profile = finding.profile(options["id"])
        destinations = list(Destination.objects.filter(enabled=True))
        if options["destination"]:
            destinations = [finding.destination(options["destination"])]
        if not destinations:
            raise CommandError("There is no enabled destination to send to.")
        actions.sync_now(profile, destinations)
        rows = ProfileSync.objects.select_related(
            "profile", "destination__resource", "destination__health"
        ).filter(profile=profile, destination__in=destinations)
        for row in rows:
            self.stdout.write(f"{row.destination.name}: {explain.sentence(row)}")
