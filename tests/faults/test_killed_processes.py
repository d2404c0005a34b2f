"""kill -9 of each kind of process: delivery goes on by itself, and nothing is lost or stale."""

import os
import signal
import time

import pytest

from tests.faults.conftest import assert_in_order, documents
from tests.harness import wait_for

KINDS = ("worker", "pusher", "monitor", "sentinel", "clock", "notices", "supervisor")


@pytest.mark.parametrize("kind", KINDS)
def test_idle(stack, kind):
    installation, receiver = stack
    os.kill(installation.complete_worker()[kind], signal.SIGKILL)
    run = f"idle-{kind}"
    installation.save_profiles(documents(run, 1, 1))
    wait_for(lambda: f"{run}-000" in receiver.last(), f"a push after the {kind} was killed")
    assert_in_order(receiver)


@pytest.mark.parametrize("kind", KINDS)
def test_busy(stack, kind):
    installation, receiver = stack
    run = f"busy-{kind}"
    installation.complete_worker()
    receiver.answer = lambda payload: time.sleep(0.02) or 200
    installation.save_profiles(documents(run, 200, 1))
    wait_for(lambda: sum(id.startswith(run) for id in receiver.last()) > 20, "the first pushes")
    os.kill(installation.complete_worker()[kind], signal.SIGKILL)
    installation.save_profiles(documents(run, 200, 2))
    expected = {document["id"]: 2 for document in documents(run, 200, 2)}

    def arrived():
        return {id: payload["visits"] for id, payload in receiver.last().items() if id in expected}

    wait_for(lambda: arrived() == expected, f"all last states after the {kind} was killed")
    assert_in_order(receiver)
