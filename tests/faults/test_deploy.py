"""SIGTERM, as at every deploy: what is under way is finished, the rest goes back, nothing is sent twice."""

import signal
import time

from tests.faults.conftest import documents
from tests.harness import PATIENCE, wait_for

COUNT = 300  # more than are sent before a busy machine has passed the signal on


def test_a_worker_that_is_asked_to_end_sends_nothing_twice(stack):
    installation, receiver = stack
    installation.complete_worker()
    receiver.answer = lambda payload: time.sleep(0.3) or 200
    installation.save_profiles(documents("deploy", COUNT, 1))

    def mine():
        return [id for _, _, payload in receiver.arrivals if (id := payload["id"]).startswith("deploy")]

    wait_for(lambda: len(mine()) > 10, "the first pushes")
    [worker] = [process for process in installation.processes if process.poll() is None]
    worker.send_signal(signal.SIGTERM)
    worker.wait(PATIENCE)
    sent = len(mine())
    assert sent < COUNT
    held = "from destinations.models import *; print(ProfileSync.objects.exclude(started_at=None).count())"
    assert installation.python(held).strip() == "0"
    receiver.answer = lambda payload: 200
    installation.start_worker()
    wait_for(lambda: len(set(mine())) == COUNT, "the rest")
    assert len(mine()) == COUNT
