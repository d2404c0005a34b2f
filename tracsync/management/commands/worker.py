import os
from typing import Any

from tracsync.common import terminal


class Command(terminal.Command):
    is_by_hand = False
    help = (
        "Deliver: runs the scheduler, which finds out what is due, and django-q2's cluster, which pushes it."
        " Both are watched and started again when one of their processes dies. Any number of workers may"
        " run, on any number of hosts. Ends on Ctrl-C or SIGTERM after finishing what is in flight."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        from tracsync.processes import supervisor

        if supervisor.SUPERVISED not in os.environ:
            self.stdout.write("The worker is running; Ctrl-C ends it.")
        supervisor.run()
