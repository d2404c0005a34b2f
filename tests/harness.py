"""A whole installation in processes of its own: database, broker, workers, web, and a receiver."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

ROOT = Path(__file__).resolve().parent.parent
POSTGRES = os.environ.get("TRACSYNC_TEST_POSTGRES", "postgres://postgres@127.0.0.1:5432/postgres")
REDIS = os.environ.get("TRACSYNC_TEST_REDIS", "redis://127.0.0.1:6379/0")
RABBITMQ = os.environ.get("TRACSYNC_TEST_RABBITMQ", "amqp://guest:guest@127.0.0.1:5672/%2F")


def missing(server: str, error: Exception) -> None:
    """A server that is not there skips a test on a user's machine and fails it in CI."""
    message = f"{server} is not reachable: {type(error).__name__}"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def wait_for(condition: Callable[[], object], seconds: float = 30.0, what: str = "") -> object:
    """Wait until a condition holds; fail with what was waited for when it does not in time."""
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what or condition}")


def _stat(pid: int) -> list[str]:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return ["", "0"]


def state(pid: int) -> str:
    """One letter as ps shows it; "" where there is no such process."""
    return _stat(pid)[0]


def parent(pid: int) -> int:
    return int(_stat(pid)[1])


def command(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


class Receiver:
    """An HTTP destination that notes what arrives; `answer` decides what it says."""

    def __init__(self) -> None:
        self.arrivals: list[tuple[float, str, dict]] = []
        self.answer: Callable[[dict], int] = lambda payload: 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Without this the answer's two writes wait for each other's acknowledgement: 40 ms each time.
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.arrivals.append((time.time(), self.headers["Idempotency-Key"], payload))
                self.send_response(receiver.answer(payload))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def last(self) -> dict[str, dict]:
        """The last payload for each id."""
        return {payload["id"]: payload for _, _, payload in list(self.arrivals)}

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Installation:
    """tracsync in a directory of its own, with its commands, workers and web server."""

    def __init__(self, directory: Path, **environment: str) -> None:
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TRACSYNC_")},
            "DJANGO_SETTINGS_MODULE": "tracsync.settings",
            "TRACSYNC_DATA_DIR": str(directory),
            "TRACSYNC_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
            "SECRET_KEY": uuid.uuid4().hex * 2,
            "TRACSYNC_ALLOWED_INTERNAL_NETWORKS": "127.0.0.1",
            "TRACSYNC_QUEUE": f"test-{uuid.uuid4().hex}",
            "TRACSYNC_WORKERS": "2",
            "PYTHONWARNINGS": "ignore",
            **environment,
        }
        self.processes: list[subprocess.Popen] = []
        self.port = 0
        self.manage("migrate", "-v0")

    def manage(self, *arguments: str, check: bool = True, **options) -> subprocess.CompletedProcess:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            **options,
        )
        if check and done.returncode:
            raise AssertionError(f"{arguments} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done

    def python(self, code: str) -> str:
        """Run code inside the installation; what it printed."""
        return self.manage("shell", "--no-imports", "-c", code).stdout

    def start(self, *arguments: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, env=self.environment, start_new_session=True
        )
        self.processes.append(process)
        return process

    def start_worker(self) -> subprocess.Popen:
        return self.start("manage.py", "worker")

    def choose_port(self) -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        return self.port

    def start_up(self, command: list[str], directory: Path) -> subprocess.Popen:
        """Start `up` on this installation's port; returns when it answers."""
        port = self.choose_port()
        process = subprocess.Popen(
            [*command, "--port", str(port)], cwd=directory, env=self.environment, start_new_session=True
        )
        self.processes.append(process)
        wait_for(self._answers, 60, "the web server")
        return process

    def start_web(self) -> str:
        self.choose_port()
        self.start(
            "-m",
            "gunicorn",
            "tracsync.wsgi",
            f"--bind=127.0.0.1:{self.port}",
            "--threads=4",
            "--log-level=error",
        )
        wait_for(self._answers, what="the web server")
        return f"http://127.0.0.1:{self.port}"

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def stop(self) -> None:
        for process in self.processes:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def pids(self) -> list[int]:
        """Every process of this installation, also those whose parent is gone; oldest first."""
        mark = f"TRACSYNC_QUEUE={self.environment['TRACSYNC_QUEUE']}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
        return sorted(pid for pid in found if state(pid) not in ("Z", ""))

    def worker_processes(self) -> dict[str, int]:
        """The processes of the one running worker by kind; fewer kinds while some are being started."""
        everything = self.pids()
        roots = [pid for pid in everything if parent(pid) not in everything and "worker" in command(pid)]
        kinds: dict[str, int] = {}
        for root in roots:
            kinds["supervisor"] = root
            for child in (pid for pid in everything if parent(pid) == root):
                members = [pid for pid in everything if parent(pid) == child]
                if not members:
                    kinds["clock"] = child
                elif len(members) == 4:  # in the order django-q2 starts them
                    kinds["sentinel"] = child
                    kinds["worker"], _, kinds["monitor"], kinds["pusher"] = members
        return kinds

    def complete_worker(self) -> dict[str, int]:
        """The processes of the worker, once all of them run."""
        return wait_for(lambda: len(kinds := self.worker_processes()) == 6 and kinds, 60, "a complete worker")

    def add_destination(self, receiver: Receiver, name: str = "crm", **fields: object) -> None:
        fields = {"mapping": {"id": "profile@id", "visits": "profile@stats.visits"}, **fields}
        self.python(
            f"""
from django.utils import timezone
from destinations import configuration
from destinations.models import *
Extension.objects.filter(slug="http_api").update(installed_at=timezone.now())
resource = Resource.objects.create(
    name={name!r}, type_id="http_api", production={{"url": {receiver.url!r}}})
configuration.save(Destination(name={name!r}, resource=resource, **{fields!r}))
"""
        )

    def save_profiles(self, documents: list[dict]) -> None:
        self.manage("import_profiles", "-", input="\n".join(map(json.dumps, documents)))


@contextmanager
def postgres_database():
    """The URL of a new, empty database that is dropped afterwards."""
    import psycopg

    name = f"tracsync_{uuid.uuid4().hex}"
    try:
        server = psycopg.connect(POSTGRES, autocommit=True)
    except psycopg.OperationalError as error:
        missing("PostgreSQL", error)
    with server:
        server.execute(f'CREATE DATABASE "{name}"')
        try:
            yield f"{POSTGRES.rsplit('/', 1)[0]}/{name}"
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def need_redis() -> str:
    import redis

    try:
        redis.from_url(REDIS).ping()
    except redis.RedisError as error:
        missing("Redis", error)
    return REDIS
