"""kill -9 of what `up` runs, and of `up` itself."""

import os
import signal
import sys

import pytest

from tests.harness import ROOT, Installation, Receiver, command, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")


@pytest.fixture
def running(tmp_path):
    receiver = Receiver()
    installation = Installation(tmp_path)
    try:
        installation.add_destination(receiver, quiet_period=0.5)
        process = installation.start_up([sys.executable, "manage.py", "up"], ROOT)
        yield installation, receiver, process
    finally:
        installation.stop()
        receiver.close()


def process_of(installation, words):
    """The first process of a command; what it starts comes later."""
    return next((pid for pid in installation.pids() if words in command(pid)), None)


def test_what_is_killed_is_started_again(running):
    installation, receiver, _ = running
    for words in ("tracsync worker", "gunicorn"):
        killed = wait_for(lambda words=words: process_of(installation, words), words)
        os.kill(killed, signal.SIGKILL)
        wait_for(lambda killed=killed: killed not in installation.pids(), "its end")
    wait_for(installation._answers, "the web server")
    installation.save_profiles([{"id": "p1", "stats": {"visits": 1}}])
    wait_for(receiver.last, "a push")


def test_when_up_is_killed_nothing_stays_behind(running):
    installation, _, process = running
    wait_for(lambda: process_of(installation, "tracsync worker"), "the worker")
    process.kill()
    process.wait()
    wait_for(lambda: not installation.pids(), "the end of all processes")
