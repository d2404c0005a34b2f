"""Connector sessions, which outlive a batch so that connections are used again, and what they are lent:
reachable networks and shared access tokens."""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from destinations.connectors.base import Connector, MemoryTokenStore, Runtime, Session, Token
from destinations.models import AccessToken, Destination, Resource

IDLE = 20.0  # seconds after which a session is not used again; servers close connections, too
MOST = 64  # sessions kept by one process


@dataclass(frozen=True, slots=True)
class _Idle:
    key: tuple[Any, ...]
    session: Session
    stack: ExitStack
    since: float


_idle: list[_Idle] = []  # of this process, the one used last at the end


@contextmanager
def borrowed(destination: Destination, connector: Connector) -> Iterator[Session]:
    """A session that is the caller's alone for so long. Raises ConfigurationError.

    After any exception it is closed: whoever raised may have left it in the middle of something.
    """
    key = _key(destination, connector)
    kept = _take(key) or _open(key, destination, connector)
    with ExitStack() as failed:
        failed.push(kept.stack)
        yield kept.session
        failed.pop_all()
    _idle.append(_Idle(key, kept.session, kept.stack, time.monotonic()))
    _close_some()


def close_all() -> None:
    """Close every session that nobody uses at the moment."""
    while _idle:
        _idle.pop().stack.close()


def _open(key: tuple[Any, ...], destination: Destination, connector: Connector) -> _Idle:
    stack = ExitStack()
    opened = connector.open(destination.credentials, destination.settings, runtime(destination))
    return _Idle(key, stack.enter_context(opened), stack, time.monotonic())


def _take(key: tuple[Any, ...]) -> _Idle | None:
    """The session that was used last: the others may grow old and be closed."""
    for kept in reversed(_idle.copy()):
        if kept.key == key and time.monotonic() - kept.since < IDLE:
            try:
                _idle.remove(kept)
            except ValueError:
                continue  # another thread was quicker
            return kept
    return None


def _close_some() -> None:
    oldest = time.monotonic() - IDLE
    for position, kept in enumerate(_idle.copy()):
        if kept.since < oldest or position < len(_idle) - MOST:
            try:
                _idle.remove(kept)
            except ValueError:
                continue
            kept.stack.close()


def _key(destination: Destination, connector: Connector) -> tuple[Any, ...]:
    """Another one as soon as anything that `open` is given has been edited."""
    given = json.dumps([destination.credentials, destination.settings], sort_keys=True)
    digest = hashlib.sha256(given.encode()).digest()
    return destination.pk, destination.use_test_credentials, type(connector), digest


# A connection must not be shared across a fork, and is closed by whoever opened it.
os.register_at_fork(after_in_child=_idle.clear)
atexit.register(close_all)


def runtime(destination: Destination) -> Runtime:
    """For pushing: tokens are shared with all workers."""
    tokens = StoredTokens(destination.resource, destination.use_test_credentials)
    return Runtime(allowed_internal=settings.TRACSYNC_ALLOWED_INTERNAL_NETWORKS, tokens=tokens)


def trial_runtime(resource: Resource, use_test: bool) -> Runtime:
    """For a connection test: it shows whether the credentials work, so no stored access token is used."""
    tokens = TrialTokens(StoredTokens(resource, use_test))
    return Runtime(allowed_internal=settings.TRACSYNC_ALLOWED_INTERNAL_NETWORKS, tokens=tokens)


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
        return Token(_kept(stored)["value"], stored.expires_at.timestamp(), _kept(stored)["refresh"])

    def refresh_token(self) -> str:
        stored = AccessToken.objects.filter(**self.row).first()
        return _kept(stored)["refresh"] if stored else ""

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
                # A text is what releases before this one can read.
                both = {"value": renewed.value, "refresh": renewed.refresh}
                row.update(value=both if renewed.refresh else renewed.value, expires_at=expires_at)
            return renewed
        finally:
            row.update(renewing_until=None)


class TrialTokens(MemoryTokenStore):
    """The tokens of a trial. A refresh token is shared with all: it may count only once."""

    def __init__(self, shared: StoredTokens) -> None:
        super().__init__()
        self._shared = shared

    def refresh_token(self) -> str:
        return self._shared.refresh_token()

    def renew(self, stale: Token | None, fetch: Callable[[], Token]) -> Token:
        return super().renew(stale, lambda: self._fetched(fetch))

    def _fetched(self, fetch: Callable[[], Token]) -> Token:
        if self._shared.refresh_token():
            return self._shared.renew(self._shared.get(), fetch)
        fetched = fetch()
        return self._shared.renew(self._shared.get(), lambda: fetched) if fetched.refresh else fetched


def _kept(stored: AccessToken) -> dict[str, str]:
    """The access token, and the refresh token where there is one."""
    both = stored.value if isinstance(stored.value, dict) else {"value": stored.value or ""}
    return {"refresh": "", **both}
