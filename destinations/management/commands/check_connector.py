from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from destinations.connectors.http.manifests import exchanges, files
from destinations.connectors.http.manifests.reading import ManifestError
from tracsync.common import terminal


class Command(terminal.Command):
    help = (
        "Check a manifest: its form, its templates and rules, and the exchanges of its tests. Nothing is"
        " sent. Exit code 1: something is wrong."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="a connector's JSON file")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            connector = files.made_of(path.read_bytes(), path.name)
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}") from None
        except ManifestError as error:
            for problem in error.problems:
                self.stdout.write(f"{path}: {problem}")
            raise CommandError("The manifest cannot be used.") from None
        results = exchanges.run(connector)
        for result in results:
            self.stdout.write(f"{'wrong' if result.problems else 'right'}: {result.name}")
            for sentence in result.problems:
                self.stdout.write(f"       {sentence}")
        wrong = sum(bool(result.problems) for result in results)
        if wrong:
            raise CommandError(f"{wrong} of {len(results)} tests are wrong.")
        if untested := exchanges.untested(connector):
            self.stdout.write(f"No test shows: {', '.join(untested)}.")
        if exchanges.second_record(connector):
            self.stdout.write(
                "A changed address makes a second record: push tells an id and has no update. tracsync keeps"
                " the earlier ids, so that remove and erase take all of them; with push.update there is one."
            )
        self.stdout.write(
            self.style.SUCCESS(f"{connector.name} {connector.release} is in order: {len(results)} tests.")
        )
