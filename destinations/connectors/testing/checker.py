"""One connector while it is tried at one peer: what it does, is seen to hand over, and shows."""

from __future__ import annotations

import copy
import logging
import traceback
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from destinations.connectors import schemas, value_search
from destinations.connectors.base import (
    JSON,
    Connector,
    ConnectorError,
    Delivery,
    MemoryTokenStore,
    Operation,
    Outcome,
    Pending,
    Session,
)
from destinations.connectors.capabilities import ask, batch_size
from destinations.connectors.redaction import url_secrets
from destinations.connectors.testing.peer import Description, Peer

MOST_POLLS: Final = 20  # for the end of one job


class Checker:
    """One connector at one peer: what is wrong so far, and what it has shown."""

    def __init__(self, connector: Connector, peer: Peer) -> None:
        self.connector, self.peer = connector, peer
        self.faults: list[str] = []
        self._shown: list[tuple[str, str]] = []
        self._handed: list[tuple[Delivery, Delivery]] = []
        self._run = uuid.uuid4().hex[:8]
        self._count = 0
        self._tokens = MemoryTokenStore()

    def fault(self, sentence: str) -> None:
        if sentence not in self.faults:
            self.faults.append(sentence)

    def shown(self, where: str, what: object) -> None:
        """Something that people may get to see: no secret may be in it."""
        if isinstance(what, BaseException):
            self._shown.append((where, "".join(traceback.format_exception(what))))
        self._shown.append((where, what if isinstance(what, str) else repr(what)))

    def delivery(
        self, payload: JSON, operation: Operation = "upsert", remote: Mapping[str, JSON] | None = None
    ) -> Delivery:
        self._count += 1
        return Delivery(
            payload=payload,
            idempotency_key=f"{self._run}:{self._count}:contract",
            remote=dict(remote or {}),
            operation=operation,
            key=f"profile-{self._count}",
            version=self._count,
            profile=dict(self.peer.profile(self._count)) if operation == "upsert" else {},
            moment=datetime.now(UTC),
        )

    def good(self) -> Delivery:
        return self.delivery(self.peer.payload(self._count + 1))

    @contextmanager
    def session(self, credentials: Mapping[str, JSON] | None = None) -> Iterator[Session]:
        given = self.peer.credentials if credentials is None else credentials
        tokens = self._tokens if credentials is None else MemoryTokenStore()
        runtime = replace(self.peer.runtime, tokens=tokens)
        with self.connector.open(dict(given), dict(self.peer.settings), runtime) as session:
            self.shown("the repr of its session", session)
            yield session

    def push(self, session: Session, deliveries: Sequence[Delivery]) -> list[Outcome]:
        """As the engine does it: never more at once than the connector wants."""
        size = batch_size(self.connector, self.peer.settings)
        parts = [deliveries[at : at + size] for at in range(0, len(deliveries), size)]
        return [outcome for part in parts for outcome in self._part(session, part)]

    def _part(self, session: Session, deliveries: Sequence[Delivery]) -> list[Outcome]:
        self._handed += [(delivery, copy.deepcopy(delivery)) for delivery in deliveries]
        try:
            outcomes = list(session.push(deliveries))
        except ConnectorError as error:
            self.shown("what push raises", error)
            raise
        for outcome in outcomes:
            self._look_at(outcome)
        if len(outcomes) != len(deliveries):
            counts = f"{len(outcomes)} outcomes for {len(deliveries)} deliveries"
            self.fault(f"It returns {counts}: there has to be one for each, in order.")
        return self._ended(session, outcomes)

    def _ended(self, session: Session, outcomes: list[Outcome]) -> list[Outcome]:
        """What is answered later is asked for at once, and again: a peer for tests need not take its time."""
        for _ in range(MOST_POLLS):
            open_ones = {place: one for place, one in enumerate(outcomes) if isinstance(one, Pending)}
            if not open_ones:
                return outcomes
            came = list(ask(session, [one.job for one in open_ones.values()]))
            if len(came) != len(open_ones):
                counts = f"{len(came)} outcomes for {len(open_ones)} jobs"
                self.fault(f"poll returns {counts}: there has to be one for each, in order.")
                return outcomes
            for place, outcome in zip(open_ones, came, strict=True):
                self._look_at(outcome)
                outcomes[place] = outcome
        self.fault(f"A job is pending still when it was asked for {MOST_POLLS} times.")
        return outcomes

    def _look_at(self, outcome: Outcome) -> None:
        if not isinstance(outcome, Outcome):
            self.fault(f"It returns a {type(outcome).__name__} where an outcome is wanted.")
            return
        kind = type(outcome).__name__
        self.shown(f"an outcome {kind}", outcome)
        if outcome.exchange is not None:  # its parts may be made when they are read
            self.shown(f"the exchange of an outcome {kind}", outcome.exchange.request)
            self.shown(f"the exchange of an outcome {kind}", outcome.exchange.response)

    def describe(self, delivery: Delivery) -> Description:
        self._handed.append((delivery, copy.deepcopy(delivery)))
        told = self.connector.describe(dict(self.peer.credentials), dict(self.peer.settings), delivery)
        self.shown("what describe shows", told)
        return told

    def unchanged(self, name: str, action: Callable[[], object]) -> None:
        before = copy.deepcopy(self.peer.state())
        action()
        if self.peer.state() != before:
            self.fault(f"{name} changes something at the other side, and must not.")

    def look_at_what_was_handed(self) -> None:
        for delivery, before in self._handed:
            for name in ("payload", "remote", "profile"):
                if getattr(delivery, name) != getattr(before, name):
                    self.fault(f"It changes the {name} that it is handed, which a repeat has to send again.")

    def secrets(self) -> set[str]:
        known = list(self.peer.secrets())
        for schema, value in (
            (self.connector.credentials_schema, self.peer.credentials),
            (self.connector.credentials_schema, self.peer.wrong_credentials or {}),
            (self.connector.settings_schema, self.peer.settings),
        ):
            known += schemas.secrets(schema, value)
        return {part for secret in known for part in (secret, *url_secrets(secret))}

    def look_for_secrets(self) -> None:
        forms = value_search.forms(self.secrets())
        for where, text in self._shown:
            if any(form in text for form in forms):
                self.fault(f"A secret stands in {where}.")

    @contextmanager
    def logs_read(self) -> Iterator[None]:
        handler = _Reader(self)
        root = logging.getLogger()
        level = root.level
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        try:
            yield
        finally:
            root.setLevel(level)
            root.removeHandler(handler)


class _Reader(logging.Handler):
    def __init__(self, check: Checker) -> None:
        super().__init__()
        self._check = check

    def emit(self, record: logging.LogRecord) -> None:
        self._check.shown("the log", self.format(record))
