"""What commands share: finding what somebody names on the command line."""

from __future__ import annotations

from django.core.management.base import CommandError

from destinations.models import Destination
from profiles.models import Profile


def destination(name: str) -> Destination:
    """By name or by number. Raises CommandError that lists the names there are."""
    found = Destination.objects.filter(name=name).first()
    if found is None and name.isdigit():
        found = Destination.objects.filter(pk=int(name)).first()
    if found is not None:
        return found
    names = list(Destination.objects.values_list("name", flat=True)[:20])
    raise CommandError(f"There is no destination {name!r}. There are: {', '.join(names) or 'none yet'}.")


def profile(id: str) -> Profile:
    """Raises CommandError."""
    found = Profile.objects.filter(pk=id).first()
    if found is None:
        raise CommandError(f"There is no profile {id!r}.")
    return found
