"""kill -9 of the scheduler while it works on jobs: nothing is left out and nothing is counted twice."""

import json
import os
import signal

from tests.harness import wait_for

RECORDS = 8_000
RECEIVE = f"""
import io, json
from profiles.imports import job as import_jobs
documents = ({{"id": f"job-{{n}}", "stats": {{"visits": n}}}} for n in range({RECORDS}))
job = import_jobs.receive(io.BytesIO("\\n".join(map(json.dumps, documents)).encode()), "many.ndjson")
print(job.pk)
"""
LOOK = """
import json
from profiles.imports.models import ImportJob
from destinations.models import Replay
job = ImportJob.objects.get(pk={pk})
counts = [job.created, job.changed, job.unchanged, job.refused]
replays = [[one.state, one.done, one.total] for one in Replay.objects.all()]
print(json.dumps([job.stage, counts, job.chunks.exists(), replays, job.done]))
"""
START = """
from profiles.imports import job as import_jobs
from profiles.imports.models import ImportJob
import_jobs.start(ImportJob.objects.get(pk={pk}))
"""
REPLAY = """
from destinations.operations import replay, selection
print(replay.request(selection.read_request({"profile_begins": "job-"})).count)
"""
OWED = """
from destinations.operations import selection
print(sum(selection.totals(selection.read_request({"profile_begins": "job-"})).values()))
"""
WANT_NOBODY = """
from destinations.models import Destination
Destination.objects.update(prerequisites="profile@never EXISTS")
"""  # the pushes are not what this is about
MANY = "from profiles.models import Profile; print(Profile.objects.filter(pk__startswith='job-').count())"


def look(installation, pk):
    return json.loads(installation.python(LOOK.format(pk=pk)))


def kill_scheduler(installation, pk, times):
    """Again and again, whenever the one that was started anew has done some of it."""
    for _ in range(times):
        before = look(installation, pk)
        wait_for(lambda before=before: look(installation, pk) != before, "some batches")
        os.kill(installation.complete_worker()["clock"], signal.SIGKILL)


def until_stage(installation, pk, stage):
    wait_for(lambda: look(installation, pk)[0] == stage, f"the stage {stage}")


def test_an_import_and_a_replay_survive_the_scheduler(stack):
    installation, _ = stack
    installation.python(WANT_NOBODY)
    installation.complete_worker()
    pk = int(installation.python(RECEIVE))
    kill_scheduler(installation, pk, 3)
    until_stage(installation, pk, "ready")
    assert look(installation, pk)[1] == [RECORDS, 0, 0, 0]
    assert int(installation.python(MANY)) == 0
    installation.python(START.format(pk=pk))
    kill_scheduler(installation, pk, 3)
    until_stage(installation, pk, "finished")
    assert look(installation, pk)[1:3] == [[RECORDS, 0, 0, 0], False]
    assert int(installation.python(MANY)) == RECORDS

    def waiting_for_all():
        return int(installation.python(OWED))

    wait_for(lambda: waiting_for_all() == RECORDS, "a row for each profile")
    assert int(installation.python(REPLAY)) == RECORDS
    kill_scheduler(installation, pk, 2)

    def replayed():
        [[state, done, total]] = look(installation, pk)[3]
        return state == "finished" and (done, total)

    assert wait_for(replayed, "the end of the replay") == (RECORDS, RECORDS)
