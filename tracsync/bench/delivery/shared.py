"""What all sections of one run share."""

from __future__ import annotations

from dataclasses import dataclass

from .receiving import Receiver


@dataclass(frozen=True, slots=True)
class Run:
    """`installation` says in words what the workers run on; `redis` is where Celery has its tasks."""

    receiver: Receiver
    profiles: int
    workers: int
    repetitions: int
    seconds: float
    rabbitmq: str
    redis: str
    installation: str
