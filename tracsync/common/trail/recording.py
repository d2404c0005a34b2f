"""Writing an entry."""

from __future__ import annotations

from typing import Any

from django.db.models import Model

from tracsync.common.trail.acting import Actor, current
from tracsync.common.trail.differences import Changes


def note(
    action: str,
    row: Model | None = None,
    *,
    named: str = "",
    said: str = "",
    changes: Changes | None = None,
    of: str = "",
    by: Actor | None = None,
) -> None:
    """Write that this was done, in the transaction that is open; nothing where the engine did it.

    `row`: what it was done to; `named`: what it is called, where `str(row)` says too little or too much, or
    what is done has no row, and is `of` a kind. `by`: where the request does not know who it is.
    """
    occasion = current()
    if occasion is None:
        return
    from tracsync.common.trail.models import MOST_NAME, TrailEntry

    actor = by or occasion.actor()
    TrailEntry.objects.create(
        actor_kind=actor.kind,
        actor_id=actor.id[:40],
        actor=actor.name[:MOST_NAME],
        face=occasion.face,
        address=occasion.address,
        request_id=occasion.request_id[:64],
        action=action,
        kind=of or (row._meta.label_lower if row is not None else ""),
        object_id=str(row.pk)[:MOST_NAME] if row is not None and row.pk is not None else "",
        object=_stored(named or (str(row) if row is not None else "")),
        said=said or (f"{occasion.by}" if occasion.by else ""),
        changes=changes or {},
    )


def _stored(text: Any) -> str:
    return str(text).replace("\0", "")[:255]
