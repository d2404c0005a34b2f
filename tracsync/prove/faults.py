"""What is done to the installation while it works."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import suppress

from django.db import DatabaseError, connection, connections
from django_q.brokers import get_broker

from tracsync.prove.plan import Plan
from tracsync.prove.worker_processes import Workers

KINDS = ("clock", "notices", "worker", "pusher", "monitor", "sentinel", "supervisor")
BROKER = "broker emptied"
CONNECTIONS = "connections dropped"
ROW = "row held"
HELD_FOR = 8.0  # seconds, longer than anybody waits for a lock
# Seconds. What a dead worker had claimed comes back after 10 s: in too quick a succession of faults nothing
# would be sent any more, and so nothing could go wrong.
SHORTEST_PAUSE, LONGEST_PAUSE = 1.5, 5.0
LOOK_EVERY = 0.1  # seconds


class Faults(threading.Thread):
    """Does one after the other, each kind once in every round, until it is stopped.

    `done` holds the moment and the kind of each; `failure` what ended it early.
    """

    def __init__(self, plan: Plan, workers: Workers) -> None:
        super().__init__(name="faults", daemon=True)
        self.workers, self.kills = workers, plan.kills
        self.rng = plan.random("faults")
        self.kinds = [*KINDS, BROKER, *([CONNECTIONS, ROW] if connection.vendor == "postgresql" else [])]
        pause = plan.seconds / (1.5 * len(self.kinds))
        self.pause = min(LONGEST_PAUSE, max(SHORTEST_PAUSE, pause))
        self.done: list[tuple[float, str]] = []
        self.each_done = threading.Event()
        self.stopped = threading.Event()
        self.failure: Exception | None = None

    def counts(self) -> dict[str, int]:
        return dict(Counter(kind for _, kind in self.done))

    def stop(self) -> None:
        """Once each kind was done at least once. Raises what went wrong meanwhile."""
        self.each_done.wait()
        self.stopped.set()
        self.join()
        self.workers.keep_running()
        if self.failure is not None:
            raise self.failure

    def run(self) -> None:
        try:
            while not self._wait(self.pause):
                self._round()
                self.each_done.set()
        except Exception as error:  # shown by whoever stops this thread
            self.failure = error
        finally:
            self.each_done.set()
            connections.close_all()

    def _round(self) -> None:
        for kind in self.rng.sample(self.kinds, len(self.kinds)) if self.kills else []:
            position = self.rng.randrange(len(self.workers.running))
            if self._wait(self.pause * self.rng.uniform(0.5, 1.5)):
                return
            self._do(kind, position)

    def _wait(self, seconds: float) -> bool:
        """Look after the workers meanwhile; whether to stop."""
        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at and not self.stopped.wait(LOOK_EVERY):
            self.workers.keep_running()
        return self.stopped.is_set()

    def _do(self, kind: str, position: int) -> None:
        if kind == BROKER:
            get_broker().purge_queue()
        elif kind == CONNECTIONS:
            # As a restart of the database does it; only those of the scratch database.
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
        elif kind == ROW:
            threading.Thread(target=_hold_a_row, name="row", daemon=True).start()
        else:
            while not self.workers.kill(position, kind):
                if self._wait(LOOK_EVERY):
                    return
        self.done.append((time.time(), kind))


def _hold_a_row() -> None:
    """As a person does who leaves a transaction open in a console."""
    held = connection.copy()
    try:
        held.set_autocommit(False)
        with held.cursor() as cursor:
            cursor.execute(
                "SELECT id FROM destinations_profilesync ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED"
            )
            time.sleep(HELD_FOR)
    except DatabaseError:
        return  # its connection was dropped meanwhile
    finally:
        with suppress(DatabaseError):
            held.close()
