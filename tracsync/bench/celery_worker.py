"""What many projects have: a Celery task per save that posts what it is given, and neither reads nor records.

`celery --app tracsync.bench.celery_worker worker` takes them; it knows no Django. The broker is what
TRACSYNC_BENCH_CELERY says, and all keys there begin with TRACSYNC_QUEUE.
"""

from __future__ import annotations

import os
from typing import Any

import requests
from celery import Celery

BROKER = "TRACSYNC_BENCH_CELERY"

app = Celery("bench", broker=os.environ.get(BROKER))
app.conf.update(
    broker_transport_options={"global_keyprefix": os.environ.get("TRACSYNC_QUEUE", "bench") + ":"},
    broker_connection_retry_on_startup=True,
    task_ignore_result=True,
)
session = requests.Session()  # of each process


@app.task
def deliver(url: str, payload: Any) -> None:
    session.post(url, json=payload, timeout=10).raise_for_status()
