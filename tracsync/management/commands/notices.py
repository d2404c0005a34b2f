from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from tracsync.common import terminal


class Command(terminal.Command):
    help = (
        "Look once for what is to be told, and send what is due. Web servers and workers do so by themselves;"
        " this is for a cron job on a host where neither runs, and to try a channel."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--test", metavar="CHANNEL", help="send a test to this channel instead")

    def handle(self, *args: Any, **options: Any) -> None:
        from tracsync.models import Incident, NoticeWatch
        from tracsync.notices import outbox, watch

        if options["test"] is not None:
            self._test(options["test"])
            return
        NoticeWatch.ensure()
        watch.look(timezone.now())
        sending = outbox.Outbox()
        sending.drain(outbox.DEADLINE)
        opened = list(Incident.objects.filter(closed_at=None).select_related("destination"))
        for incident in opened:
            name = f"{incident.destination}: " if incident.destination else ""
            self.stdout.write(f"{incident.opened_at:%Y-%m-%d %H:%M:%S} {name}{incident}")
        if not opened:
            self.stdout.write("There is no open incident.")

    def _test(self, name: str) -> None:
        from tracsync.common.encryption import UndecryptableValue
        from tracsync.models import NoticeChannel
        from tracsync.notices import outbox

        channel = NoticeChannel.objects.filter(name=name).defer("secrets").first()
        if channel is None:
            known = ", ".join(NoticeChannel.objects.values_list("name", flat=True)[:20]) or "none"
            raise CommandError(f"There is no notice channel {name}; known are: {known}")
        try:
            problem = outbox.send_test(channel)
        except UndecryptableValue as error:
            problem = str(error)
        if problem:
            raise CommandError(f"The test could not be sent to {name}: {problem}")
        self.stdout.write(f"A test was sent to {name}.")
