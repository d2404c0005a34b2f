"""A secret that nobody has entered again must not follow to another place.

A place is what decides where secrets go and who can read them on the way: addresses, proxies, whether
certificates are verified, and which resource a destination has. What is compared is the outcome, secret by
secret, whatever way led there: a mask that was sent back, a field left out, or an older version restored.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from destinations.connectors import registry, schemas
from destinations.connectors.base import ConfigurationError, ConnectorError, Schema
from destinations.models import Destination, Resource
from tracsync.common.encryption import get_readable

CODE = "kept_secrets"
SETS = ("production", "test")
MOST_NAMED = 5  # destinations in a sentence
UNKNOWN: Schema = {"secret": True}  # where nobody knows what is secret, everything is

Place = set[tuple[str, str]]
Errors = dict[str, list[Any]]
Row = TypeVar("Row", Destination, Resource)


def check_resource(resource: Resource, entered: Mapping[str, Any], errors: Errors) -> None:
    """Adds to the errors of `production` and `test`. `entered`: of each set, what was sent now."""
    before = _up_to_date(get_readable(Resource.objects.all(), pk=resource.pk)[0])
    old, new = _credentials_schema(before), _credentials_schema(resource)
    places = [(name, _place(before, old, name), _place(resource, new, name)) for name in SETS]
    known = set[tuple[str, str]]().union(*(place for _name, place, _after in places))
    for name, was, is_now in places:
        had, has = getattr(before, name), getattr(resource, name)
        kept = _kept((old, new), had, has, entered.get(name) or {}) if is_now - was else []
        if kept:
            errors.setdefault(name, []).append(_enter_again(new, is_now - was, kept))
        elif has and is_now - known and (names := _holding_secrets(resource)):
            text = _(
                "The settings of %(names)s hold secrets that would follow to the new address: remove them"
                " there first, and enter them again afterwards."
            )
            errors.setdefault(name, []).append(_error(text % {"names": ", ".join(names)}))


def check_destination(destination: Destination, entered: Mapping[str, Any], errors: Errors) -> None:
    """Adds to the errors of `settings`. `entered`: the settings that were sent now."""
    resource, before = destination.resource, None
    if destination.pk is not None:
        rows = Destination.objects.select_related("resource").defer("resource__production", "resource__test")
        before = _up_to_date(get_readable(rows, pk=destination.pk)[0])
    schema = _settings_schema(resource)
    stays = before is not None and before.resource_id == resource.pk
    moved = schemas.addresses(schema, destination.settings) - schemas.addresses(
        schema, before.settings if before is not None and stays else {}
    )
    if before is not None and (moved or not stays):
        both = (_settings_schema(before.resource), schema)
        if kept := _kept(both, before.settings, destination.settings, entered):
            errors.setdefault("settings", []).append(_enter_again(schema, moved if stays else None, kept))
    _check_way_of_credentials(resource, moved, errors)


def _check_way_of_credentials(resource: Resource, moved: Place, errors: Errors) -> None:
    """What a resource decides, too, such as whether certificates are verified, holds for its own secrets:
    these are entered with it.
    """
    schema = _credentials_schema(resource)
    own = {(field, to) for field, to in moved if field in schema.get("properties", {})}
    for name in SETS:
        credentials = getattr(resource, name)
        if schemas.secrets(schema, credentials) and own - schemas.addresses(schema, credentials):
            text = _(
                "The secrets of the resource %(name)s would go this way, too: set %(fields)s there, where"
                " they are entered again."
            )
            fields = ", ".join(sorted(field for field, _to in own))
            errors.setdefault("settings", []).append(_error(text % {"name": resource.name, "fields": fields}))
            return


def _up_to_date(row: Row) -> Row:
    """As today's schema asks, which tells what is a secret; where that cannot be done, as it is stored."""
    with suppress(ConfigurationError):
        row.bring_up_to_date()
    return row


def _place(resource: Resource, schema: Schema, name: str) -> Place:
    return {("", resource.type_id)} | schemas.addresses(schema, getattr(resource, name))


def _kept(
    both: tuple[Schema, Schema],
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    entered: Mapping[str, Any],
) -> list[str]:
    """The fields with secrets that were there before and have not been entered now."""
    old, new = both
    known = {*schemas.secrets(old, before), *schemas.secrets(new, before)} - set(
        schemas.secrets(new, entered)
    )
    return list(
        dict.fromkeys(field for schema in both for field in schemas.fields_with(schema, after, known))
    )


def _holding_secrets(resource: Resource) -> list[str]:
    """The names of its destinations that would take secrets of their own along."""
    schema = _settings_schema(resource)
    names: list[str] = []
    for pk in resource.destinations.values_list("pk", flat=True):
        destination = get_readable(Destination.objects.all(), pk=pk)[0]
        destination.resource = resource  # as it will be: no key may open what is stored
        destination = _up_to_date(destination)
        if schemas.secrets(schema, destination.settings):
            names.append(destination.name if len(names) < MOST_NAMED else "…")
        if len(names) > MOST_NAMED:
            break
    return names


def _enter_again(schema: Schema, moved: Place | None, kept: list[str]) -> ValidationError:
    """`moved`: None where it is another resource."""
    fields = {field for field, _to in moved or ()}
    if moved is None:
        text = _("Another resource leads to another place: enter %(fields)s again.")
    elif all(schema.get("properties", {}).get(field, {}).get("type") == "boolean" for field in fields):
        text = _("This changes who can read what is sent: enter %(fields)s again.")
    else:
        text = _("The address leads to another host: enter %(fields)s again.")
    return _error(text % {"fields": ", ".join(kept)})


def _error(text: str) -> ValidationError:
    return ValidationError(text, CODE)


def _credentials_schema(resource: Resource) -> Schema:
    try:
        return registry.get(resource.type_id).credentials_schema
    except ConnectorError:
        return UNKNOWN


def _settings_schema(resource: Resource) -> Schema:
    try:
        return registry.get(resource.type_id).settings_schema
    except ConnectorError:
        return UNKNOWN
