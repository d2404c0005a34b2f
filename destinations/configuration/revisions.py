"""Which edit a destination or resource is at, and what others have edited since.

A revision is raised by every `configuration.save` that changes what people decide. Who was shown one says so
when saving; whoever was faster is not overwritten unseen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from destinations.configuration import history
from destinations.configuration.history import Author
from destinations.models import Destination, Resource
from tracsync.common.translation import translated

MOST_EDITS = 20  # that are kept of a resource, and told of a destination
MOST_NAMES = 50  # of fields, in one edit
LABELS = {**history.OF_RESOURCES, "type_id": gettext_lazy("Type")}
DECIDED = {
    Destination: (*history.OWN, "resource_id", "settings"),
    Resource: (*LABELS, *history.SETS),
}


class Stale(Exception):
    """The row was edited or deleted since the revision that an edit was made for; nothing is stored."""


@dataclass(frozen=True, slots=True)
class Edit:
    """`by` is blank where nobody knows; `changes`: a sentence for each difference, without secrets."""

    by: str
    at: datetime
    changes: list[str]


def next_of(before: Destination | Resource | None, after: Destination | Resource) -> int:
    """The revision of a row that is about to be stored; the same where nothing of it has changed."""
    if before is None:
        return 1
    names = DECIDED[type(after)]
    return before.revision + any(getattr(before, name) != getattr(after, name) for name in names)


def edits_since(row: Destination | Resource, revision: int) -> list[Edit]:
    """What has been edited since a revision, oldest first; of very many the last ones."""
    return list(
        _of_destination(row, revision) if isinstance(row, Destination) else _of_resource(row, revision)
    )


def _of_destination(destination: Destination, revision: int) -> Iterator[Edit]:
    newer = destination.versions.filter(revision__gt=revision)[:MOST_EDITS]
    for version in reversed(newer):
        before = destination.versions.filter(number__lt=version.number).first()
        secrets_changed = version.secrets_changed
        changes = (
            history.changes(before.content, version.content, secrets_changed=secrets_changed)
            if before
            else []
        )
        by = version.by if version.user_id else translated(version.by)
        yield Edit(by, version.at, changes)


def _of_resource(resource: Resource, revision: int) -> Iterator[Edit]:
    for edit in resource.edits or ():
        if edit["revision"] > revision:
            by = edit["by"] or _("the command line")
            yield Edit(by, datetime.fromisoformat(edit["at"]), _sentences(edit["fields"]))


def note(resource: Resource, before: Resource | None, by: Author | None) -> None:
    """Keep who has edited which fields of a resource, without what they hold, with the row.

    A destination has its history for that.
    """
    if before is None:
        return
    resource.edits = before.edits
    if resource.revision != before.revision:
        edit = {
            "revision": resource.revision,
            "at": timezone.now().isoformat(),
            "by": by.name[:255] if by else "",
            "fields": _differing(before, resource)[:MOST_NAMES],
        }
        resource.edits = [*(before.edits or ()), edit][-MOST_EDITS:]


def differences(before: Resource, after: Resource) -> list[str]:
    """What is different between two states of a resource, a sentence for each field or set of credentials."""
    return _sentences(_differing(before, after))


def _differing(before: Resource, after: Resource) -> list[str]:
    names = [name for name in LABELS if getattr(before, name) != getattr(after, name)]
    for name in history.SETS:
        old, new = dict(_leaves(getattr(before, name))), dict(_leaves(getattr(after, name)))
        names += [f"{name}.{path}" for path in {**old, **new} if old.get(path) != new.get(path)]
    return names


def _leaves(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, item in value.items():
        if isinstance(item, Mapping) and item:
            yield from _leaves(item, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", item


def _sentences(names: list[str]) -> list[str]:
    found = [str(LABELS[name]) for name in names if name in LABELS]
    for kind, label in history.SETS.items():
        paths = [name.removeprefix(f"{kind}.") for name in names if name.startswith(f"{kind}.")]
        if paths:
            found.append(f"{label} ({', '.join(paths)})")
    return [_("%(what)s changed.") % {"what": what} for what in found]
