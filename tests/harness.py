"""A whole installation in processes of its own: database, broker, workers, web, and a receiver."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

ROOT = Path(__file__).resolve().parent.parent
POSTGRES = os.environ.get("TRACSYNC_TEST_POSTGRES", "postgres://postgres@127.0.0.1:5432/postgres")
REDIS = os.environ.get("TRACSYNC_TEST_REDIS", "redis://127.0.0.1:6379/0")
RABBITMQ = os.environ.get("TRACSYNC_TEST_RABBITMQ", "amqp://guest:guest@127.0.0.1:5672/%2F")
FIXTURES = ROOT / "tests" / "fixtures"
PATIENCE = 180.0  # seconds; a busy machine is slow, and only a test that fails waits this long


def missing(server: str, error: Exception) -> None:
    """A server that is not there skips a test on a user's machine and fails it in CI."""
    message = f"{server} is not reachable: {type(error).__name__}"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def wait_for(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> object:
    """Wait until a condition holds; fail with what was waited for when it does not in time.

    To look takes of the processor that is waited for: less and less often the longer it takes.
    """
    ends_at, pause = time.monotonic() + seconds, 0.02
    while time.monotonic() < ends_at:
        value = condition()
        if value:
            return value
        time.sleep(pause)
        pause = min(1.2 * pause, 0.2)
    raise AssertionError(f"not within {seconds} s: {what}")


SAMPLE_SECONDS = 0.0055  # what `_sample` takes on a quiet machine of those that the tests' limits are for


def _sample() -> None:
    """A little work that is always the same."""
    found: dict[int, str] = {}
    for number in range(20_000):
        found[number % 997] = found.get(number % 997, "")[:3] + str(number)


def _thread_seconds(run: Callable[[], object]) -> float:
    began = time.thread_time()
    run()
    return time.thread_time() - began


def processor_seconds(run: Callable[[], object], times: int = 4, enough: float = 0.0) -> float:
    """What it takes of a quiet processor: the least of several runs, or the first that is short `enough`.

    Other work on the machine makes a processor several times slower, as it shares caches and cores: each run
    is compared with a sample right after it.
    """
    least = float("inf")
    for _ in range(times):
        spent = _thread_seconds(run)
        if spent > enough:
            if spent < 0.001:  # the first one fills the caches
                spent = min(_thread_seconds(run) for _ in range(10))
            spent /= max(1.0, _thread_seconds(_sample) / SAMPLE_SECONDS)
        least = min(least, spent)
        if least <= enough or least > 2:
            break
    return least


def grows_evenly(make: Callable[[int], Callable[[], object]], size: int) -> bool:
    """Whether what `make(size)` gives takes about as many times as long as it is given more.

    Eight times as much takes eight times as long, and 64 times where the work is the square: then it does so
    each time. What takes next to nothing is not measured twice.
    """
    large = processor_seconds(make(size), times=1, enough=0.02)
    return large <= 0.02 or any(
        processor_seconds(make(size), times=2) < 24 * processor_seconds(make(size // 8), times=2)
        for _ in range(6)
    )


def free_port() -> int:
    """A port that is free, as is the next one, and that no connection is given before it is bound."""
    while True:
        port = secrets.choice(range(10_000, 32_000))  # below those of connections
        with suppress(OSError), socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", port))
            second.bind(("127.0.0.1", port + 1))
            return port


def _stat(pid: int) -> list[str]:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return ["", "0"]


def state(pid: int) -> str:
    """One letter as ps shows it; "" where there is no such process."""
    return _stat(pid)[0]


def parent(pid: int) -> int:
    return int(_stat(pid)[1])


def called(pid: int) -> str:
    """What our own processes call themselves."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def command(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


class Receiver:
    """An HTTP destination that notes what arrives; `answer` decides: a status, or one and a text.

    Where it has a `token`, it lets nobody in who does not bring it.
    """

    def __init__(self, token: str = "") -> None:
        self.arrivals: list[tuple[float, str, dict]] = []
        self.answer: Callable[[dict], int | tuple[int, str]] = lambda payload: 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Without this the answer's two writes wait for each other's acknowledgement: 40 ms each time.
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if token and self.headers["Authorization"] != f"Bearer {token}":
                    self._say(401, "")
                    return
                receiver.arrivals.append((time.time(), self.headers["Idempotency-Key"], payload))
                answer = receiver.answer(payload)
                self._say(*(answer if isinstance(answer, tuple) else (answer, "")))

            def _say(self, status: int, text: str) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

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


@contextmanager
def _one_at_a_time() -> Iterator[Path]:
    """The directory that all processes of this run share, for one of them."""
    shared = Path(os.environ["TESTS_DIRECTORY"])
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield shared


def _environment(**ours: str) -> dict[str, str]:
    """Of a process that takes nothing from the stack on which the tests themselves run."""
    stack = ("TRACSYNC_", "DATABASE_URL", "REDIS_URL", "SECRET_KEY", "EMAIL_URL")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(stack)}
    return {**clean, "DJANGO_SETTINGS_MODULE": "tracsync.settings", "PYTHONWARNINGS": "ignore", **ours}


def _migrate(**environment: str) -> None:
    command = [sys.executable, "manage.py", "migrate", "-v0"]
    subprocess.run(command, cwd=ROOT, env=_environment(**environment), check=True)


def migrated_sqlite() -> Path:
    """The file that `migrate` makes, to be copied; made once in a run, by who needs it first."""
    with _one_at_a_time() as shared:
        path = shared / "migrated" / "tracsync.sqlite3"
        if not path.exists():
            making = shared / "migrating"
            _migrate(TRACSYNC_DATA_DIR=str(making))
            making.rename(path.parent)
    return path


def copy_migrated_postgres(url: str) -> None:
    """Replace an empty database by a copy of what `migrate` makes, which is made once in a run."""
    import psycopg

    base, name = url.rsplit("/", 1)
    template = _migrated_postgres_name()
    with _one_at_a_time() as shared, psycopg.connect(POSTGRES, autocommit=True) as server:
        if not (shared / "migrated-postgres").exists():
            server.execute(f'CREATE DATABASE "{template}"')
            _migrate(TRACSYNC_DATA_DIR=str(shared / "migrated-postgres"), DATABASE_URL=f"{base}/{template}")
        server.execute(f'DROP DATABASE "{name}"')
        server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')


def _migrated_postgres_name() -> str:
    return "tracsync_" + Path(os.environ["TESTS_DIRECTORY"]).name.removeprefix("tracsync-tests-")


def drop_migrated_postgres() -> None:
    """At the end of a run."""
    import psycopg

    with suppress(psycopg.OperationalError), psycopg.connect(POSTGRES, autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{_migrated_postgres_name()}" WITH (FORCE)')


SHELL = """
import contextlib, gc, io, json, sys, traceback
gc.disable()  # until everything is imported: tracsync/apps.py
import django
django.setup()
from django.db import connections
for line in sys.stdin:
    said, failed = io.StringIO(), ""
    try:
        with contextlib.redirect_stdout(said):
            exec(compile(json.loads(line), "the code of a test", "exec"), {})
    except Exception:
        failed = traceback.format_exc()
    connections.close_all()
    print(json.dumps([said.getvalue(), failed]), flush=True)
"""


class Shell:
    """A process of an installation that runs code again and again: starting one each time takes a second."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SHELL],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, code: str) -> str:
        self.process.stdin.write(json.dumps(code) + "\n")
        self.process.stdin.flush()
        said, failed = json.loads(self.process.stdout.readline())
        if failed:
            raise AssertionError(failed)
        return said

    def close(self) -> None:
        with self.process:  # closes its input, at which it ends
            pass


class Installation:
    """tracsync in a directory of its own, with its commands, workers and web server."""

    def __init__(self, directory: Path, **environment: str) -> None:
        defaults = {
            "TRACSYNC_DATA_DIR": str(directory),
            "TRACSYNC_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
            "SECRET_KEY": uuid.uuid4().hex * 2,
            "TRACSYNC_ALLOWED_INTERNAL_NETWORKS": "127.0.0.1",
            "TRACSYNC_QUEUE": f"test-{uuid.uuid4().hex}",
            "TRACSYNC_WORKERS": "2",
        }
        self.environment = _environment(**{**defaults, **environment})
        self.processes: list[subprocess.Popen] = []
        self.shell: Shell | None = None
        self.port = 0
        directory.mkdir(parents=True, exist_ok=True)
        if "DATABASE_URL" in environment:
            copy_migrated_postgres(environment["DATABASE_URL"])
        else:
            shutil.copy(migrated_sqlite(), directory)

    def manage(self, *arguments: str, check: bool = True, **options) -> subprocess.CompletedProcess:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            **{"env": self.environment, **options},
        )
        if check and done.returncode:
            raise AssertionError(f"{arguments} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done

    def python(self, code: str) -> str:
        """Run code inside the installation; what it printed."""
        if self.shell is None:
            self.shell = Shell(self.environment)
        return self.shell.run(code)

    def start(self, *arguments: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, env=self.environment, start_new_session=True
        )
        self.processes.append(process)
        return process

    def start_worker(self) -> subprocess.Popen:
        return self.start("manage.py", "worker")

    def start_up(self, command: list[str], directory: Path) -> subprocess.Popen:
        """Start `up` on this installation's port; returns when it answers."""
        self.port = free_port()
        process = subprocess.Popen(
            [*command, "--port", str(self.port)], cwd=directory, env=self.environment, start_new_session=True
        )
        self.processes.append(process)
        wait_for(self._answers, "the web server")
        return process

    def start_web(self) -> str:
        self.port = free_port()
        self.start(
            "manage.py",
            "web",
            f"--port={self.port}",
        )
        wait_for(self._answers, "the web server")
        return f"http://127.0.0.1:{self.port}"

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def stop(self) -> None:
        if self.shell is not None:
            self.shell.close()
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
        """Every process of this installation but our shell, also those whose parent is gone; oldest first."""
        shell = self.shell and self.shell.process.pid
        mark = f"TRACSYNC_QUEUE={self.environment['TRACSYNC_QUEUE']}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
        return sorted(pid for pid in found if pid != shell and state(pid) not in ("Z", ""))

    def worker_processes(self) -> dict[str, int]:
        """The processes of the one running worker by kind; fewer kinds while some are being started."""
        everything = self.pids()
        roots = [pid for pid in everything if parent(pid) not in everything and "worker" in command(pid)]
        kinds: dict[str, int] = {}
        for root in roots:
            kinds["supervisor"] = root
            for child in (pid for pid in everything if parent(pid) == root):
                members = [pid for pid in everything if parent(pid) == child]
                if called(child) == "scheduler":
                    kinds["clock"] = child
                elif called(child) == "notices":
                    kinds["notices"] = child
                elif len(members) == 4:  # in the order django-q2 starts them
                    kinds["sentinel"] = child
                    kinds["worker"], _, kinds["monitor"], kinds["pusher"] = members
        return kinds

    def complete_worker(self) -> dict[str, int]:
        """The processes of the worker, once all of them run."""
        return wait_for(lambda: len(kinds := self.worker_processes()) == 7 and kinds, "a complete worker")

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

    def save_profiles(self, documents: Iterable[dict]) -> None:
        self.python(
            f"""
from profiles.changes import Change, write
write([Change(document["id"], "put", document) for document in {list(documents)!r}])
"""
        )


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
