"""A configuration that cannot work is said in one line, and the exit code tells."""

import os
import re
import socket
import subprocess
import sys

import pytest
from cryptography.fernet import Fernet

import tracsync
from tests.harness import PATIENCE, ROOT

OURS = ("TRACSYNC_", "SECRET_KEY", "DATABASE_URL", "REDIS_URL")


def manage(tmp_path, *arguments, **environment):
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={
            **inherited,
            "DJANGO_SETTINGS_MODULE": "tracsync.settings",
            "TRACSYNC_DATA_DIR": str(tmp_path / "data"),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"TRACSYNC_QUIET_PERIOD": "soon"}, "the value of TRACSYNC_QUIET_PERIOD cannot be read"),
        ({"TRACSYNC_QUIET_PERIOD": "-4"}, "TRACSYNC_QUIET_PERIOD must not be negative"),
        ({"TRACSYNC_WORKERS": "0"}, "TRACSYNC_WORKERS must be at least 1"),
        ({"TRACSYNC_ATTEMPT_BODIES": "some"}, "TRACSYNC_ATTEMPT_BODIES must be none, asked, failed or all"),
        ({"TRACSYNC_ENCRYPTION_KEYS": "short"}, "TRACSYNC_ENCRYPTION_KEYS must be Fernet keys"),
        ({"TRACSYNC_DATA_DIR": "/dev/null/here"}, "cannot be made (Not a directory): set TRACSYNC_DATA_DIR"),
        ({"DATABASE_URL": "nonsense"}, "DATABASE_URL is no address of a database"),
        ({"DATABASE_URL": "postgres://nobody@127.0.0.1:1/none"}, "The database does not answer"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, environment, said):
    done = manage(tmp_path, "up", "--port", "0", **environment)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_worker_says_it_without_looking_at_the_pages(tmp_path):
    done = manage(tmp_path, "worker", TRACSYNC_WORKERS="0", PYTHONVERBOSE="1")
    assert done.returncode == 1
    assert "TRACSYNC_WORKERS must be at least 1" in done.stderr
    assert "import 'destinations.configuration.checks'" in done.stderr
    assert "import 'tracsync.urls'" not in done.stderr


def test_the_version_is_ours(tmp_path):
    assert manage(tmp_path, "--version").stdout.startswith(f"tracsync {tracsync.__version__}, Django ")


def test_a_port_that_is_taken(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = manage(tmp_path, "up", "--port", str(taken.getsockname()[1]))
    assert (done.returncode, "choose another --port" in done.stderr) == (1, True)


def test_keys_are_made_once_and_private(tmp_path):
    for _ in range(2):
        assert manage(tmp_path, "check").returncode == 0
        keys = {path.name: path.read_text() for path in (tmp_path / "data").iterdir()}
        assert set(keys) >= {"secret_key", "encryption_key"}
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "data").glob("*_key")} == {0o600}
    assert keys == {path.name: path.read_text() for path in (tmp_path / "data").iterdir()}


WRITE_AND_LIST = """
from pathlib import Path
from django.conf import settings
from django.db import connection
connection.cursor().execute("CREATE TABLE t (a)")
written = [settings.DATA_DIR, *settings.DATA_DIR.iterdir()]
written += Path(settings.DATABASES["default"]["NAME"]).parent.glob("new.sqlite3*")
print("modes:", *(f"{path.name}={path.stat().st_mode & 0o777:o}" for path in written))
"""


def test_what_is_written_is_for_this_user_only(tmp_path):
    before = os.umask(0)
    try:
        database = f"sqlite:///{tmp_path / 'new.sqlite3'}"
        done = manage(tmp_path, "shell", "-c", WRITE_AND_LIST, DATABASE_URL=database)
    finally:
        os.umask(before)
    found = dict(re.findall(r"(\S+)=(\d+)", done.stdout.partition("modes:")[2]))
    files = ("secret_key", "encryption_key", "new.sqlite3", "new.sqlite3-wal", "new.sqlite3-shm")
    assert found == {"data": "700", **dict.fromkeys(files, "600")}
    assert "W001" not in done.stderr


def test_what_others_can_read_is_said_with_what_to_do(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("encryption_key", "secret_key", "tracsync.sqlite3", "tracsync.sqlite3-wal"):
        (folder / name).write_text(Fernet.generate_key().decode() if "key" in name else "")
        (folder / name).chmod(0o640 if name != "secret_key" else 0o600)
    folder.chmod(0o755)
    done = manage(tmp_path, "check")
    assert done.returncode == 0
    assert set(re.findall(r"HINT: chmod (\d+) \S*/(\S+)", done.stderr)) == {
        ("700", "data"),
        *(("600", name) for name in ("encryption_key", "tracsync.sqlite3", "tracsync.sqlite3-wal")),
    }
    assert "its mode is 640" in done.stderr
