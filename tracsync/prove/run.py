"""One run, from an empty database to the ledger."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import InterfaceError, OperationalError, connection, connections
from rich.console import Console

from destinations.models import ProfileSync
from profiles import changes
from profiles.models import Profile
from tracsync.prove import ledger
from tracsync.prove.doubles import Doubles
from tracsync.prove.faults import Faults
from tracsync.prove.places import Places
from tracsync.prove.plan import CHANGES_PER_PROFILE, Plan, batches, may_go
from tracsync.prove.worker_processes import Workers, can_find_processes

PATIENCE = 240.0  # seconds without anything that waits arriving, once nothing fails any more
LOOK_EVERY = 0.5  # seconds
GOES_AT_LAST = 4  # of so many profiles that may go one is deleted when all has arrived
LOG_LINES = 40  # of the workers, shown when something is wrong

Side = Places | Doubles

console = Console(stderr=True)


@dataclass(frozen=True, slots=True)
class Result:
    """`waiting`: rows and profiles that were still waiting when patience ended."""

    plan: Plan
    rows: list[ledger.Row]
    faults: dict[str, int]
    answers: dict[str, int]
    waiting: int
    seconds: float

    @property
    def proven(self) -> bool:
        """Nothing lost, nothing stale, everything done; and not because nothing was tried."""
        return self.waiting == 0 and all(row.holds and row.expected and row.delivered for row in self.rows)


def run(plan: Plan) -> Result:
    """Raises RuntimeError where the surroundings are not as they must be."""
    if str(connection.settings_dict["NAME"]) != plan.database:
        raise RuntimeError("the settings do not take the database from DATABASE_URL: nothing was touched")
    if plan.kills and not can_find_processes():
        raise RuntimeError("processes can only be found where there is a /proc: use --no-kills")
    began = time.monotonic()
    call_command("migrate", verbosity=0, interactive=False)
    log_path = Path(settings.DATA_DIR) / "workers.log"
    side: Side = Doubles(plan) if plan.connectors else Places(plan)
    with log_path.open("wb") as log, side, Workers(plan.workers, log) as workers:
        side.install()
        faults = Faults(plan, workers)
        documents = _change_under_fire(plan, faults, side)
        side.calm()
        if not (waiting := _wait_for_quiet(workers, side)):
            # Whatever happened before: these were there.
            gone = sorted(id for id, document in documents.items() if may_go(document))[::GOES_AT_LAST]
            _steadily(partial(_delete, gone))
            documents = {id: document for id, document in documents.items() if id not in gone}
            waiting = _wait_for_quiet(workers, side)
        workers.stop()
        rows, arrivals = side.rows(documents, [at for at, _ in faults.done]), side.arrivals()
    answers = dict(sorted(Counter(arrival.answer for arrival in arrivals).items()))
    result = Result(plan, rows, faults.counts(), answers, waiting, time.monotonic() - began)
    if not result.proven:
        console.print("".join(log_path.read_text(errors="replace").splitlines(True)[-LOG_LINES:]))
        _print_states()
    return result


def _change_under_fire(plan: Plan, faults: Faults, side: Side) -> dict[str, dict[str, Any]]:
    """Write all changes at an even pace while things fail; the last document of each profile."""
    todo = list(batches(plan))
    documents: dict[str, dict[str, Any]] = {}
    began = time.monotonic()
    faults.start()
    with console.status("profiles change, the receiver fails, processes are killed") as status:
        for number, (batch, deleted) in enumerate(todo, start=1):
            _steadily(partial(_write, batch))
            documents.update({document["id"]: document for document in batch})
            _steadily(partial(_delete, deleted))
            documents = {id: document for id, document in documents.items() if id not in deleted}
            if number == (len(todo) + 1) // 2:
                _steadily(side.interfere)
            _steadily(side.mend)
            status.update(f"{number}/{len(todo)} batches of changes, {len(faults.done)} faults")
            time.sleep(max(0.0, began + plan.seconds * number / len(todo) - time.monotonic()))
        faults.stop()
    console.print(f"{plan.profiles * CHANGES_PER_PROFILE} changes written; {len(faults.done)} faults done")
    return documents


def _write(batch: list[dict[str, Any]]) -> None:
    """Whole documents: to write them again, after a connection was lost at the commit, changes nothing."""
    refused = [one for one in changes.write([changes.change_from(one) for one in batch]) if one.error]
    if refused:
        raise RuntimeError(f"a change was refused: {refused[0].error}")


def _delete(ids: list[str]) -> None:
    Profile.objects.filter(pk__in=ids).delete(by="prove")


def _steadily(work: Callable[[], Any], tries: int = 30) -> Any:
    """Do it again where the database was made to fail."""
    for _ in range(tries):
        try:
            return work()
        except (OperationalError, InterfaceError):
            connections.close_all()
            time.sleep(0.2)
    return work()


def _wait_for_quiet(workers: Workers, side: Side) -> int:
    """Until nothing is waiting any more; how much still is when none of it has gone for a long while."""
    began = came_at = time.monotonic()
    least = None
    with console.status("waiting for quiet") as status:
        while (waiting := _steadily(_waiting)) and time.monotonic() < came_at + PATIENCE:
            if least is None or waiting < least:
                least, came_at = waiting, time.monotonic()
            status.update(f"nothing fails any more; still waiting: {waiting}")
            workers.keep_running()
            _steadily(side.mend)
            time.sleep(LOOK_EVERY)
    seconds = time.monotonic() - began
    console.print(f"still waiting: {waiting}" if waiting else f"quiet after {seconds:.0f} s")
    return waiting


def _print_states() -> None:
    """How many rows of each destination are in which state, and why: where something is missing, one of these
    says what became of it."""
    states = ProfileSync.objects.order_by("destination", "state").values_list(
        "destination__name", "state", "reason", "unfinished", "in_doubt"
    )
    for (name, state, reason, unfinished, in_doubt), count in Counter(states).items():
        told = f"{name}: {count} {state}, {unfinished} pushes without an end, {in_doubt=}: {reason}"
        console.print(told, markup=False)


def _waiting() -> int:
    changing = Profile.objects.filter(first_changed_at__isnull=False).count()
    return changing + ProfileSync.objects.filter(due_at__isnull=False).count()
