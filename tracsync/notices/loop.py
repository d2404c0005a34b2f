"""What a process of its own does without an end: look, in turns with others, and send."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from django.db import DatabaseError, close_old_connections, connections
from django.utils import timezone

from tracsync.models import NoticeWatch
from tracsync.notices import watch
from tracsync.notices.outbox import Outbox

logger = logging.getLogger(__name__)

PAUSE = 1.0  # seconds, in which it can be told to stop


def run(stopped: Callable[[], bool]) -> None:
    """Until told to stop; a database that is away is waited for."""
    outbox, next_look, is_ready = Outbox(), 0.0, False
    while not stopped():
        try:
            if not is_ready:
                NoticeWatch.ensure()
                is_ready = True
            if time.monotonic() >= next_look:
                close_old_connections()
                next_look = time.monotonic() + watch.EVERY.total_seconds()
                look(outbox)
            if outbox.is_busy:
                outbox.collect(PAUSE)
                outbox.begin(timezone.now())  # the next of the same channel
            else:
                time.sleep(PAUSE)
        except Exception as error:
            # The text of a database error may repeat the values of a row.
            detail = "" if isinstance(error, DatabaseError) else f": {error}"
            logger.error("notices could not be looked for (%s%s), trying again", type(error).__name__, detail)
            connections.close_all()
            time.sleep(PAUSE)


def look(outbox: Outbox) -> bool:
    """One look, and the beginning of what is due; whether it was this process's turn to look."""
    now = timezone.now()
    try:
        return watch.look(now)
    finally:
        outbox.begin(now)
