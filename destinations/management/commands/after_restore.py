from typing import Any

from destinations.models import Destination, Installation
from destinations.operations import backfill, replay, selection
from tracsync.common import terminal, trail
from tracsync.common.trail import Action


class Command(terminal.Command):
    help = (
        "Run this once after a backup was restored, before workers start. What destinations were sent since"
        " the backup is not known any more: every profile is sent to every enabled destination again, in the"
        " background, with idempotency keys that were never used before."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        Installation.begin_epoch()
        trail.note(Action.MAINTAINED)
        # Without settings: the key that opens them may come later.
        for destination in Destination.objects.filter(enabled=True).defer("settings"):
            known = replay.request(
                selection.read_request({"destination": destination.pk}), asked_by="restore"
            )
            others = backfill.request(destination, asked_by="restore")
            self.stdout.write(
                f"{destination.name}: {known.count} known profiles are sent again, {others.total} looked at."
            )
        self.stdout.write("A new epoch has begun. Start the workers.")
