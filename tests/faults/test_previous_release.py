"""A rolling deploy: the new schema is there, and workers of the release before still run, first alone.

`.ci/previous-release` has the commit of that release.
"""

import json
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

REFERENCES = """
import json
from django.apps import apps
print(json.dumps([
    [model._meta.db_table, field.column, getattr(field, "db_constraint", False), type(field).__name__]
    for model in apps.get_models() for field in model._meta.local_concrete_fields if field.remote_field
]))
"""
# One of everything that the release before does not know and that hangs on what it can delete.
HANGS_ON = """
from datetime import timedelta
from django.contrib.auth.models import User
from django.utils import timezone
from destinations.models import *
from profiles.imports.models import ImportJob, RefusedRecords
from profiles.models import Profile
from tracsync.models import *
now = timezone.now()
ben, ana = User.objects.create_user("ben"), User.objects.create_user("ana")
factor = SecondFactor.objects.create(user=ben, seed="s", mark="m")
BackupCode.objects.create(factor=factor, digest="d")
Identity.objects.create(user=ben, issuer="i", subject="s")
SavedFilter.objects.create(user=ben, of_list="l", name="n")
channel = NoticeChannel.objects.create(name="ben's", kind="email", user=ben)
destination = Destination.objects.get()
resource = destination.resource
ResourceVersion.objects.create(resource=resource, number=7, user=ana, by="ana", content={})
tokens = [ApiToken.generate(name)[0] for name in ("ben's", "of the shop", "revoked")]
tokens[0].owner, tokens[1].destination = ben, destination
for token in tokens:
    token.save()
    KeptAnswer.objects.create(token=token, key="k", fingerprint="f", begun_at=now)
incident = Incident.objects.create(key="k", event="stalled", opened_at=now, destination=destination)
Notice.objects.create(incident=incident, channel=channel, phase="opened", created_at=now)
NoticeLimits.objects.create(destination=destination)
profile = Profile.objects.create(id="gone", document={"id": "gone"})
audit = Audit.objects.create(destination=destination, total=1)
AuditFinding.objects.create(audit=audit, profile=profile, kind="differs")
job = ImportJob.objects.create(name="people.json", size=1)
RefusedRecords.objects.create(job=job, number=0, data=b"")
"""
DELETE = """
from django.contrib.auth.models import User
from destinations.models import Destination, Resource
from profiles.imports.models import ImportJob
from profiles.models import Profile
from tracsync.models import ApiToken
ApiToken.objects.get(name="revoked").delete()
Profile.objects.get(pk="gone").delete()
Profile.with_deleted.filter(pk="gone").purge()
ImportJob.objects.get().delete()
User.objects.get(username="ben").delete()
User.objects.get(username="ana").delete()
Destination.objects.get().delete()
Resource.objects.get().delete()
"""
LEFT = """
from destinations.models import *
from profiles.imports.models import RefusedRecords
from tracsync.models import *
models = [SecondFactor, BackupCode, Identity, SavedFilter, NoticeChannel, ResourceVersion, ApiToken]
models += [KeptAnswer, Incident, Notice, NoticeLimits, Audit, AuditFinding, RefusedRecords]
print([model.__name__ for model in models if model.objects.exists()])
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


def run_before(before, installation, code):
    """Run code in the release before; what it printed."""
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "-v0", "-c", code],
        cwd=before,
        env=installation.environment,
        capture_output=True,
        text=True,
    )
    assert not done.returncode, done.stderr
    return done.stdout


def test_it_deletes_what_new_tables_lead_to(before, installation, receiver):
    """The rule for all foreign keys, and one of each kind deleted."""
    said = json.loads(run_before(before, installation, REFERENCES))
    known = {(table, column) for table, column, *_more in said}
    for table, column, has_constraint, kind in json.loads(installation.python(REFERENCES)):
        if (table, column) not in known and not table.startswith("axes_"):
            assert not has_constraint, f"{table}.{column} is a {kind}: see tracsync/common/online_column.py"
    installation.add_destination(receiver)
    installation.python(HANGS_ON)
    run_before(before, installation, DELETE)
    assert installation.python(LEFT).strip() == "[]"


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
    run_before(before, installation, save)
    wait_for(lambda: arrived(1) == 50, "what was saved and is pushed by the release before")

    installation.start_worker()
    installation.save_profiles(documents("deploy", 50, 2))
    run_before(before, installation, SAVE.format(documents=documents("more", 50, 2)))
    wait_for(lambda: arrived(2) == 100, "what is pushed by both")
    old.terminate()
    old.wait(60)
    installation.save_profiles(documents("deploy", 50, 3))
    wait_for(lambda: arrived(3) == 50, "what is pushed by the new release alone")
    assert_in_order(receiver)
