"""`up`: everything on one machine with one command."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import CommandError, CommandParser
from django.db import OperationalError

from tracsync.common import terminal
from tracsync.common.installation import command
from tracsync.demo import install
from tracsync.processes import launch, orphans, supervisor

GRACE = 40.0  # seconds the processes have to end
ADMIN = "admin"


class Command(terminal.Command):
    help = (
        "Start tracsync on this machine: prepares the database, makes an admin user on the first start and"
        " prints how to sign in, and runs web server and worker together until Ctrl-C."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--demo", action="store_true", help="add sample profiles and a local receiver")
        parser.add_argument(
            "--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)"
        )
        parser.add_argument("--port", type=int, default=8000, help="the port (default: %(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"], options["port"]
        receiver_port = port + 1 if options["demo"] else None
        _check_free(host, port)
        if receiver_port:
            _check_free("127.0.0.1", receiver_port)
        try:
            call_command("migrate", verbosity=0, interactive=False)
        except OperationalError as error:
            raise CommandError(f"The database does not answer: {str(error).splitlines()[0]}") from None
        self._sign_in()
        if receiver_port:
            install.install(f"http://127.0.0.1:{receiver_port}/")
        self.stdout.write(f"The data folder is {settings.DATA_DIR}.")
        _run(_modules(host, port, receiver_port), lambda: self._next_steps(host, port, receiver_port))
        self.stdout.write("Stopped.")

    def _sign_in(self) -> None:
        users = get_user_model().objects
        if users.filter(is_superuser=True).exists():
            reset = command("changepassword NAME")
            self.stdout.write(f"Sign in with the admin user you have ({reset} sets a new password).")
            return
        password = secrets.token_urlsafe(12)
        users.create_superuser(ADMIN, password=password)
        self.stdout.write(f"Sign in as {ADMIN} with the password {password} (shown only this once).")

    def _next_steps(self, host: str, port: int, receiver_port: int | None) -> None:
        shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - compared, not bound
        self.stdout.write(f"tracsync is running: http://{shown}:{port}/admin/ (Ctrl-C stops it)")
        if receiver_port:
            self.stdout.write(f"What arrives is shown at http://127.0.0.1:{receiver_port}/")
            self.stdout.write(
                f"Next: change a profile at http://{shown}:{port}/admin/profiles/profile/ and watch it arrive"
                f" {install.QUIET_PERIOD:g} seconds after your last change."
            )
        self.stdout.flush()  # into a file or a pipe as well


def _check_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            raise CommandError(f"Cannot listen on {host}:{port} ({error}): choose another --port.") from None


def _modules(host: str, port: int, receiver_port: int | None) -> list[list[str]]:
    """What runs, each with its arguments.

    Without a person's settings to the contrary, the demo may reach its receiver, and keeps what it sends of
    its invented people, so that one sees what has changed since.
    """
    modules = [["tracsync", "web", "--host", host, "--port", str(port)], ["tracsync", "worker"]]
    if receiver_port:
        modules.append(["tracsync.demo.receiver", str(receiver_port)])
        allowed = settings.TRACSYNC_ALLOWED_INTERNAL_NETWORKS
        os.environ["TRACSYNC_ALLOWED_INTERNAL_NETWORKS"] = ",".join([*allowed, "127.0.0.1"])
        os.environ.setdefault("TRACSYNC_ATTEMPT_BODIES", "all")
    return modules


def _run(modules: list[list[str]], started: Any) -> None:
    """Run the modules, start again what ends, and end all of them on Ctrl-C or SIGTERM."""
    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: asked.append(number))
    processes = [_start(module) for module in modules]
    started()
    while not asked:
        for position, process in enumerate(processes):
            if process.poll() is not None:
                time.sleep(1)  # not in a tight circle
                processes[position] = _start(modules[position])
        time.sleep(0.2)
    _stop(processes)


def _start(module: list[str]) -> subprocess.Popen[bytes]:
    """In a session of its own: Ctrl-C reaches this process, which ends the others in order."""
    return launch.module(
        *module,
        environment={**os.environ, supervisor.SUPERVISED: "1"},
        start_new_session=True,
        # Killed in a way that it cannot see, `up` must not leave a server behind that holds its port.
        preexec_fn=partial(orphans.end_with_parent, signal.SIGTERM, os.getpid())
        if sys.platform == "linux"
        else None,
    )


def _stop(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
    ends_at = time.monotonic() + GRACE
    for process in processes:
        try:
            process.wait(max(0.1, ends_at - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
