"""A connector without a system behind it: records what it is given and answers what it is told.

    RecordingConnector.reset()
    RecordingConnector.script(Retry("busy", after=30), Unreachable("down"))
    RecordingConnector.during_push = lambda deliveries: profile.save()
    ...
    assert [d.payload for d in RecordingConnector.deliveries] == [...]

State is kept on the class, because the engine makes its own instances; a subclass has its own.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import ClassVar

from destinations.connectors import schemas
from destinations.connectors.base import (
    JSON,
    Accepted,
    Delivery,
    Operation,
    Outcome,
    Runtime,
    Schema,
    Session,
)

Answer = Outcome | Exception | Callable[[Delivery], Outcome]


class RecordingConnector:
    """Accepts everything, unless `script` says otherwise; `deliveries` holds what was pushed, in order.

    `batches` holds the size of each push, `polls` the jobs of each poll, `opened` the (credentials, settings)
    of each session.
    """

    slug: ClassVar[str] = "recording"
    name: ClassVar[str] = "Recording"
    description: ClassVar[str] = "Keeps what it is given in memory; for tests."
    icon: ClassVar[str] = '<svg viewBox="0 0 24 24"><circle cx="12" cy="12" r="8" fill="currentColor"/></svg>'
    credentials_schema: ClassVar[Schema] = {
        "type": "object",
        "properties": {"token": {"type": "string", "title": "Token", "secret": True, "default": ""}},
        "additionalProperties": False,
    }
    settings_schema: ClassVar[Schema] = {"type": "object", "default": {}}
    payload_schema: ClassVar[Schema] = {}
    batch_size: ClassVar[int] = 100
    operations: ClassVar[tuple[Operation, ...]] = ("upsert", "remove", "erase")

    deliveries: ClassVar[list[Delivery]]
    batches: ClassVar[list[int]]
    opened: ClassVar[list[tuple[dict[str, JSON], dict[str, JSON]]]]
    answers: ClassVar[deque[Answer]]
    polls: ClassVar[list[list[JSON]]]
    poll_answers: ClassVar[deque[Outcome | Exception]]
    during_push: ClassVar[Callable[[Sequence[Delivery]], object] | None]
    _lock: ClassVar[threading.Lock]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.reset()

    @classmethod
    def reset(cls) -> None:
        """Forget what was recorded and scripted."""
        cls._lock = threading.Lock()
        cls.deliveries, cls.batches, cls.opened, cls.answers = [], [], [], deque()
        cls.polls, cls.poll_answers = [], deque()
        cls.during_push = None

    @classmethod
    def script_polls(cls, *answers: Outcome | Exception) -> None:
        """The answers to the next jobs that are asked for, one each; without any they are accepted."""
        cls.poll_answers.extend(answers)

    @classmethod
    def script(cls, *answers: Answer) -> None:
        """The answers to the next deliveries, one each; an exception is raised for the whole push."""
        cls.answers.extend(answers)

    def open(
        self, credentials: Mapping[str, JSON], settings: Mapping[str, JSON], runtime: Runtime | None = None
    ) -> AbstractContextManager[Session]:
        self.opened.append((dict(credentials), dict(settings)))
        return self._session()

    @contextmanager
    def _session(self) -> Iterator[Session]:
        yield _RecordingSession(type(self))

    def describe(
        self, credentials: Mapping[str, JSON], settings: Mapping[str, JSON], delivery: Delivery
    ) -> dict[str, JSON]:
        return {
            "credentials": schemas.mask(self.credentials_schema, credentials),
            "operation": delivery.operation,
            "payload": delivery.payload,
            "idempotency_key": delivery.idempotency_key,
        }


class _RecordingSession:
    def __init__(self, record: type[RecordingConnector]) -> None:
        self._record = record

    def check(self) -> str:
        return f"remembers {len(self._record.deliveries)} deliveries"

    def push(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        record = self._record
        with record._lock:
            record.deliveries.extend(deliveries)
            record.batches.append(len(deliveries))
            answers = [record.answers.popleft() if record.answers else None for _ in deliveries]
        if record.during_push is not None:
            record.during_push(deliveries)
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return [_outcome(answer, delivery) for answer, delivery in zip(answers, deliveries, strict=True)]

    def poll(self, jobs: Sequence[JSON]) -> Sequence[Outcome]:
        record = self._record
        with record._lock:
            record.polls.append(list(jobs))
            waiting = record.poll_answers
            answers = [waiting.popleft() if waiting else Accepted() for _ in jobs]
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return [answer for answer in answers if not isinstance(answer, Exception)]


def _outcome(answer: Answer | None, delivery: Delivery) -> Outcome:
    if answer is None:
        if delivery.operation != "upsert":
            return Accepted()
        return Accepted(delivery.remote or {"id": f"remote-{delivery.idempotency_key}"})
    assert not isinstance(answer, Exception)
    return answer(delivery) if callable(answer) else answer


RecordingConnector.reset()
