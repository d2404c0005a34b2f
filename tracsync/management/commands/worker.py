import os
from typing import Any

from destinations.configuration import checks
from tracsync.common import terminal


class Command(terminal.Command):
    help = (
        "Deliver: runs the scheduler, which finds out what is due, and django-q2's cluster, which pushes it."
        " Both are watched and started again when one of their processes dies. Any number of workers may"
        " run, on any number of hosts. Ends on Ctrl-C or SIGTERM after finishing what is in flight."
    )

    # Django's own look at all pages: to import them takes a third of the start and a fifth of the memory.
    requires_system_checks = (checks.TAG,)

    def handle(self, *args: Any, **options: Any) -> None:
        from tracsync.processes import supervisor

        if supervisor.SUPERVISED not in os.environ:
            self.stdout.write("The worker is running; Ctrl-C ends it.")
        supervisor.run()
