"""How long an answer asks everyone to wait: Retry-After, and what servers say about rate limits.

Those are the IETF's draft (`RateLimit: "default";r=0;t=30`, `RateLimit-Policy: "default";q=100;w=60`), older
forms of it (`RateLimit: limit=100, remaining=0, reset=30`; `RateLimit-Remaining` and `RateLimit-Reset`), and
`X-RateLimit-Remaining` with `X-RateLimit-Reset`, which holds seconds or a moment.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from destinations.connectors.base import Limits, Rate

LONGEST_WAIT = 24 * 3600.0  # seconds
_FIRST_EPOCH, _FIRST_EPOCH_MS = 1e9, 1e11  # what is larger is no number of seconds to wait
_LONGEST_VALUE = 1000  # characters of a header

_POLICY = re.compile(r'(?:"([^"\\]*)"|([A-Za-z*][\w*./:-]*))((?:\s*;[^,;"]*+(?:"[^"]*")?)*+)')
_UNNAMED_POLICY = re.compile(r"\s*\d+((?:\s*;[^,;]*+)*+)", re.ASCII)
_PARAMETER = re.compile(r";\s*(\w+)\s*=\s*(\d{1,15})", re.ASCII)
_UNIT = re.compile(r';\s*qu\s*=\s*"([\w-]{1,50})"', re.ASCII)
_PAIR = re.compile(r"\b(\w+)\s*=\s*(\d{1,15})", re.ASCII)
_NUMBER = re.compile(r"\d{1,15}(?:\.\d{1,9})?", re.ASCII)
_PREFIXES = ("RateLimit-", "X-RateLimit-", "X-Rate-Limit-")


@dataclass(frozen=True, slots=True)
class _Quota:
    """What is left of a quota, and seconds until there is more."""

    left: int | None
    wait: float | None


def asked(status: int, headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds that an answer asks everyone to wait before the next call, at most a day; None if it does not.

    Retry-After counts where a call is to be repeated, a rate limit where nothing is left of it, and where the
    status says that it is about this: 429, and 503 unless something is left.
    """
    if status in (403, 408, 423, 425, 429) or status >= 500:
        wait = retry_after(headers, now)
        if wait is not None:
            return wait
    if "rate" not in "".join(headers).lower():
        return None
    quotas = list(_quotas(headers, time.time() if now is None else now))
    used_up = [quota.wait for quota in quotas if quota.left == 0 and quota.wait is not None]
    if used_up:
        return max(used_up)
    if status == 429 or (status == 503 and not any(quota.left for quota in quotas)):
        return min((quota.wait for quota in quotas if quota.wait is not None), default=None)
    return None


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds that a Retry-After header asks for (RFC 9110 10.2.3), at most a day; None if unusable."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:12]), LONGEST_WAIT)
    return _until(_date(value), time.time() if now is None else now)


def policies(headers: Mapping[str, str]) -> Limits | None:
    """What a RateLimit-Policy header says of requests: `"burst";q=100;w=60, "daily";q=5000;w=86400`, and of
    calls at once: `q=10;qu="concurrent-requests"`. None where it says nothing that can be used."""
    text = headers.get("RateLimit-Policy", "")[:_LONGEST_VALUE]
    found, concurrency = [], None
    for _quoted, _token, rest in _POLICY.findall(text):
        values, unit = dict(_PARAMETER.findall(rest)), _UNIT.search(rest)
        count, seconds = int(values.get("q", 0)), float(values.get("w", 0))
        if unit is not None and unit[1].lower() == "concurrent-requests":
            concurrency = count or concurrency
        elif (unit is None or unit[1].lower() == "requests") and count and 0 < seconds <= LONGEST_WAIT:
            found.append(Rate(count, seconds))
    return Limits(concurrency, found) if found or concurrency else None


def _quotas(headers: Mapping[str, str], now: float) -> Iterator[_Quota]:
    windows = _windows(headers.get("RateLimit-Policy", "")[:_LONGEST_VALUE])
    only_window = next(iter(windows.values())) if len(windows) == 1 else None
    limits = headers.get("RateLimit", "")[:_LONGEST_VALUE]
    pairs = dict(_PAIR.findall(limits))
    if "remaining" in pairs or "reset" in pairs:
        yield _quota(pairs.get("remaining"), pairs.get("reset", ""), only_window, now)
    else:
        for quoted, token, rest in _POLICY.findall(limits):
            values = dict(_PARAMETER.findall(rest))
            window = windows.get(quoted or token, only_window)
            yield _quota(values.get("r"), values.get("t", ""), window, now)
    for prefix in _PREFIXES:
        left, reset = headers.get(f"{prefix}Remaining", "").strip(), headers.get(f"{prefix}Reset", "")
        if left or reset:
            yield _quota(left, reset or headers.get(f"{prefix}Reset-After", ""), only_window, now)


def _windows(policies: str) -> dict[str, float]:
    """Seconds of each policy's window."""
    if unnamed := _UNNAMED_POLICY.fullmatch(policies):
        found = {"": unnamed[1]}
    else:
        found = {quoted or token: rest for quoted, token, rest in _POLICY.findall(policies)}
    windows = {name: dict(_PARAMETER.findall(rest)).get("w") for name, rest in found.items()}
    return {name: float(window) for name, window in windows.items() if window}


def _quota(left: str | None, reset: str, window: float | None, now: float) -> _Quota:
    """A quota of which only the window is known has all of it to wait, at most."""
    wait = _wait(reset.strip()[:100], now) if reset.strip() else window
    is_number = left is not None and left.isascii() and left.isdigit() and len(left) < 16
    return _Quota(int(left or 0) if is_number else None, wait)


def _wait(value: str, now: float) -> float | None:
    """Seconds, from a number of them or a moment: epoch seconds or milliseconds, a date."""
    if not _NUMBER.fullmatch(value):
        return _until(_date(value), now)
    number = float(value)
    if number < _FIRST_EPOCH:
        return min(number, LONGEST_WAIT)
    return _until(epoch_seconds(number), now)


def epoch_seconds(moment: float) -> float:
    """From epoch seconds or milliseconds: their numbers are far apart."""
    return moment if moment < _FIRST_EPOCH_MS else moment / 1000


def _date(value: str) -> float | None:
    """A moment in epoch seconds, as HTTP or ISO 8601 write it."""
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = read(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            continue
    return None


def _until(moment: float | None, now: float) -> float | None:
    """Seconds until a moment, None for one that is over."""
    return None if moment is None or moment < now else min(moment - now, LONGEST_WAIT)
