"""When to try again: pure functions from what has failed to how long to wait."""

import random
from datetime import timedelta

FIRST = timedelta(seconds=3)
LONGEST = timedelta(hours=1)
MOST_ATTEMPTS = 180  # the first ten take half an hour together, the others an hour each: a week

BREAKER_FAILURES = 5
BREAKER_FIRST = timedelta(seconds=10)
BREAKER_LONGEST = timedelta(minutes=5)
PROBE_FIRST = timedelta(seconds=0.5)
LONGEST_UNASKED = timedelta(hours=1)
LONGEST_AWAITED = timedelta(hours=24)  # then what became of a push counts as unknown
LONGEST_RETRY_AFTER = timedelta(hours=24)


def delay(attempts: int) -> timedelta | None:
    """How long to wait after the given number of failed attempts; None: long enough, give up.

    Doubles from three seconds to an hour; the last quarter is random, so that what failed together does
    not come back together.
    """
    if attempts >= MOST_ATTEMPTS:
        return None
    longest = min(LONGEST, FIRST * 2 ** min(attempts - 1, 20))
    return longest * random.uniform(0.75, 1.0)  # noqa: S311 - spreads load, guards nothing


def hold(failures: int) -> timedelta | None:
    """How long a destination rests after that many failures in a row; None: go on."""
    if failures < BREAKER_FAILURES:
        return None
    return min(BREAKER_LONGEST, BREAKER_FIRST * 2 ** min(failures - BREAKER_FAILURES, 20))


def probe(refusals: int) -> timedelta:
    """How long a destination that refuses everything rests after so many probes were refused, too.

    Short at first: of many profiles that are refused for good reasons some come in a row.
    """
    return min(BREAKER_LONGEST, PROBE_FIRST * 2 ** min(refusals, 20))


def ask_after(seconds: float) -> timedelta:
    """How long a destination that answers later is left alone before it is asked."""
    return min(LONGEST_UNASKED, timedelta(seconds=max(1.0, min(seconds, 1e9))))


def retry_after(seconds: float) -> timedelta:
    """How long a destination rests when it asked for a rest."""
    return min(LONGEST_RETRY_AFTER, timedelta(seconds=max(0.0, min(seconds, 1e9))))
