"""One run, from an empty database to the ledger."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import requests
from django.conf import settings
from django.core.management import call_command
from django.db import InterfaceError, OperationalError, connection, connections
from rich.console import Console

from destinations.models import DeliveryAttempt, Destination, ProfileSync
from profiles import changes
from profiles.models import Profile
from tracsync.processes import launch
from tracsync.prove import environments, ledger
from tracsync.prove.faults import Faults
from tracsync.prove.plan import CHANGES_PER_PROFILE, Plan, batches, may_go
from tracsync.prove.worker_processes import Workers, can_find_processes

PATIENCE = 240.0  # seconds without anything that waits arriving, once nothing fails any more
LOOK_EVERY = 0.5  # seconds
GOES_AT_LAST = 4  # of so many profiles that may go one is deleted when all has arrived
LOG_LINES = 40  # of the workers, shown when something is wrong

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
    receiver = launch.server("tracsync.prove.receiver", str(plan.seed))
    with log_path.open("wb") as log, receiver as url, Workers(plan.workers, log) as workers:
        environments.install(url)
        faults = Faults(plan, workers)
        mend = partial(_mend_what_is_noticed, url)
        documents, replayed_at = _change_under_fire(plan, faults, mend)
        requests.post(f"{url}/calm", timeout=10).raise_for_status()
        if not (waiting := _wait_for_quiet(workers, mend)):
            # Whatever happened before: these were there.
            gone = sorted(id for id, document in documents.items() if may_go(document))[::GOES_AT_LAST]
            _steadily(partial(_delete, gone))
            documents = {id: document for id, document in documents.items() if id not in gone}
            waiting = _wait_for_quiet(workers, mend)
        workers.stop()
        arrivals = [ledger.Arrival(*one) for one in requests.get(f"{url}/arrivals", timeout=60).json()]
    rows = _rows(documents, arrivals, [at for at, _ in faults.done], replayed_at)
    answers = dict(sorted(Counter(arrival.answer for arrival in arrivals).items()))
    result = Result(plan, rows, faults.counts(), answers, waiting, time.monotonic() - began)
    if not result.proven:
        console.print("".join(log_path.read_text(errors="replace").splitlines(True)[-LOG_LINES:]))
        _print_states()
    return result


def _change_under_fire(
    plan: Plan, faults: Faults, mend: Callable[[], None]
) -> tuple[dict[str, dict[str, Any]], float]:
    """Write all changes at an even pace while things fail, and in the middle of it change a mapping and have
    a destination's profiles sent again; the last document of each profile, and the moment of the replay.
    """
    todo, replayed_at = list(batches(plan)), 0.0
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
                _steadily(environments.edit)
                replayed_at = time.time()
                _steadily(environments.replay)
            mend()
            status.update(f"{number}/{len(todo)} batches of changes, {len(faults.done)} faults")
            time.sleep(max(0.0, began + plan.seconds * number / len(todo) - time.monotonic()))
        faults.stop()
    console.print(f"{plan.profiles * CHANGES_PER_PROFILE} changes written; {len(faults.done)} faults done")
    return documents, replayed_at


def _mend_what_is_noticed(url: str) -> None:
    """As the people do who run the other side, when they are told."""
    if names := _steadily(environments.noticed):
        requests.post(f"{url}/mend", json=names, timeout=10).raise_for_status()


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


def _wait_for_quiet(workers: Workers, mend: Callable[[], None]) -> int:
    """Until nothing is waiting any more; how much still is when none of it has gone for a long while."""
    began = came_at = time.monotonic()
    least = None
    with console.status("waiting for quiet") as status:
        while (waiting := _steadily(_waiting)) and time.monotonic() < came_at + PATIENCE:
            if least is None or waiting < least:
                least, came_at = waiting, time.monotonic()
            status.update(f"nothing fails any more; still waiting: {waiting}")
            workers.keep_running()
            mend()
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


def _rows(
    documents: dict[str, dict[str, Any]],
    arrivals: list[ledger.Arrival],
    kills: list[float],
    replayed_at: float,
) -> list[ledger.Row]:
    by_place: dict[str, list[ledger.Arrival]] = defaultdict(list)
    for arrival in arrivals:
        by_place[arrival.place].append(arrival)
    return [
        ledger.row(
            destination.name,
            ledger.expected(destination, documents.values()),
            by_place[destination.name],
            _troubles(destination),
            [*kills, replayed_at] if destination.name == environments.REPLAYED else kills,
            removes=destination.on_delete == Destination.Leaving.REMOVE,
        )
        for destination in Destination.objects.order_by("pk")
    ]


def _troubles(destination: Destination) -> dict[str, list[float]]:
    failed = DeliveryAttempt.objects.filter(destination=destination)
    failed = failed.exclude(outcome=DeliveryAttempt.Outcome.ACCEPTED)
    found: dict[str, list[float]] = defaultdict(list)
    for profile, at in failed.values_list("profile_id", "at"):
        found[profile].append(at.timestamp())
    return found
