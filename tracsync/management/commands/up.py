"""`up`: everything on one machine with one command."""

from __future__ import annotations

import errno
import math
import multiprocessing
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import ALL_CHECKS, CommandError, CommandParser
from django.db import OperationalError, connection

from tracsync.common import terminal, trail
from tracsync.common.installation import command
from tracsync.demo import install, receiver
from tracsync.processes import exposure, orphans, supervisor, web

GRACE = 40.0  # seconds that each process has to end
ADMIN = "admin"
MOST_TRIED = 20  # ports, for the receiver
TRIED_EVERY = 1.0  # seconds
TAKEN = (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL)


class Command(terminal.Command):
    is_by_hand = False
    help = (
        "Start tracsync on this machine: prepares the database, makes an admin user on the first start and"
        " prints how to sign in, and runs web server and worker together until Ctrl-C."
    )

    requires_system_checks = ALL_CHECKS  # which import all pages, before the first is asked for

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--demo", action="store_true", help="add sample profiles and a local receiver")
        parser.add_argument(
            "--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)"
        )
        parser.add_argument("--port", type=int, default=8000, help="the port (default: %(default)s)")
        exposure.add_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"], options["port"]
        if warning := exposure.warning(host, options["without_https"]):
            self.stderr.write(warning)
        serve = partial(web.run, host, port, settings.TRACSYNC_WEB_PROCESSES, with_notices=False)
        children = [
            _child("web server", partial(_once_free, f"{host}:{port}", serve)),
            _child("worker", partial(supervisor.run, with_notices=False)),
            supervisor.notices(),
        ]
        _check_free(host, port)
        receiver_port = _free_after(port) if options["demo"] else None
        if receiver_port:
            if receiver_port > port + 1:
                self.stdout.write(
                    f"Something else listens on port {port + 1}: the demo's receiver takes {receiver_port}."
                )
            _allow_demo()
            serve = partial(receiver.serve, receiver_port)
            children.append(_child("receiver", partial(_once_free, f"127.0.0.1:{receiver_port}", serve)))
        # What this takes in memory would stay with this process, and with all that are forked from it.
        with ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context("fork")) as apart:
            try:
                apart.submit(call_command, "migrate", verbosity=0, interactive=False).result()
            except OperationalError as error:
                raise CommandError(f"The database does not answer: {str(error).splitlines()[0]}") from None
            if receiver_port:
                apart.submit(install.install, f"http://127.0.0.1:{receiver_port}/").result()
        self._sign_in()
        self.stdout.write(f"The data folder is {settings.DATA_DIR}.")
        self._next_steps(host, port, receiver_port)
        supervisor.keep(children)
        _put_in_order()
        self.stdout.write("Stopped.")

    def _sign_in(self) -> None:
        users = get_user_model().objects
        if users.filter(is_superuser=True).exists():
            reset = command("changepassword NAME")
            self.stdout.write(f"Sign in with the admin user you have ({reset} sets a new password).")
            return
        password = secrets.token_urlsafe(12)
        with trail.acting(trail.shell("up")):
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


def _free_after(port: int) -> int:
    """The first port after this one that nobody listens on."""
    tried = range(port + 1, port + 1 + MOST_TRIED)
    for one in tried:
        with suppress(CommandError):
            _check_free("127.0.0.1", one)
            return one
    raise CommandError(
        f"Something else listens on all ports from {tried[0]} to {tried[-1]}, of which the demo's receiver"
        " needs one: choose another --port."
    )


def _once_free(address: str, serve: Callable[[], None]) -> None:
    """Serve there. While something else has the port, which has come after it was looked at, say so once."""
    is_told = False
    while True:
        try:
            return serve()
        except OSError as error:
            if error.errno not in TAKEN:
                raise
            if not is_told:
                sys.stderr.write(
                    f"Cannot listen on {address} ({os.strerror(error.errno)}): end what has taken the port,"
                    " or start `up` again with another --port.\n"
                )
            is_told = True
            time.sleep(TRIED_EVERY)


def _put_in_order() -> None:
    """Leave one file of a SQLite database: processes that end do not put what they wrote last into it."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()


def _allow_demo() -> None:
    """It may reach its receiver.

    It keeps what it sends of its invented people, so that one sees what has changed since, unless a person's
    setting says otherwise.
    """
    settings.TRACSYNC_ALLOWED_INTERNAL_NETWORKS = [*settings.TRACSYNC_ALLOWED_INTERNAL_NETWORKS, "127.0.0.1"]
    if "TRACSYNC_ATTEMPT_BODIES" not in os.environ:
        settings.TRACSYNC_ATTEMPT_BODIES = "all"


def _child(name: str, target: Callable[[], None]) -> supervisor.Child:
    """A process that shares the memory of this one and is started again by it."""

    def run(_: Any) -> None:
        os.environ[supervisor.SUPERVISED] = "1"
        # Killed in a way that it cannot see, `up` must not leave a server behind that holds its port.
        orphans.end_with_parent(signal.SIGTERM, orphans.parent_pid())
        target()

    return supervisor.Child(name, run, silent_for=math.inf, grace=GRACE)
