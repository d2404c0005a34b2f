"""Pushes that may have arrived, where only an answer tells by what the profile can be taken away again.

Each is kept before it is sent, until its end is known. Should the profile leave or change before that, it is
repeated first, with its key and its bytes, and then the profile is taken away or changed by what the answer
has told: what may have been created for an earlier e-mail address does not stay behind.

`ProfileSync.unanswered` counts while the row is in doubt: a list of them, the last one last, with None for
those of which nothing is known; and None, where it cannot be told whether there are any. A row that is not in
doubt has a list only within a claim: a worker of an older release may put it in doubt, and keeps nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from django.db.models import Case, F, QuerySet, Value, When

from destinations.connectors.base import Delivery, Rejected
from destinations.models import ProfileSync
from destinations.sync import database
from destinations.sync.decide import Deliver

Push = Mapping[str, Any]

MOST: Final = 4  # of one row; most often all are about the same contact there
AT_FAULT: Final = ("invalid_field", "missing_key", "too_large")  # what is sent is, and always was


def kept(decision: Deliver, delivery: Delivery) -> Push:
    """What is needed to repeat an upsert."""
    return {
        "key": delivery.idempotency_key,
        "version": delivery.version,
        "payload": delivery.payload,
        "payload_hash": decision.payload_hash,
        "document": delivery.profile,
        "moment": delivery.moment.isoformat() if delivery.moment else None,
    }


def repeated(row: ProfileSync, push: Push) -> Delivery:
    """The same delivery once more."""
    return Delivery(
        push["payload"],
        push["key"],
        row.remote,
        key=row.profile_id,
        version=push["version"],
        profile=push["document"],
        moment=datetime.fromisoformat(push["moment"]) if push["moment"] else None,
    )


def begin(rows: Iterable[ProfileSync], may_make_another: bool = False) -> None:
    """From now on it can be told what these rows of a claim may have been sent, even after a crash.

    `may_make_another`: of those whose id is known, too, since a push may make another record of them.
    """
    fresh = [
        row
        for row in rows
        if not (row.in_doubt or (row.remote_id and not may_make_another) or row.unanswered == [])
    ]
    if fresh:
        database.update(_held(fresh), unanswered=[])
    for row in fresh:
        row.unanswered = []


def note(pushes: Mapping[ProfileSync, Push]) -> bool:
    """Keep what is about to be sent; False where a row is not held any more, and nothing may be sent.

    The rows that are passed stay as they are: what was in doubt before.
    """
    field = ProfileSync._meta.get_field("unanswered")
    lists = [(row.pk, Value(_with(row, push), output_field=field)) for row, push in pushes.items()]
    case = Case(*(When(pk=pk, then=value) for pk, value in lists), default=F("unanswered"))
    return database.update(_held(pushes), unanswered=case) == len(pushes)


def unheard(row: ProfileSync, push: Push | None) -> None:
    """This push, where it is kept, may have arrived."""
    if push is not None:
        row.unanswered = _with(row, push)
    row.in_doubt = True


def refused(row: ProfileSync, result: Rejected, key: str) -> bool:
    """Whether it was refused for what it says: then no earlier try of just the same was taken, either.

    Any other refusal tells nothing of an earlier try. It may even come from it, as that of a duplicate does.
    """
    if not (row.in_doubt and row.unanswered and result.code in AT_FAULT):
        return False
    left = [one for one in row.unanswered if one is None or one["key"] != key]
    was_kept = len(left) < len(row.unanswered)
    row.unanswered = left
    row.in_doubt = bool(left)
    return was_kept


def repeats_no_more(row: ProfileSync, key: str) -> None:
    """A push that was refused when it was repeated: what has changed goes without knowing what came of it,
    and who leaves is taken away by the id that is known.
    """
    row.unanswered = [
        {**one, "refused": True} if one is not None and one["key"] == key else one
        for one in row.unanswered or ()
    ]


def _with(row: ProfileSync, push: Push) -> list[Push | None]:
    """What may have arrived once this one is sent."""
    before = [None] if row.unanswered is None else row.unanswered
    others = [one for one in before if row.in_doubt and (one is None or one["key"] != push["key"])]
    if len(others) >= MOST:
        others = [None, *others[2 - MOST :]]
    return [*others, push]


def _held(rows: Collection[ProfileSync]) -> QuerySet[ProfileSync]:
    """These rows of a claim, as far as they still are its own."""
    token = next(iter(rows)).claim_token
    return ProfileSync.objects.filter(pk__among=[row.pk for row in rows], claim_token=token)
