"""What an external system calls a profile belongs to one profile.

Systems that know people by an e-mail address make one of two profiles that have the same. Whichever was
accepted last is the one that it is; the other is found by its address again. Otherwise a change of one's
address would take along what belongs to the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q

from destinations.connectors import earlier
from destinations.connectors.base import Accepted
from destinations.models import ProfileSync
from destinations.sync import database
from destinations.sync.entries import Entry

Owners = dict[tuple[int, str], int]  # the row by its destination and remote id


def taken(rows: Sequence[ProfileSync], entries: Sequence[Entry], known: Mapping[int, str]) -> Owners:
    """The remote ids that these rows, about to be recorded, did not have before, with the row of each.

    `entries`: in the order in which they were sent; a row whose id another one got after it loses it.
    `known`: the remote ids that the rows had.
    """
    named = {row.pk: row for row in rows if row.remote_id}
    if not named:
        return {}
    owners = {
        (row.destination_id, row.remote_id): row.pk
        for entry in entries
        if isinstance(entry.result, Accepted) and (row := named.get(entry.sync.pk))
    }
    for row in named.values():
        if owners.get((row.destination_id, row.remote_id), row.pk) != row.pk:
            row.remote = _without_id(row.remote)
    return {key: pk for key, pk in owners.items() if known[pk] != key[1]}


def take_from_others(taken: Owners) -> None:
    """Let no other row of the same destination have these remote ids.

    A row that somebody holds at this moment keeps it: nothing waits for that here.
    """
    if taken:
        by_destination: defaultdict[int, list[str]] = defaultdict(list)
        for destination_id, remote_id in taken:
            by_destination[destination_id].append(remote_id)
        # That is the condition of the index: without it all is read that a destination knows.
        named = [
            ~Q(remote_id="") & Q(destination=pk, remote_id__in=ids) for pk, ids in by_destination.items()
        ]
        others = ProfileSync.objects.filter(reduce(or_, named)).exclude(pk__among=taken.values())
        for row in others.order_by():  # in an order SQLite would look through all rows that there are
            same = ProfileSync.objects.filter(pk=row.pk, remote_id=row.remote_id)
            rest = _without_id(row.remote) or None
            database.update(same, skip_locked=True, remote_id="", remote_details=rest)


def own(row: ProfileSync) -> Mapping[str, Any]:
    """What is known of a row that leaves, without earlier records that are another profile's by now."""
    remote = row.remote
    if not (before := earlier.ids_of(remote)):
        return remote
    rows = ProfileSync.objects.filter(~Q(remote_id=""), destination=row.destination_id, remote_id__in=before)
    others = {*rows.exclude(pk=row.pk).order_by().values_list("remote_id", flat=True)}
    return {**remote, earlier.EARLIER: [one for one in before if one not in others]}


def _without_id(remote: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is still the profile's where its id is another's: its other records."""
    before = earlier.ids_of(remote)
    return {earlier.EARLIER: before} if before else {}
