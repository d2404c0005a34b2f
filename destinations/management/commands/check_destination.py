import json
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from destinations.configuration import validation
from destinations.connectors.base import ConnectorError
from destinations.insight import checking, path_suggestions, preview
from destinations.management import finding
from destinations.models import Destination
from tracsync.common import terminal


class Command(terminal.Command):
    help = (
        "Check a destination: its prerequisites, mapping and settings, and the connection. With --profile it"
        " also shows what would be sent for that profile. Nothing is sent. Exit code 1: something is wrong;"
        " warnings are what is probably not meant."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("destination", help="the destination's slug, name or number")
        parser.add_argument("--profile", metavar="ID", help="show what would be sent for this profile")
        parser.add_argument("--test", action="store_true", help="use the test credentials")

    def handle(self, *args: Any, **options: Any) -> None:
        destination = finding.destination(options["destination"])
        problems = _problems(destination)
        for problem in problems:
            self.stdout.write(problem)
        for warning in checking.warnings(destination, path_suggestions.sample()):
            self.stdout.write(f"warning: {warning.field}, {warning.sentence}")
        if options["profile"]:
            shown = preview.preview(destination, finding.profile(options["profile"]).document)
            self.stdout.write(shown.summary)
            for error in shown.errors:
                self.stdout.write(f"error: {error}")
            self.stdout.write(json.dumps(shown.request, indent=2, ensure_ascii=False))
        try:
            use_test = options["test"] or destination.use_test_credentials
            destination.bring_up_to_date()
            found = preview.check(destination.resource, use_test, destination.settings)
            self.stdout.write(f"connection: {found}")
        except ConnectorError as error:
            raise CommandError(f"connection: {error}") from None
        if problems:
            raise CommandError("The destination is not in order.")
        self.stdout.write(self.style.SUCCESS("The destination is in order."))


def _problems(destination: Destination) -> list[str]:
    try:
        validation.check_destination(destination)
    except ValidationError as error:
        return [f"{field}: {text}" for field, texts in error.message_dict.items() for text in texts]
    return []
