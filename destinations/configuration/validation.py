"""What is wrong with a destination or a resource, field by field; for the admin and the API alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from destinations.configuration import kept_secrets
from destinations.connectors import registry, schemas
from destinations.connectors.base import Connector, ConnectorError
from destinations.connectors.capabilities import operations_of, understood_credentials
from destinations.models import Destination, Extension, Resource
from destinations.notation import NotationError, keys_of, parse_condition, parse_template
from tracsync.common.places import PlacedError
from tracsync.common.translation import translated

Errors = dict[str, list[Any]]
LONGEST_WAIT = 366 * 24 * 3600  # seconds


def check_resource(resource: Resource, entered: Mapping[str, Any] | None = None) -> None:
    """Raises ValidationError with the fields `type`, `production`, `test` and `tags`.

    Credentials are rewritten as the connector has them where that leaves no doubt (`schemas.understood`).
    `entered`: of each set what the person has sent now, so that a secret that is typed again is not taken
    for one that was kept.
    """
    errors: Errors = {}
    connector = _connector(resource.type, errors)
    _bring_up_to_date(resource, "production", errors)
    if connector is not None:
        for name in kept_secrets.SETS:
            credentials = getattr(resource, name)
            if isinstance(credentials, dict):
                read = understood_credentials(connector, credentials)
                credentials = schemas.understood(connector.credentials_schema, read)
                setattr(resource, name, credentials)
            if credentials or name == "production":
                _check_schema(name, connector.credentials_schema, credentials, errors)
                _check_opening(name, connector, credentials, None, errors)
        if not errors and resource.pk:
            kept_secrets.check_resource(resource, entered or {}, errors)
    _check_tags(resource.tags, errors)
    if errors:
        raise ValidationError(errors)


def check_destination(destination: Destination, entered: Mapping[str, Any] | None = None) -> None:
    """Raises ValidationError with the fields `prerequisites`, `mapping`, `settings`, `tags` ...

    Settings are rewritten as the connector has them where that leaves no doubt (`schemas.understood`).
    `entered`: the settings that the person has sent now; see `check_resource`.
    """
    errors: Errors = {}
    _check_seconds("quiet_period", destination.quiet_period, errors)
    _check_seconds("max_wait", destination.max_wait, errors)
    _check_notation("prerequisites", parse_condition, destination.prerequisites.strip() or None, errors)
    _check_notation("mapping", parse_template, destination.mapping, errors)
    resource = destination.resource
    connector = _connector(resource.type, errors, field="resource")
    _bring_up_to_date(resource, "resource", errors)
    _bring_up_to_date(destination, "settings", errors)
    if connector is not None:
        if isinstance(destination.settings, dict):
            destination.settings = schemas.understood(connector.settings_schema, destination.settings)
        _check_schema("settings", connector.settings_schema, destination.settings, errors)
        if not errors:
            _check_opening("settings", connector, destination.credentials, destination.settings, errors)
        if isinstance(destination.settings, dict):
            kept_secrets.check_destination(destination, entered or {}, errors)
            for choice in ("on_leave", "on_delete"):
                _check_leaving(choice, connector, destination, errors)
    if destination.use_test_credentials and not resource.test:
        errors["use_test_credentials"] = [
            _("The resource %(name)s has no test credentials.") % {"name": resource.name}
        ]
    _check_tags(destination.tags, errors)
    if errors:
        raise ValidationError(errors)


def _connector(extension: Extension, errors: Errors, field: str = "type") -> Connector | None:
    if not extension.installed:
        errors[field] = [_("The extension %(name)s is not installed.") % {"name": extension.name}]
        return None
    try:
        return registry.get(extension.slug)
    except ConnectorError as error:
        errors[field] = [translated(str(error))]
        return None


def _bring_up_to_date(row: Destination | Resource, name: str, errors: Errors) -> None:
    """What an earlier version of the connector has stored, and nobody has entered now."""
    try:
        row.bring_up_to_date()
    except ConnectorError as error:
        errors.setdefault(name, [translated(str(error))])


def _check_schema(name: str, schema: Mapping[str, Any], value: Any, errors: Errors) -> None:
    if not isinstance(value, dict):
        errors[name] = [_("This must be an object of fields and values.")]
        return
    problems = schemas.placed(schema, schemas.with_defaults(schema, value))
    if problems:
        errors[name] = [PlacedError(translated(message), (name, *path)) for path, message in problems]


def _check_opening(name: str, connector: Connector, credentials: Any, settings: Any, errors: Errors) -> None:
    """What contradicts itself and no schema can tell; nothing is connected to."""
    if errors:
        return
    filled = schemas.with_defaults(connector.settings_schema, settings or {})
    if settings is None and schemas.validate(connector.settings_schema, filled):
        return  # this connector's settings have no usable defaults: its destinations will tell
    try:
        with connector.open(credentials, filled):
            pass
    except ConnectorError as error:
        errors[name] = [translated(str(error))]


def _check_leaving(name: str, connector: Connector, destination: Destination, errors: Errors) -> None:
    """What the connector cannot do with these settings is refused now, and not when a profile leaves."""
    choices = {Destination.Leaving.KEEP, *operations_of(connector, destination.settings)}
    known = [choice for choice in Destination.Leaving if choice in choices]
    if getattr(destination, name) not in known:
        errors[name] = [
            _("With these settings %(name)s cannot do that; it can: %(choices)s.")
            % {"name": translated(connector.name), "choices": ", ".join(known)}
        ]


def _check_notation(name: str, parse: Any, value: Any, errors: Errors) -> None:
    if value is None:
        return
    try:
        parse(value)
    except NotationError as error:
        errors[name] = [PlacedError(translated(str(error)), (name, *keys_of(value, error.path or "")))]


def _check_seconds(name: str, value: float | None, errors: Errors) -> None:
    """What is too long for a moment in time would stop the scheduler for all destinations."""
    if value is not None and not 0 <= value <= LONGEST_WAIT:
        errors[name] = [_("This must be from 0 seconds to a year.")]


def _check_tags(tags: Any, errors: Errors) -> None:
    if not isinstance(tags, list) or not all(isinstance(tag, str) and tag.strip() for tag in tags):
        errors["tags"] = [_('Tags are a list of words, for example ["crm", "sales"].')]
