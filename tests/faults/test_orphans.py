"""Supervisor and sentinel killed together: nothing is left that pushes with the code of before."""

import os
import signal

from tests.faults.conftest import documents
from tests.harness import wait_for


def test_no_process_of_a_cluster_outlives_its_sentinel(stack):
    installation, receiver = stack
    kinds = installation.complete_worker()
    orphans = {kinds[kind] for kind in ("worker", "monitor", "pusher")}
    [supervisor] = [process for process in installation.processes if process.poll() is None]
    os.kill(kinds["supervisor"], signal.SIGKILL)
    os.kill(kinds["sentinel"], signal.SIGKILL)
    supervisor.wait()
    wait_for(lambda: not orphans & set(installation.pids()), "the end of what the sentinel had begun")
    installation.save_profiles(documents("orphans", 5, 1))
    # The scheduler has seen that the supervisor is gone, and is it from now on.
    wait_for(lambda: len([id for id in receiver.last() if id.startswith("orphans")]) == 5, "what is due")
