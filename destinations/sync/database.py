"""What the engine needs of the database beyond the ORM: locks in one order, and writes tried again."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import OperationalError, close_old_connections, transaction
from django.db.models import QuerySet

from destinations.models import ProfileSync

logger = logging.getLogger(__name__)

PAUSES = (0.1, 0.5, 2.0, 5.0)  # seconds between tries
T = TypeVar("T")


def update(rows: QuerySet[ProfileSync], *, skip_locked: bool = False, **values: Any) -> int:
    """As `rows.update`, locking in the order of the profiles where the database has row locks; how many.

    Settling inserts and updates in that order: whoever keeps to it waits for others, never in a circle.
    """
    chosen = rows.order_by("profile_id").select_for_update(no_key=True, skip_locked=skip_locked)
    with transaction.atomic():
        return ProfileSync.objects.filter(pk__in=chosen.values("pk")).update(**values)


def patiently(write: Callable[[], T]) -> T:
    """Write, again after a pause where the database fails for a moment (a restart, a deadlock).

    `write` is a transaction of its own. Raises OperationalError when it goes on failing.
    """
    for pause in PAUSES:
        try:
            return write()
        except OperationalError as error:
            logger.warning("the database failed (%s), writing again", type(error).__name__)
            time.sleep(pause)
            close_old_connections()
    return write()
