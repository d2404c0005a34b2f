"""The built-in receiver: somewhere to send a profile to before there is anywhere else.

Nothing goes over a network, so nothing has to be allowed to reach this installation: the request is made as
for the address that the resource has, its secrets masked, and kept here in its place, encrypted, for whoever
sent it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from destinations.models import Arrival
from tracsync.common.encryption import UndecryptableValue

KEPT = timedelta(minutes=10)
MOST = 20  # arrivals of one person
MOST_CHARACTERS = 20_000  # of each text in it


def keep(user: str, content: dict[str, Any]) -> None:
    """`user`: the id of whoever sent it."""
    forget_old()
    Arrival.objects.create(user=user, at=timezone.now(), content=_bounded(content))
    newest = Arrival.objects.filter(user=user).order_by("-pk").values_list("pk", flat=True)[:MOST]
    Arrival.objects.filter(user=user, pk__lt=min(newest)).delete()


def recent(user: str) -> list[Arrival]:
    """The newest first."""
    forget_old()
    try:
        return list(Arrival.objects.filter(user=user).order_by("-pk")[:MOST])
    except UndecryptableValue:  # not worth to be asked about
        forget(user)
        return []


def forget(user: str) -> None:
    Arrival.objects.filter(user=user).delete()


def forget_old() -> None:
    """Whoever's: what profiles say is kept for minutes."""
    Arrival.objects.filter(at__lt=timezone.now() - KEPT).delete()


def _bounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _bounded(one) for name, one in value.items()}
    if isinstance(value, str) and len(value) > MOST_CHARACTERS:
        return f"{value[:MOST_CHARACTERS]}…"
    return value
