"""The history of destinations and resources: who changed what, and what it was before.

Every `configuration.save` is recorded, and so are pausing and resuming. What is kept holds no secret.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from destinations.connectors import registry, schemas
from destinations.connectors.base import ConnectorError, Schema
from destinations.connectors.redaction import MASK
from destinations.models import Destination, Resource
from tracsync.common.messages import message

Content = dict[str, Any]
Row = TypeVar("Row", Destination, Resource)

LABELS = {
    "name": gettext_lazy("Name"),
    "slug": gettext_lazy("Slug"),
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
OF_RESOURCES = {
    "name": gettext_lazy("Name"),
    "slug": gettext_lazy("Slug"),
    "enabled": gettext_lazy("Enabled"),
    "tags": gettext_lazy("Tags"),
    "concurrency": gettext_lazy("Concurrency"),
    "rate_limit": gettext_lazy("Rate limit"),
    "rate_period": gettext_lazy("Rate period"),
    "test_concurrency": gettext_lazy("Test concurrency"),
    "test_rate_limit": gettext_lazy("Test rate limit"),
    "test_rate_period": gettext_lazy("Test rate period"),
}
SETS = {
    "production": gettext_lazy("Production credentials"),
    "test": gettext_lazy("Test credentials"),
}
LIMITS = (
    *("concurrency", "rate_limit", "rate_period"),
    *("test_concurrency", "test_rate_limit", "test_rate_period"),
)
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


def record(row: Row, before: Row | None, by: Author | None) -> None:
    """Note what it is now, unless nothing of it has changed. `before`: what it was, None if it is new.

    The caller holds the row's lock: two edits at once get one number each.
    """
    last = row.versions.first()
    if last is None and before is not None:
        last = _add(before, Author(""), 1, at=before.updated_at)
    new_secrets = before is not None and secrets_differ(before, row)
    content = content_of(row)
    known = {"slug": (before or row).slug, **last.content} if last else {}  # older ones have no slug
    if last is None or new_secrets or not _same(known, content):
        by, number = by or Author(message("the command line")), last.number + 1 if last else 1
        _add(row, by, number, content=content, secrets_changed=new_secrets)


def _same(old: Content, new: Content) -> bool:
    """A resource that got another name is still the same."""
    return {**old, "resource_name": ""} == {**new, "resource_name": ""}


def _add(row: Row, by: Author, number: int, **fields: Any) -> Any:
    fields = {"content": content_of(row), "revision": row.revision, **fields}
    return row.versions.create(number=number, by=by.name[:255], user_id=by.user_id, **fields)


def content_of(row: Destination | Resource) -> Content:
    """All of it that people decide, as JSON, with secrets masked."""
    content = _of_destination(row) if isinstance(row, Destination) else _of_resource(row)
    plain: Content = json.loads(json.dumps(content))
    return plain


def _of_resource(resource: Resource) -> Content:
    masked = {name: masked_credentials(resource, name) for name in SETS}
    plain = {name: getattr(resource, name) for name in OF_RESOURCES}
    return {**plain, "type": resource.type_id, "credentials_version": resource.credentials_version, **masked}


def _of_destination(destination: Destination) -> Content:
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
    return content


def masked_credentials(resource: Resource, name: str) -> Content:
    """A set without its secrets. Where a system is asked may be one, too: of an address the host is kept."""
    shown: Content = _hosts(schemas.mask(credentials_schema_of(resource), getattr(resource, name) or {}))
    return shown


def _hosts(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _hosts(one) for name, one in value.items()}
    if not isinstance(value, str) or "://" not in value:
        return value
    scheme, _sign, rest = value.partition("://")
    authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
    host = authority.rpartition("@")[2]
    return value if rest.rstrip("/") == host else f"{scheme}://{host}/{MASK}"


def secrets_differ(before: Row, after: Row) -> bool:
    return _secrets(before) != _secrets(after)


def _secrets(row: Destination | Resource) -> list[str]:
    if isinstance(row, Destination):
        return schemas.secrets(settings_schema_of(row), row.settings or {})
    schema, sets = credentials_schema_of(row), {name: getattr(row, name) or {} for name in SETS}
    addresses = [text for one in sets.values() for text in _flat(one).values() if "://" in str(text)]
    return [
        *map(str, addresses),
        *(text for one in sets.values() for text in ("", *schemas.secrets(schema, one))),
    ]


def credentials_schema_of(resource: Resource) -> Schema:
    try:
        return registry.get(resource.type_id).credentials_schema
    except ConnectorError:
        return {"secret": True}  # where nobody knows what is secret, everything is


def _resource(destination: Destination) -> tuple[str, Schema]:
    """Its name and what its connector asks; not its credentials, which no key may open any more."""
    rows = Resource.objects.values_list("name", "type_id")
    name, slug = rows.get(pk=destination.resource_id)
    try:
        return name, registry.get(slug).settings_schema
    except ConnectorError:
        return name, {"secret": True}  # where nobody knows what is secret, everything is


def settings_schema_of(destination: Destination) -> Schema:
    return _resource(destination)[1]


def changes(before: Content, after: Content, *, secrets_changed: bool = False) -> list[str]:
    """What is different, a sentence for each difference."""
    if "production" in after:
        return _changes_of_resource(before, after, secrets_changed)
    if before["resource"] == after["resource"]:
        before = {**before, "resource_name": after["resource_name"]}
    before = {"slug": after.get("slug"), **before}  # older versions did not note it
    found = [_change(name, before.get(name), after.get(name)) for name in LABELS]
    found += _single(_("Setting %(name)s"), before["settings"], after["settings"])
    if secrets_changed:
        found.append(_("Secrets among the settings were changed; they are not shown."))
    return [sentence for sentence in found if sentence]


def _changes_of_resource(before: Content, after: Content, secrets_changed: bool) -> list[str]:
    found = [_change(name, before.get(name), after.get(name), OF_RESOURCES) for name in OF_RESOURCES]
    found.append(_change("type", before["type"], after["type"], {"type": _("Type")}))
    for name, label in SETS.items():
        found += _single(f"{label}, %(name)s", before[name], after[name])
    if secrets_changed:
        found.append(_("Secrets among the credentials were changed; they are not shown."))
    return [sentence for sentence in found if sentence]


def _single(what: str, before: Content, after: Content) -> list[str]:
    """Of each value within an object that differs."""
    old, new = _flat(before), _flat(after)
    names = [*new, *(name for name in old if name not in new)]
    return [
        _sentence(what % {"name": name}, old.get(name), new.get(name))
        for name in names
        if old.get(name) != new.get(name)
    ]


def _change(name: str, before: Any, after: Any, labels: Mapping[str, Any] = LABELS) -> str:
    if before == after:
        return ""
    if name == "paused":
        return _("Paused.") if after else _("Resumed.")
    if name == "enabled":
        return _("Switched on.") if after else _("Switched off.")
    if name in LONG:
        return _("%(what)s changed.") % {"what": labels[name]}
    return _sentence(str(labels[name]), before, after)


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
