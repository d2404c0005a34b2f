"""The queue: what waits is sent, each channel in a thread of its own, so that none holds up another."""

from __future__ import annotations

import logging
import queue
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone, translation

from tracsync.common import trail
from tracsync.common.encryption import UndecryptableValue
from tracsync.common.messages import message
from tracsync.common.trail import Action
from tracsync.common.translation import translated
from tracsync.models import Notice, NoticeChannel
from tracsync.notices import channels, delivery, words
from tracsync.notices.delivery import Message, NotDelivered

logger = logging.getLogger(__name__)

AT_ONCE = 32  # channels
DEADLINE = 60.0  # seconds of one try, whatever the other side sends in drops
LEASE = timedelta(minutes=5)  # after which a try of a process that died is repeated
RETRY = [timedelta(seconds=30) * 2**n for n in range(7)]  # and from then on the last one
GIVEN_UP_AFTER = timedelta(days=1)
TEST_SECONDS = 25.0
TOO_LONG = message("it took too long")
WELL: dict[str, Any] = {"problem": "", "problem_at": None}


@dataclass(slots=True)
class _Try:
    notice: Notice
    began: float
    overdue: bool = False


class Outbox:
    """What one process sends. Threads only send; all that is read and recorded is so by who calls."""

    def __init__(self) -> None:
        self._tries: dict[int, _Try] = {}  # by channel
        self._results: queue.SimpleQueue[tuple[int, str]] = queue.SimpleQueue()

    @property
    def is_busy(self) -> bool:
        """Whether an answer is still waited for."""
        return any(not one.overdue for one in self._tries.values())

    def begin(self, now: datetime) -> int:
        """Begin to send what is due, one of each channel; how many."""
        is_due = Q(next_at__lte=now) | Q(next_at__gt=now + LEASE + RETRY[-1])  # of a clock that was ahead
        due = Notice.objects.filter(is_due).exclude(channel__in=list(self._tries))
        begun = 0
        first = due.order_by("next_at", "pk")[:AT_ONCE]
        for notice in first.select_related("channel__user").defer("channel__secrets"):
            is_free = notice.channel_id not in self._tries and len(self._tries) < AT_ONCE
            if is_free and _claim(notice, now):
                self._start(notice)
                begun += 1
        return begun

    def collect(self, seconds: float = 0.0) -> int:
        """Record what has come of tries, waiting so long for the first; how many."""
        recorded = 0
        try:
            while True:
                self._ended(*self._results.get(timeout=seconds if not recorded else 0.0))
                recorded += 1
        except queue.Empty:
            pass
        for one in self._tries.values():
            if not one.overdue and time.monotonic() - one.began > DEADLINE:
                one.overdue = True  # its thread keeps the channel; whatever it ends with still counts
                _record(one.notice, TOO_LONG)
                recorded += 1
        return recorded

    def drain(self, seconds: float) -> int:
        """Send all that is due now, for so long at most; how many tries were made."""
        ends_at, tried = time.monotonic() + seconds, 0
        while time.monotonic() < ends_at:
            tried += self.begin(timezone.now())
            if not self.is_busy:
                break
            self.collect(0.2)
        return tried

    def _start(self, notice: Notice) -> None:
        try:
            prepared = delivery.message_for(notice.channel, notice.content, notice.number)
        except UndecryptableValue as error:
            _record(notice, error.args[0])
            return
        channel = notice.channel_id
        self._tries[channel] = _Try(notice, time.monotonic())
        _in_thread(prepared, lambda problem: self._results.put((channel, problem)))

    def _ended(self, channel: int, problem: str) -> None:
        one = self._tries.pop(channel)
        if not one.overdue or not problem:
            _record(one.notice, problem)


def _claim(notice: Notice, now: datetime) -> bool:
    """Whether it is ours now: another process may have taken it, or an operator ended it."""
    rows = Notice.objects.filter(pk=notice.pk, next_at=notice.next_at)
    notice.attempts, notice.next_at = notice.attempts + 1, now + LEASE
    return bool(rows.update(next_at=notice.next_at, attempts=notice.attempts))


def _record(notice: Notice, problem: str) -> None:
    now = timezone.now()
    rows = Notice.objects.filter(pk=notice.pk)
    channel = NoticeChannel.objects.filter(pk=notice.channel_id)
    if not problem:
        rows.update(state=Notice.State.SENT, sent_at=now, next_at=None, problem="")
        channel.update(sent_at=now, **WELL)
        return
    again = now + RETRY[min(notice.attempts, len(RETRY)) - 1]
    waiting = rows.filter(state=Notice.State.WAITING, next_at=notice.next_at)  # not taken by another since
    if again - notice.created_at > GIVEN_UP_AFTER:
        waiting.update(state=Notice.State.DROPPED, next_at=None, problem=problem)
    else:
        waiting.update(next_at=again, problem=problem)
    channel.update(problem=problem, problem_at=now)
    logger.warning("a notice to %s could not be sent: %s", notice.channel.name, problem)


def send_test(channel: NoticeChannel) -> str:
    """Send a test at once, past the queue; why it could not be sent, in the reader's language, "" if it was.

    Raises UndecryptableValue.
    """
    now = timezone.now()
    trail.note(Action.TESTED, channel)
    with translation.override(channels.language_of(channel)):
        content = words.of_test(channel.name, now)
    results: queue.SimpleQueue[str] = queue.SimpleQueue()
    _in_thread(delivery.message_for(channel, content, uuid.uuid4()), results.put)
    try:
        problem = results.get(timeout=TEST_SECONDS)
    except queue.Empty:
        problem = TOO_LONG
    fields: dict[str, Any] = {"problem": problem, "problem_at": now} if problem else WELL | {"sent_at": now}
    NoticeChannel.objects.filter(pk=channel.pk).update(**fields)
    return translated(problem)


def _in_thread(prepared: Message, tell: Callable[[str], None]) -> None:
    """Send, and tell why it could not be sent, "" if it was. It may take as long as the other side likes."""

    def run() -> None:
        try:
            delivery.send(prepared)
        except NotDelivered as error:
            tell(error.args[0])
        except Exception as error:  # our own mistake must not keep the channel for ever
            tell(message("sending failed with %(error)s", error=type(error).__name__))
        else:
            tell("")

    threading.Thread(target=run, name="notice", daemon=True).start()
