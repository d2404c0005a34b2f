"""What a backfill, or a change, would do to all profiles, as pages say it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _

from destinations.connectors.base import ConnectorError
from destinations.insight import explain, review
from destinations.insight.estimate import Estimates
from destinations.insight.pace import Pace, pace
from destinations.models import Destination
from tracsync.common import times
from tracsync.common.encryption import UndecryptableValue
from tracsync.common.numbers import grouped

SHORTEST = timedelta(seconds=1)  # that is worth saying


def expected(before: Destination | None, after: Destination) -> dict[str, Any]:
    """`rows`: what is counted and how many; `pushes` and `duration` are a backfill's.

    Empty where its connector or its secrets are missing, so that nobody knows what it would do.
    """
    try:
        found = review.count(before, after)
    except (ConnectorError, UndecryptableValue):
        return {}
    return {
        "rows": list(_rows(found, compared=before is not None)),
        "known_by": found.sentence(),
        "pushes": found[review.PUSHED],
        "duration": _duration(found, pace(after)),
    }


def _rows(found: Estimates, *, compared: bool) -> Iterator[tuple[str, Any]]:
    if compared:
        yield _("Meet the prerequisites as they are saved"), found[review.OLD]
        yield _("Meet the prerequisites as you typed them"), found[review.NEW]
        yield _("Start to meet them"), found[review.STARTS]
        yield _("Stop meeting them"), found[review.STOPS]
    else:
        yield _("Meet the prerequisites"), found[review.NEW]
    for name, words in (
        (review.OLD_FAILS, _("Cannot be judged by the prerequisites as they are saved")),
        (review.NEW_FAILS, _("Cannot be judged by the prerequisites")),
        (review.REFUSED, _("Meet them, but their payload cannot be made or sent")),
        (review.REMOVED, _("Are there, do not meet them, and are taken away by a backfill")),
    ):
        if found.held[name]:
            yield words, found[name]


def _duration(found: Estimates, pace: Pace) -> str:
    """Of the pushes of a backfill; "" where there are none."""
    pushes = found[review.PUSHED].about
    if not pushes:
        return ""
    takes = pace.takes(pushes)
    if takes is None:
        return _("How long that takes is not known: nothing was sent lately, and there is no limit.")
    if limit := pace.limit(pushes):
        why = _("at its limit of %(limit)s") % {"limit": explain.rate(limit)}
    else:
        why = _("with %(calls)s calls at once, each taking %(duration)s ms as they did lately")
        why %= {"calls": pace.calls, "duration": grouped(pace.answer or 0)}
    duration = times.duration(max(SHORTEST, takes))
    return _("That takes at least %(duration)s, %(pace)s.") % {"duration": duration, "pace": why}
