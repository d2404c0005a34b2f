"""A rolling deploy: the new schema is there, and workers of the release before still run, first alone.

`.ci/previous-release` has the commit of that release.
"""

import os
import subprocess
import sys

import pytest

from tests.faults.conftest import assert_in_order, documents
from tests.harness import ROOT, Installation, need_redis, postgres_database, wait_for

SAVE = """
from profiles.changes import Change, write
write([Change(document["id"], "put", document) for document in {documents!r}])
"""


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """The code of the release before."""
    commit = (ROOT / ".ci" / "previous-release").read_text().strip()
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True)
    if archive.returncode:
        reason = f"git does not have {commit[:12]}: a whole clone is needed"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    directory = tmp_path_factory.mktemp("before")
    subprocess.run(["tar", "-x", "-C", directory], input=archive.stdout, check=True)
    return directory


@pytest.fixture(params=["sqlite", "postgres and redis"])
def installation(request, tmp_path):
    if request.param == "sqlite":
        installation = Installation(tmp_path)
        yield installation
        installation.stop()
        return
    with postgres_database() as url:
        installation = Installation(tmp_path, DATABASE_URL=url, REDIS_URL=need_redis())
        yield installation
        installation.stop()


def test_it_works_on_the_new_schema_beside_the_new_workers(before, installation, receiver):
    installation.add_destination(receiver, quiet_period=0.2)
    old = subprocess.Popen(
        [sys.executable, "manage.py", "worker"],
        cwd=before,
        env=installation.environment,
        start_new_session=True,
    )
    installation.processes.append(old)

    def arrived(visits):
        return sum(payload["visits"] == visits for payload in receiver.last().values())

    save = SAVE.format(documents=documents("deploy", 50, 1))
    old_shell = [sys.executable, "manage.py", "shell", "-c", save]
    subprocess.run(old_shell, cwd=before, env=installation.environment, check=True, capture_output=True)
    wait_for(lambda: arrived(1) == 50, "what was saved and is pushed by the release before")

    installation.start_worker()
    installation.save_profiles(documents("deploy", 50, 2))
    subprocess.run(
        [sys.executable, "manage.py", "shell", "-c", SAVE.format(documents=documents("more", 50, 2))],
        cwd=before,
        env=installation.environment,
        check=True,
        capture_output=True,
    )
    wait_for(lambda: arrived(2) == 100, "what is pushed by both")
    old.terminate()
    old.wait(60)
    installation.save_profiles(documents("deploy", 50, 3))
    wait_for(lambda: arrived(3) == 50, "what is pushed by the new release alone")
    assert_in_order(receiver)
