"""The catalogue of connectors: every installed package may add some.

A package declares `slug = "module:Class"` under the entry point group `tracsync.connectors`; the
built-in ones are declared the same way. Classes are imported when first asked for.
"""

from __future__ import annotations

import logging
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from jsonschema import Draft202012Validator

from destinations.connectors.base import Connector, ConnectorError, version
from tracsync.common.messages import message

GROUP = "tracsync.connectors"
_BUILT_IN = "destinations.connectors."
_PROMISED = ("name", "description", "icon", "batch_size", "open", "describe")
_SCHEMAS = ("credentials_schema", "settings_schema", "payload_schema")

logger = logging.getLogger(__name__)


class UnknownConnector(ConnectorError, KeyError):
    """No usable connector has this slug; the message names the known ones."""

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError would show the quoted form


def get(slug: str) -> Connector:
    """The connector of this slug. Raises UnknownConnector, also when its package is broken."""
    connector = find(slug)
    if connector is None:
        raise UnknownConnector(
            message(
                "There is no usable connector %(name)s; known are: %(names)s",
                name=repr(slug),
                names=", ".join(slugs()) or message("none"),
            )
        )
    return connector


def slugs() -> list[str]:
    """The slugs of all usable connectors, sorted."""
    return [connector.slug for connector in all_connectors()]


def all_connectors() -> list[Connector]:
    """All usable connectors by slug; broken ones are logged and left out."""
    return [connector for slug in sorted(_declared()) if (connector := find(slug)) is not None]


def forget() -> None:
    """Look at the installed packages anew on the next call (for tests and after installing one)."""
    _declared.cache_clear()
    _loaded.cache_clear()


def add(slug: str, value: str) -> None:
    """Declare a connector, `module:Class`, in this process only (for measurements and trials)."""
    _declared()[slug] = EntryPoint(slug, value, GROUP)
    _loaded.cache_clear()


@cache
def _declared() -> dict[str, EntryPoint]:
    """Entry points by slug; a foreign package cannot take a built-in slug over."""
    found: dict[str, EntryPoint] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda point: not point.value.startswith(_BUILT_IN)):
        if entry.name not in found:
            found[entry.name] = entry
        elif found[entry.name].value != entry.value:
            logger.error(
                "connector %s: %s ignored, %s has the slug", entry.name, entry.value, found[entry.name].value
            )
    return found


def find(slug: str) -> Connector | None:
    """As `get`, or None. Only slugs that packages declare are kept: others are whatever people write."""
    entry = _declared().get(slug)
    return None if entry is None else _loaded(entry)


@cache
def _loaded(entry: EntryPoint) -> Connector | None:
    slug = entry.name
    try:
        connector: Connector = entry.load()()
        verify(connector, slug)
    except Exception:  # a foreign module may raise anything while it is imported
        logger.exception("connector %s (%s) cannot be used and is left out", slug, entry.value)
        return None
    return connector


def verify(connector: Connector, slug: str) -> None:
    """Raises TypeError or SchemaError where the class does not say what it must."""
    if connector.slug != slug:
        raise TypeError(f"its slug is {connector.slug!r}, its entry point's name is {slug!r}")
    missing = [name for name in (*_PROMISED, *_SCHEMAS) if not hasattr(connector, name)]
    if missing:
        raise TypeError(f"it lacks {', '.join(missing)}")
    if version(connector) != 1 and not hasattr(connector, "migrate"):
        raise TypeError(f"its version is {version(connector)}, and it has no migrate for earlier ones")
    for name in _SCHEMAS:
        Draft202012Validator.check_schema(getattr(connector, name))
