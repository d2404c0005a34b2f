"""The catalogue of extensions: installing one lets resources use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from destinations.connectors import registry
from destinations.models import Extension, Resource
from tracsync.common.messages import message

MOST_NAMED = 10
NEVER_USABLE = Q(
    name=F("slug"), description="", installed_at=None
)  # files that have been wrong from the beginning


class ExtensionInUse(Exception):
    """Resources use the extension; `resources` holds the names of the first of them."""

    def __init__(self, extension: Extension, resources: list[str], count: int) -> None:
        self.extension, self.resources, self.count = extension, resources, count
        names = ", ".join(resources)
        if more := count - len(resources):
            names = message("%(names)s and %(number)s more", names=names, number=more)
        super().__init__(
            message(
                "%(name)s is used by %(names)s: delete what uses it first", name=extension.name, names=names
            )
        )


def install(slug: str) -> Extension:
    """Resources may use it from now on. Raises Extension.DoesNotExist, and UnknownConnector where its
    package or file is missing or broken."""
    if not Extension.objects.filter(pk=slug).exclude(NEVER_USABLE).exists():
        refresh()  # a file may have come, or been put right, since the last look
    with transaction.atomic():
        extension = Extension.objects.select_for_update().get(pk=slug)
        registry.get(slug)
        if extension.installed_at is None:
            extension.installed_at = timezone.now()
            extension.save(update_fields=["installed_at"])
    return extension


def uninstall(slug: str) -> Extension:
    """No resource may use it any more. Raises Extension.DoesNotExist, and ExtensionInUse naming those
    that do."""
    with transaction.atomic():
        extension = Extension.objects.select_for_update().get(pk=slug)
        users = Resource.objects.filter(type=extension).order_by("name")
        names = list(users.values_list("name", flat=True)[:MOST_NAMED])
        if names:
            raise ExtensionInUse(extension, names, users.count())
        extension.installed_at = None
        extension.save(update_fields=["installed_at"])
    return extension


_seen: Mapping[str, Any] | None = None


def keep_up() -> None:
    """Refresh if the folder's files are not those that this process has seen last."""
    global _seen
    files = registry.in_folder()
    if files is not _seen:
        refresh()
        _seen = files


def refresh(**_: Any) -> None:
    """The catalogue lists every connector that is installed on this machine; only what changed is written.

    A file that is wrong is listed, too, by its slug, so that its problem can be read; once it is gone, and
    has never been anything else, so is that line.
    """
    known = Extension.objects.in_bulk()
    found = {slug: (name, description) for slug, name, description in registry.titles()}
    broken = registry.broken_files()
    for slug, (name, description) in found.items():
        row = known.get(slug)
        if row is None or (row.name, row.description) != (name, description):
            said = {"name": name, "description": description}
            Extension.objects.update_or_create(slug=slug, defaults=said)
    for slug in broken - found.keys() - known.keys():
        Extension.objects.get_or_create(slug=slug, defaults={"name": slug})
    left = [slug for slug, row in known.items() if slug not in found.keys() | broken and not row.description]
    if left:
        Extension.objects.filter(NEVER_USABLE, pk__in=left, resources=None).delete()
