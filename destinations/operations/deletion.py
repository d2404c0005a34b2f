"""Deleted profiles: which destinations are still to be told, inside the transaction that deletes them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from django.db.models import Q

from destinations.models import DeliveryAttempt, Destination, ProfileSync
from destinations.sync import settle

MAY_BE_THERE = Q(synced_version__isnull=False) | Q(in_doubt=True) | Q(claim_token__isnull=False)


def hand_over(ids: Sequence[str]) -> None:
    """Have these profiles removed where they are, or may be, and where that is wanted: due when a change of
    them would be. What all others know of them goes.

    A row that is being pushed stays in any case: if the profile is made again, its push comes after that one.
    The caller has locked the profiles; the rows are locked after them, as by settling.
    """
    rows = ProfileSync.objects.filter(profile__in=ids)
    locked = rows.select_for_update(no_key=True).order_by("profile_id", "destination_id")
    held = set(locked.values_list("pk", flat=True))
    kept = Q(destination__on_delete=Destination.Leaving.KEEP, erasing=False)
    leaving = rows.exclude(kept).filter(MAY_BE_THERE)
    by_destination: defaultdict[int, list[str]] = defaultdict(list)
    stay = set(rows.filter(claim_token__isnull=False).values_list("pk", flat=True))
    for pk, profile_id, destination_id in leaving.values_list("pk", "profile_id", "destination_id"):
        by_destination[destination_id].append(profile_id)
        stay.add(pk)
    for destination in Destination.objects.filter(pk__in=by_destination).order_by("pk"):
        settle.hand_over([destination], by_destination[destination.pk])
    ProfileSync.objects.filter(pk__in=held - stay).delete()
    attempts = DeliveryAttempt.objects.filter(profile__in=ids)
    for destination_id, profiles in by_destination.items():
        attempts = attempts.exclude(destination=destination_id, profile__in=profiles)
    attempts.delete()
