"""What commands share: finding what somebody names on the command line."""

from __future__ import annotations

from typing import TypeVar

from django.core.management.base import CommandError

from destinations.models import Destination, Resource
from profiles.models import Profile
from profiles.search import finding

MOST_NAMED = 10

Row = TypeVar("Row", Destination, Resource)


def find(kind: type[Row], name: str) -> Row | None:
    """By slug, name or number, in this order."""
    for lookup in ("slug", "name"):
        if found := kind.objects.filter(**{lookup: name}).first():
            return found
    return kind.objects.filter(pk=int(name)).first() if name.isascii() and name.isdigit() else None


def destination(name: str) -> Destination:
    """By slug, name or number. Raises CommandError that lists what there are."""
    found = find(Destination, name)
    if found is not None:
        return found
    names = [one.slug or one.name for one in Destination.objects.only("slug", "name")[:20]]
    raise CommandError(f"There is no destination {name!r}. There are: {', '.join(names) or 'none yet'}.")


def profile(text: str) -> Profile:
    """By its id, or by an e-mail address that one profile has. Raises CommandError."""
    found = Profile.objects.filter(pk=text).first()
    if found is not None:
        return found
    ids = finding.with_email(text, MOST_NAMED) if "@" in text else []
    if len(ids) > 1:
        some = ", ".join(ids[: MOST_NAMED - 1])
        more = ", ..." if len(ids) == MOST_NAMED else ""
        raise CommandError(f"Several profiles have the e-mail address {text!r}. Name an id: {some}{more}")
    if not ids:
        what = "with the id or e-mail address " if "@" in text else ""
        raise CommandError(f"There is no profile {what}{text!r}.")
    return Profile.objects.get(pk=ids[0])
