"""The history of a destination: who changed what, and what it was before.

Every `configuration.save` is recorded, and so are pausing and resuming. What is kept holds no secret.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from destinations.connectors import registry, schemas
from destinations.connectors.base import ConnectorError, Schema
from destinations.models import Destination, DestinationVersion, Resource
from tracsync.common.messages import message

Content = dict[str, Any]

LABELS = {
    "name": gettext_lazy("Name"),
    "description": gettext_lazy("Description"),
    "resource_name": gettext_lazy("Resource"),
    "use_test_credentials": gettext_lazy("Use test credentials"),
    "prerequisites": gettext_lazy("Prerequisites"),
    "mapping": gettext_lazy("Mapping"),
    "on_leave": gettext_lazy("When it leaves"),
    "on_delete": gettext_lazy("When it is deleted"),
    "quiet_period": gettext_lazy("Quiet period"),
    "max_wait": gettext_lazy("Max wait"),
    "concurrency": gettext_lazy("Concurrency"),
    "rate_limit": gettext_lazy("Rate limit"),
    "rate_period": gettext_lazy("Rate period"),
    "enabled": gettext_lazy("Enabled"),
    "paused": gettext_lazy("Paused"),
    "tags": gettext_lazy("Tags"),
}
LONG = ("description", "prerequisites", "mapping")  # shown as a difference, not in a sentence
OWN = tuple(name for name in LABELS if name not in ("resource_name", "paused"))
RESTORED = (
    *(
        "use_test_credentials",
        "prerequisites",
        "mapping",
        "on_leave",
        "on_delete",
        "quiet_period",
        "max_wait",
    ),
    *("concurrency", "rate_limit", "rate_period"),
)
MOST_SHOWN = 60  # characters of a value in a sentence


@dataclass(frozen=True, slots=True)
class Author:
    """Who changes something: a user, or whatever else has a name."""

    name: str
    user_id: int | None = None

    @classmethod
    def from_user(cls, user: Any) -> Author:
        return cls(user.get_username(), user.pk)


def record(destination: Destination, before: Destination | None, by: Author | None) -> None:
    """Note what it is now, unless nothing of it has changed. `before`: what it was, None if it is new.

    The caller holds the row's lock: two edits at once get one number each.
    """
    last = destination.versions.first()
    if last is None and before is not None:
        last = _add(before, Author(""), 1, at=before.updated_at)
    new_secrets = before is not None and secrets_differ(before, destination)
    content = content_of(destination)
    if last is None or new_secrets or not _same(last.content, content):
        by, number = by or Author(message("the command line")), last.number + 1 if last else 1
        _add(destination, by, number, content=content, secrets_changed=new_secrets)


def _same(old: Content, new: Content) -> bool:
    """A resource that got another name is still the same."""
    return {**old, "resource_name": ""} == {**new, "resource_name": ""}


def _add(destination: Destination, by: Author, number: int, **fields: Any) -> DestinationVersion:
    fields = {"content": content_of(destination), "revision": destination.revision, **fields}
    return DestinationVersion.objects.create(
        destination=destination, number=number, by=by.name[:255], user_id=by.user_id, **fields
    )


def content_of(destination: Destination) -> Content:
    """All of it that people decide, as JSON, with secrets masked."""
    name, schema = _resource(destination)
    content = {field: getattr(destination, field) for field in OWN}
    content |= {
        "resource": destination.resource_id,
        "resource_name": name,
        "paused": destination.paused_at is not None,
        "settings": schemas.mask(schema, destination.settings or {}),
    }
    if destination.settings_version > 1:
        content["settings_version"] = destination.settings_version
    plain: Content = json.loads(json.dumps(content))
    return plain


def secrets_differ(before: Destination, after: Destination) -> bool:
    old, new = (schemas.secrets(_resource(one)[1], one.settings or {}) for one in (before, after))
    return old != new


def _resource(destination: Destination) -> tuple[str, Schema]:
    """Its name and what its connector asks; not its credentials, which no key may open any more."""
    rows = Resource.objects.values_list("name", "type_id")
    name, slug = rows.get(pk=destination.resource_id)
    try:
        return name, registry.get(slug).settings_schema
    except ConnectorError:
        return name, {"secret": True}  # where nobody knows what is secret, everything is


def changes(before: Content, after: Content, *, secrets_changed: bool = False) -> list[str]:
    """What is different, a sentence for each difference."""
    if before["resource"] == after["resource"]:
        before = {**before, "resource_name": after["resource_name"]}
    found = [_change(name, before.get(name), after.get(name)) for name in LABELS]
    old, new = _flat(before["settings"]), _flat(after["settings"])
    names = [*new, *(name for name in old if name not in new)]
    found += [
        _sentence(_("Setting %(name)s") % {"name": name}, old.get(name), new.get(name))
        for name in names
        if old.get(name) != new.get(name)
    ]
    if secrets_changed:
        found.append(_("Secrets among the settings were changed; they are not shown."))
    return [sentence for sentence in found if sentence]


def _change(name: str, before: Any, after: Any) -> str:
    if before == after:
        return ""
    if name == "paused":
        return _("Paused.") if after else _("Resumed.")
    if name == "enabled":
        return _("Switched on.") if after else _("Switched off.")
    if name in LONG:
        return _("%(what)s changed.") % {"what": LABELS[name]}
    return _sentence(str(LABELS[name]), before, after)


def _sentence(what: str, before: Any, after: Any) -> str:
    words = {"what": what, "before": _shown(before), "after": _shown(after)}
    return _("%(what)s: from %(before)s to %(after)s.") % words


def _shown(value: Any) -> str:
    if value in (None, "", [], {}):
        return _("not set")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"“{text}”" if len(text) <= MOST_SHOWN else f"“{text[:MOST_SHOWN]}…”"


def _flat(settings: Content, prefix: str = "") -> Content:
    """Dotted paths of single settings."""
    found: Content = {}
    for name, value in settings.items():
        path = f"{prefix}{name}"
        found |= _flat(value, f"{path}.") if isinstance(value, dict) and value else {path: value}
    return found
