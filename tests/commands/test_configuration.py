"""A configuration that cannot work is said in one line, and the exit code tells."""

import os
import socket
import subprocess
import sys

import pytest

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
