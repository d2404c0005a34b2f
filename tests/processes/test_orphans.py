"""What is begun just before its parent is killed ends, too, although it could not yet ask to be told."""

import os
import subprocess
import sys

from tests.harness import PATIENCE, state, wait_for
from tracsync.processes.supervisor import BY, SUPERVISED

LATE = """
import multiprocessing, os, pathlib, signal, sys, time
from tracsync.processes import orphans

def late(notes):
    while os.getppid() == multiprocessing.parent_process().pid:
        time.sleep(0.01)
    (notes / "pid").write_text(str(os.getpid()))
    orphans.end_with_parent(signal.SIGKILL, orphans.parent_pid())
    (notes / "survived").touch()
    time.sleep(600)

multiprocessing.get_context("fork").Process(target=late, args=[pathlib.Path(sys.argv[1])]).start()
os._exit(0)
"""


def test_a_process_that_asks_too_late_ends(tmp_path):
    subprocess.run([sys.executable, "-c", LATE, str(tmp_path)], check=True)
    wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text(), "the late process")
    pid = int((tmp_path / "pid").read_text())
    wait_for(lambda: (tmp_path / "survived").exists() or state(pid) in ("Z", ""), "its end")
    assert not (tmp_path / "survived").exists()


def test_a_supervisor_ends_that_begins_after_who_began_it_has_ended():
    """It would take whoever the system gives it to for its parent, and never see that one end."""
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    code = "import django; django.setup(); from tracsync.processes import supervisor; supervisor.keep([])"
    told = {**os.environ, SUPERVISED: f"{BY}{gone.pid}", "DJANGO_SETTINGS_MODULE": "tracsync.settings"}
    subprocess.run([sys.executable, "-c", code], env=told, check=True, timeout=PATIENCE)
