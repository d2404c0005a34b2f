"""What is different between what is stored and what a file asks for, field by field and without a secret."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from destinations.config_files.documents import Kind
from destinations.config_files.exporting import schemas_of
from destinations.config_files.fields import PLAIN, SETS
from destinations.config_files.places import Path, dotted
from destinations.connectors import schemas
from destinations.models import Destination, Resource

JSON = Any


@dataclass(frozen=True, slots=True)
class Difference:
    """`before` and `after` as they may be shown; null also where there is none. `secret`: whether there is
    more to it than is shown."""

    path: str
    before: JSON
    after: JSON
    secret: bool = False


Leaves = dict[Path, tuple[JSON, JSON]]  # what is there, and what may be shown of it


def leaves(kind: Kind, row: Resource | Destination | None) -> Leaves:
    """The single values of all that files say; none of what is not there."""
    found: Leaves = {}
    if row is None:
        return found
    for path, value in _plain(kind, row):
        found[path] = value, value
    if isinstance(row, Resource):
        schema, _settings = schemas_of(row.type_id)
        hidden: Mapping[Path, JSON] = {("credentials", name): getattr(row, name) for name in SETS}
    else:
        _credentials, schema = schemas_of(row.resource.type_id)
        hidden = {("settings",): row.settings}
    for place, value in hidden.items():
        if value or place == ("settings",):
            found.update(_hidden(value, schemas.mask(schema, value), place))
    return found


def _plain(kind: Kind, row: Resource | Destination) -> Iterator[tuple[Path, JSON]]:
    yield ("slug",), row.slug
    if isinstance(row, Resource):
        yield ("type",), row.type_id
    else:
        yield ("resource",), row.resource.slug
    for name in PLAIN[kind]:
        value = getattr(row, name)
        yield from _parts((name,), value) if name == "mapping" else [((name,), value)]


def _parts(path: Path, value: JSON) -> Iterator[tuple[Path, JSON]]:
    """Down to what is no object; an empty one is a value, too."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _parts((*path, key), item)
    else:
        yield path, value


def _hidden(value: JSON, masked: JSON, path: Path) -> Iterator[tuple[Path, tuple[JSON, JSON]]]:
    if isinstance(value, Mapping) and isinstance(masked, Mapping) and value:
        for key, item in value.items():
            yield from _hidden(item, masked[key], (*path, key))
    else:
        yield path, (value, masked)


def between(before: Leaves, after: Leaves) -> list[Difference]:
    nothing = None, None
    paths = dict.fromkeys([*before, *after])
    return [
        Difference(dotted(path), old[1], new[1], secret=old[0] != old[1] or new[0] != new[1])
        for path in paths
        for old, new in [(before.get(path, nothing), after.get(path, nothing))]
        if old[0] != new[0] or (path in before) != (path in after)
    ]
