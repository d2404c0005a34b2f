"""What the installation lends a connector's session: reachable networks and shared access tokens."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from destinations.connectors.base import MemoryTokenStore, Runtime, Token
from destinations.models import AccessToken, Destination, Resource


def runtime(destination: Destination) -> Runtime:
    """For pushing: tokens are shared with all workers."""
    tokens = StoredTokens(destination.resource, destination.use_test_credentials)
    return Runtime(allowed_internal=settings.TRACSYNC_ALLOWED_INTERNAL_NETWORKS, tokens=tokens)


def trial_runtime() -> Runtime:
    """For a connection test: it shows whether the credentials work, so no stored token is used."""
    return Runtime(allowed_internal=settings.TRACSYNC_ALLOWED_INTERNAL_NETWORKS, tokens=MemoryTokenStore())


class StoredTokens:
    """A resource's access token in the database; one worker renews it for all.

    Whoever renews has a lease instead of a lock, so that no transaction waits for another system.
    """

    RENEWAL = timedelta(seconds=30)
    LOOK_EVERY = 0.1  # seconds

    def __init__(self, resource: Resource, use_test: bool) -> None:
        self.row: dict[str, Any] = {"resource": resource, "use_test": use_test}

    def get(self) -> Token | None:
        stored = AccessToken.objects.filter(**self.row, expires_at__gt=timezone.now()).first()
        if stored is None or stored.expires_at is None:
            return None
        return Token(stored.value, stored.expires_at.timestamp())

    def renew(self, stale: Token | None, fetch: Callable[[], Token]) -> Token:
        """Whoever comes second waits, and finds the new token there. Raises what `fetch` raises."""
        while (renewed := self._other_than(stale)) is None:
            if self._take_lease():
                return self._fetch(stale, fetch)
            time.sleep(self.LOOK_EVERY)
        return renewed

    def _other_than(self, stale: Token | None) -> Token | None:
        current = self.get()
        is_new = current is not None and (stale is None or current.value != stale.value)
        return current if is_new else None

    def _take_lease(self) -> bool:
        AccessToken.objects.get_or_create(**self.row)
        now = timezone.now()
        free = Q(renewing_until=None) | Q(renewing_until__lte=now)
        return bool(AccessToken.objects.filter(free, **self.row).update(renewing_until=now + self.RENEWAL))

    def _fetch(self, stale: Token | None, fetch: Callable[[], Token]) -> Token:
        row = AccessToken.objects.filter(**self.row)
        try:
            renewed = self._other_than(stale)  # by whoever had the lease right before
            if renewed is None:
                renewed = fetch()
                expires_at = datetime.fromtimestamp(renewed.expires_at, UTC)
                row.update(value=renewed.value, expires_at=expires_at)
            return renewed
        finally:
            row.update(renewing_until=None)
