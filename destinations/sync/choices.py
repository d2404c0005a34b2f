"""Which rows are meant: a choice that can be stored, sent over HTTP, and turned into rows again at any time.

A choice is a JSON object of some of these, all of which must hold:

- of profile syncs: `destination` (a number), `profile` (an id), `profile_begins`, `state`, `owed`;
- of their attempts: `outcome`, `status_code`, `status` (a first digit, or "none"), `at_from`, `at_to`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_aware
from django.utils.translation import gettext as _

from destinations.models import DeliveryAttempt, ProfileSync
from profiles.documents import MAX_ID_LENGTH
from profiles.large_tables import id_matches
from profiles.models import Profile

Choice = dict[str, Any]


class InvalidChoice(ValueError):
    """It chooses nothing that can be looked for; the message says why."""


def check(choice: Any) -> Choice:
    """The choice, if every part of it means something. Raises InvalidChoice."""
    if not isinstance(choice, dict) or not choice:
        raise InvalidChoice(_("Say which: by destination, state, outcome or another part of a choice"))
    for name, value in choice.items():
        if name not in _CHECKS:
            known = ", ".join(_CHECKS)
            raise InvalidChoice(_("There is no choice by “%(name)s”; known are: %(known)s") % locals())
        if not _CHECKS[name](value):
            raise InvalidChoice(_("This is not a value for “%(name)s”") % {"name": name})
    return choice


def rows(choice: Choice) -> QuerySet[ProfileSync]:
    """The profile syncs that are chosen."""
    chosen = ProfileSync.objects.filter(_of_both(choice), **_only(choice, "state"))
    if "owed" in choice:
        chosen = chosen.filter(due_at__isnull=not choice["owed"])
    if not choice.keys() & OF_ATTEMPTS:
        return chosen
    # By the index of the few attempts of one profile: told both, SQLite reads all of the destination.
    there = _attempts(_only(choice, *OF_ATTEMPTS)).annotate(there=F("destination_id") + 0)
    tried = there.filter(profile=OuterRef("profile"), there=OuterRef("destination_id"))
    return chosen.filter(Exists(tried))


def totals(choice: Choice) -> dict[int, int]:
    """How many are chosen at each destination, by its id.

    Of attempts it counts the profiles, which are found through the attempts that match and not through all
    profile syncs there are.
    """
    by_attempts = choice.keys() & OF_ATTEMPTS and not choice.keys() & OF_SYNCS
    counted: QuerySet[Any] = _attempts(choice) if by_attempts else rows(choice)
    groups = counted.order_by().values("destination").annotate(count=Count("profile", distinct=True))
    return {group["destination"]: group["count"] for group in groups}


def _attempts(choice: Choice) -> QuerySet[DeliveryAttempt]:
    found = DeliveryAttempt.objects.filter(_of_both(choice), **_only(choice, "outcome", "status_code"))
    if "at_from" in choice:
        found = found.filter(at__gte=choice["at_from"])
    if "at_to" in choice:
        found = found.filter(at__lt=choice["at_to"])
    status = choice.get("status", "")
    if status == "none":
        return found.filter(status_code=None)
    first = int(status or 0) * 100
    return found.filter(status_code__gte=first, status_code__lt=first + 100) if status else found


def _of_both(choice: Choice) -> Q:
    chosen = Q(**_only(choice, "destination", "profile"))
    if "profile_begins" in choice:
        beginning = Profile.objects.filter(id_matches(choice["profile_begins"], Profile.objects.db))
        chosen &= Q(profile__in=beginning.order_by().values("pk"))
    return chosen


def _only(choice: Choice, *names: str) -> dict[str, Any]:
    return {name: choice[name] for name in names if name in choice}


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_ID_LENGTH and "\0" not in value


def _is_number(value: Any) -> bool:
    return type(value) is int and 0 < value < 2**63


def _is_moment(value: Any) -> bool:
    try:
        moment: datetime | None = parse_datetime(value) if isinstance(value, str) else None
    except ValueError:
        return False
    return moment is not None and is_aware(moment)


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "destination": _is_number,
    "profile": _is_text,
    "profile_begins": _is_text,
    "state": lambda value: value in ProfileSync.State.values,
    "owed": lambda value: isinstance(value, bool),
    "outcome": lambda value: value in DeliveryAttempt.Outcome.values,
    "status_code": lambda value: type(value) is int and 0 < value < 1000,
    "status": lambda value: value in ("1", "2", "3", "4", "5", "none"),
    "at_from": _is_moment,
    "at_to": _is_moment,
}
OF_SYNCS = {"state", "owed"}
OF_ATTEMPTS = {"outcome", "status_code", "status", "at_from", "at_to"}
