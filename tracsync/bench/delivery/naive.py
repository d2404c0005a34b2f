"""The naive peer: one django-q2 task per save, to a plain function that posts with requests.

The tasks run in the same django-q2 clusters as the engine's, which has nothing to do meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import requests
from django.db import transaction
from django.db.models.signals import post_save
from django_q.tasks import async_task

from tracsync.bench.plain import PlainProfile

from .receiving import Receiver, completed
from .traffic import Traffic, payloads


def deliver(url: str, id: str) -> None:
    """The task."""
    [payload] = payloads([PlainProfile.objects.get(pk=id).document])
    requests.post(url, json=payload, timeout=10).raise_for_status()


def naive_pass(receiver: Receiver, count: int) -> Callable[[], float]:
    """Deliveries per second, from the first save until the last has arrived."""
    traffic = Traffic("naive", count)

    def run() -> float:
        with _task_for_each_save(receiver.path("naive")):
            return _save(receiver, traffic)

    return run


def _save(receiver: Receiver, traffic: Traffic) -> float:
    """Every profile changes once: a second change costs a second delivery here, and none in the engine."""
    receiver.forget()
    _, documents = traffic.next_round()
    documents = documents[: len(traffic.ids)]
    began = time.time()
    for document in documents:
        PlainProfile(id=document["id"], document=document).save()
    states = {document["id"]: document["n"] for document in documents}
    return len(states) / (max(completed(states, receiver.wait_for(states)).values()) - began)


@contextmanager
def _task_for_each_save(url: str) -> Iterator[None]:
    def enqueue(instance: PlainProfile, **_: Any) -> None:
        task = f"{__name__}.{deliver.__name__}"
        transaction.on_commit(lambda: async_task(task, url, instance.pk))

    post_save.connect(enqueue, sender=PlainProfile, weak=False, dispatch_uid="naive")
    try:
        yield
    finally:
        post_save.disconnect(sender=PlainProfile, dispatch_uid="naive")
