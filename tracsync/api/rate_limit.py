"""How many requests a token may make in a minute, and the headers that say how many are left.

Counted in memory, in whole minutes of the clock. With Redis all web processes count together; without it,
or while it does not answer, each counts for itself: there may be as many times more as there are of them.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from rest_framework.exceptions import ErrorDetail, Throttled

SECONDS = 60
POLICY = "token"
KEPT_IN = "tracsync.rate_limit"  # of `request.META`, which copies of a request share
REDIS_TIMEOUT = 0.2  # seconds
REDIS_REST = 5.0  # seconds without it after it did not answer


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left of `most` requests for `seconds`, after one that was counted."""

    most: int
    used: int
    seconds: int

    def headers(self) -> dict[str, str]:
        """As draft-ietf-httpapi-ratelimit-headers-11 has them."""
        left = max(0, self.most - self.used)
        return {
            "RateLimit-Policy": f'"{POLICY}";q={self.most};w={SECONDS}',
            "RateLimit": f'"{POLICY}";r={left};t={self.seconds}',
        }


class QuotaExceeded(Throttled):
    default_code = "quota_exceeded"

    def __init__(self, quota: Quota) -> None:
        super().__init__(quota.seconds)
        said = f"This token has made {quota.most:,} requests in this minute, which is all that it may"
        self.detail = ErrorDetail(said, self.default_code)
        self.members = {"violated-policies": [POLICY]}


def count(request: HttpRequest, token_id: int) -> None:
    """Count a request once, whoever asks. Raises QuotaExceeded."""
    most: int = settings.TRACSYNC_API_REQUESTS_PER_MINUTE
    if not most:
        return
    quota = request.META.get(KEPT_IN)
    if quota is None:
        now = time.time()
        window = int(now) // SECONDS
        used = _shared_count(token_id, window) or _own.count(token_id, window)
        quota = request.META[KEPT_IN] = Quota(most, used, SECONDS - int(now) % SECONDS)
    if quota.used > quota.most:
        raise QuotaExceeded(quota)


def headers(request: HttpRequest) -> dict[str, str]:
    """For the answer to a request; none where it was not counted."""
    quota: Quota | None = request.META.get(KEPT_IN)
    return quota.headers() if quota else {}


class _Own:
    """The counts of this process, of one minute at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._window = 0
        self._counts: dict[int, int] = {}

    def count(self, token_id: int, window: int) -> int:
        with self._lock:
            if window != self._window:
                self._window, self._counts = window, {}
            self._counts[token_id] = used = self._counts.get(token_id, 0) + 1
            return used


_own = _Own()
_rest_until = 0.0


def _shared_count(token_id: int, window: int) -> int | None:
    """Of all processes; None where there is no Redis, or it does not answer."""
    global _rest_until
    if not settings.REDIS_URL or time.monotonic() < _rest_until:
        return None
    from redis import RedisError

    key = f"{settings.Q_CLUSTER['name']}.requests.{token_id}.{window}"
    try:
        used, _expires = _redis(settings.REDIS_URL).pipeline().incr(key).expire(key, 2 * SECONDS).execute()
        return int(used)
    except (RedisError, OSError):
        _rest_until = time.monotonic() + REDIS_REST
        return None


_making = threading.Lock()


def _redis(url: str) -> Any:
    """One client for all threads: a second one that is thrown away closes connections that are in use."""
    with _making:
        return _made(url)


@cache
def _made(url: str) -> Any:
    from redis import Redis

    return Redis.from_url(url, socket_timeout=REDIS_TIMEOUT, socket_connect_timeout=REDIS_TIMEOUT)
