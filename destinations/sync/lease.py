"""Keeping a claim while its batch is worked on, and knowing when that has failed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import connections

from destinations.sync import claim

logger = logging.getLogger(__name__)

MARGIN = timedelta(seconds=2)  # for hosts whose clocks differ, and for a request on its way


class Lease:
    """The lease of one claim, as long as this process may rely on it.

    When the database cannot be reached, the lease ends and somebody else claims the rows. What is still
    to be sent by then must not be: it would come second to what the other one sends.
    """

    def __init__(self, claimed: claim.Claim, since: float) -> None:
        self._claimed = claimed
        self._stopped = threading.Event()
        self._extend(since)

    def holds(self) -> bool:
        """Whether nobody else can have claimed the rows."""
        return time.monotonic() < self._ends_at

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Renews the lease meanwhile, however long one answer takes."""
        thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            thread.join()

    def _extend(self, began: float) -> None:
        self._ends_at = began + (claim.LEASE - MARGIN).total_seconds()

    def _keep(self) -> None:
        try:
            while not self._stopped.wait(claim.RENEW_EVERY.total_seconds()):
                self._renew()
        finally:
            connections.close_all()

    def _renew(self) -> None:
        began = time.monotonic()
        try:
            if claim.renew(self._claimed):
                self._extend(began)
        except Exception as error:  # a lost connection is replaced at the next try
            logger.warning("a lease could not be renewed (%s), trying again", type(error).__name__)
            connections.close_all()
