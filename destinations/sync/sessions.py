"""Connector sessions: kept beyond a batch so that connections are used again, lent what they need (reachable
networks and shared access tokens), and called in a way that no connector's mistake harms others."""

from __future__ import annotations

import atexit
import hashlib
import json
import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeGuard

from django.conf import settings

from destinations.connectors.base import (
    Connector,
    ConnectorError,
    Delivery,
    Limits,
    MemoryTokenStore,
    Outcome,
    Pending,
    Retry,
    Runtime,
    Session,
    Unknown,
)
from destinations.connectors.capabilities import ask, lowered_limits
from destinations.models import Destination, Resource
from destinations.sync.entries import OUTCOMES, Push
from destinations.sync.tokens.store import StoredTokens, TrialTokens
from tracsync.common.messages import message

logger = logging.getLogger(__name__)

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


def typed_runtime() -> Runtime:
    """For credentials that are only typed: no stored access token is used, and none is kept."""
    return Runtime(allowed_internal=settings.TRACSYNC_ALLOWED_INTERNAL_NETWORKS, tokens=MemoryTokenStore())


def limits_told(session: Session) -> Limits | None:
    """What this session was told of the account's limits."""
    try:
        return lowered_limits(session)
    except Exception as error:  # a connector's own mistake: what is set holds
        logger.error("a connector failed with %s when asked for its limits", type(error).__name__)
        return None


def send(session: Session, pushes: Sequence[Push]) -> Sequence[Outcome]:
    """One outcome for each, of what is sent, or was sent before and is answered later: all of one kind.

    Raises ConnectorError where nothing could be tried.
    """
    if pushes[0].sync.awaited is None:
        return _outcomes(session, [push.delivery for push in pushes])
    return _answers(session, [push.sync.awaited["job"] for push in pushes])


def _answers(session: Session, jobs: list[Any]) -> Sequence[Outcome]:
    """What became of these jobs. Where that cannot be learned nothing is sent again: the destination rests,
    and is asked once more. Raises ConnectorError."""
    try:
        came = ask(session, jobs)
    except ConnectorError:
        raise
    except Exception as error:  # a connector's own mistake
        logger.error("a connector failed with %s when asked for answers", type(error).__name__)
        name = type(error).__name__
        raise ConnectorError(message("the connector failed with %(name)s", name=name)) from None
    if not _fits(came, jobs):
        logger.error("a connector did not give one outcome per job")
        raise ConnectorError(message("the connector did not give one outcome per job"))
    return came


def _fits(came: object, asked: Sequence[object]) -> TypeGuard[Sequence[Outcome]]:
    """Whether a connector has given what it should: it may be anybody's."""
    known = (*OUTCOMES, Pending)
    return isinstance(came, Sequence) and len(came) == len(asked) and all(type(one) in known for one in came)


def _outcomes(session: Session, deliveries: list[Delivery]) -> Sequence[Outcome]:
    try:
        came = session.push(deliveries)
    except ConnectorError:
        raise
    except Exception as error:  # a connector's own mistake harms only its destination
        logger.error("a connector failed with %s", type(error).__name__)
        reason = message("the connector failed with %(name)s", name=type(error).__name__)
        return [Retry(reason)] * len(deliveries)
    if not _fits(came, deliveries):
        logger.error("a connector did not give one outcome per delivery")
        return [Unknown(message("the connector did not give one outcome per delivery"))] * len(deliveries)
    return came
