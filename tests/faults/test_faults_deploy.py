"""SIGTERM, as at every deploy: what is under way is finished, the rest goes back, nothing is sent twice."""

import signal
import time

from tests.faults.conftest import documents
from tests.harness import wait_for


def test_a_worker_that_is_asked_to_end_sends_nothing_twice(stack):
    installation, receiver = stack
    installation.complete_worker()
    receiver.answer = lambda payload: time.sleep(0.3) or 200
    installation.save_profiles(documents("deploy", 60, 1))

    def mine():
        return [id for _, _, payload in receiver.arrivals if (id := payload["id"]).startswith("deploy")]

    wait_for(lambda: len(mine()) > 10, 30, "the first pushes")
    [worker] = [process for process in installation.processes if process.poll() is None]
    worker.send_signal(signal.SIGTERM)
    worker.wait(30)
    sent = len(mine())
    assert sent < 60
    held = "from destinations.models import *; print(ProfileSync.objects.exclude(started_at=None).count())"
    assert installation.python(held).strip() == "0"
    installation.start_worker()
    wait_for(lambda: len(set(mine())) == 60, 60, "the rest")
    assert len(mine()) == 60
