"""What is set up here, as a file says it: by slugs, and without a secret."""

from __future__ import annotations

from functools import partial
from typing import Any

from destinations.config_files.documents import VERSION, VERSION_KEY
from destinations.config_files.fields import PLAIN, SETS
from destinations.config_files.places import Path
from destinations.config_files.references import Names, exported
from destinations.connectors import registry
from destinations.connectors.base import ConnectorError, Schema
from destinations.models import Destination, Resource, slugs

JSON = Any

_ALL_SECRET: Schema = {"secret": True}  # where nobody knows what is secret, everything is


def configuration(*, references: bool = True) -> dict[str, JSON]:
    """All resources and destinations, by their slugs. `references`: whether `${NAME}` stands where a secret
    is; otherwise it is left out.

    Raises UndecryptableValue, and ConfigurationError where a connector cannot read what an earlier version of
    it has stored.
    """
    slugs.give_missing(Resource, Destination)
    names = Names() if references else None
    resources = Resource.objects.order_by("slug")
    destinations = Destination.objects.select_related("resource").order_by("slug")
    return {
        VERSION_KEY: VERSION,
        "resources": {str(one.slug): _resource(one, names) for one in resources},
        "destinations": {str(one.slug): _destination(one, names) for one in destinations},
    }


def schemas_of(slug: str) -> tuple[Schema, Schema]:
    """Of the credentials and of the settings of a connector."""
    try:
        connector = registry.get(slug)
    except ConnectorError:
        return _ALL_SECRET, _ALL_SECRET
    return connector.credentials_schema, connector.settings_schema


def _resource(resource: Resource, names: Names | None) -> dict[str, JSON]:
    resource.bring_up_to_date()
    schema, _settings = schemas_of(resource.type_id)
    first, *others = PLAIN["resources"]
    return {
        first: getattr(resource, first),
        "type": resource.type_id,
        "credentials": {
            name: exported(schema, stored, _name_of(names, resource, name)) if stored else None
            for name in SETS
            for stored in [getattr(resource, name)]
        },
        **{name: getattr(resource, name) for name in others},
    }


def _destination(destination: Destination, names: Names | None) -> dict[str, JSON]:
    destination.bring_up_to_date()
    _credentials, schema = schemas_of(destination.resource.type_id)
    first, second, *others = PLAIN["destinations"]
    return {
        **{name: getattr(destination, name) for name in (first, second)},
        "resource": destination.resource.slug,
        **{name: getattr(destination, name) for name in others},
        "settings": exported(schema, destination.settings, _name_of(names, destination, "settings")),
    }


def _name_of(names: Names | None, row: Resource | Destination, part: str) -> Any:
    return partial(_named, names, str(row.slug), part) if names else None


def _named(names: Names, slug: str, part: str, path: Path) -> str:
    return names.of(slug, (part, *path))
