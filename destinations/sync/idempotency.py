"""Idempotency keys: the same for all repeats of one push, and for nothing else."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from typing import Any
from uuid import UUID, uuid4

from destinations.models import Destination, Installation, ProfileSync


def epoch() -> UUID:
    """What makes the keys of this installation differ from those of every other one, and of its own past."""
    return Installation.objects.get_or_create(pk=1)[0].epoch


def ensure_epoch(**_: Any) -> None:
    """After every migrate, so that no push has to make it."""
    epoch()


def begin_epoch() -> None:
    """From now on no key is one that was used before: numbers of a restored backup mean other pushes."""
    Installation.objects.update_or_create(pk=1, defaults={"epoch": uuid4()})


def key(epoch: UUID, destination: Destination, sync: ProfileSync, version: int, payload_hash: str) -> str:
    """43 characters.

    `payload_hash` tells content, way and place; the destination's `generation` tells two pushes of the same
    content apart between which another content was sent, and `sync.replays` those that a person asked for.
    """
    parts = (epoch, sync.pk, version, payload_hash, destination.generation, sync.replays)
    digest = hashlib.sha256(":".join(map(str, parts)).encode()).digest()
    return urlsafe_b64encode(digest).decode().rstrip("=")
