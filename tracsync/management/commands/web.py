from typing import Any

from django.conf import settings
from django.core.management.base import ALL_CHECKS, CommandError, CommandParser

from tracsync.common import terminal
from tracsync.processes import exposure


class Command(terminal.Command):
    is_by_hand = False
    help = (
        "Serve the admin and the API. Slow clients are cut off and keep nobody else waiting. Any number of"
        " web servers may run, on any number of hosts. Ends on Ctrl-C or SIGTERM after finishing what is"
        " under way."
    )

    requires_system_checks = ALL_CHECKS  # which import all pages, before the first is asked for

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)"
        )
        parser.add_argument("--port", type=int, default=8000, help="the port (default: %(default)s)")
        exposure.add_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        from tracsync.processes import web

        host, port = options["host"], options["port"]
        if warning := exposure.warning(host, options["without_https"]):
            self.stderr.write(warning)
        try:
            web.run(host, port, settings.TRACSYNC_WEB_PROCESSES)
        except (OSError, OverflowError) as error:
            raise CommandError(f"Cannot listen on {host}:{port} ({error}): choose another --port.") from None
