"""Connector sessions, which outlive a batch so that connections are used again, and what they are lent:
reachable networks and shared access tokens."""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from destinations.connectors.base import Connector, Runtime, Session
from destinations.models import Destination, Resource
from destinations.sync.tokens.store import StoredTokens, TrialTokens

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
    """Another one as soon as anything that `open` is given has been edited, or the connector's file."""
    given = json.dumps([destination.credentials, destination.settings], sort_keys=True)
    digest = hashlib.sha256(given.encode()).digest()
    return destination.pk, destination.use_test_credentials, connector, digest


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
