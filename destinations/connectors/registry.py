"""The catalogue of connectors: classes and manifests of every installed package, and a folder's manifests.

A package declares `slug = "module:Class"` under the entry point group `tracsync.connectors`, and
`name = "package"` under `tracsync.manifests` for a package with manifests in it. Classes are imported when
first asked for, as packages' manifests are read; a folder's manifests count as they are now.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Literal, NamedTuple, cast

from jsonschema import Draft202012Validator

from destinations.connectors.base import ConfigurationError, Connector
from destinations.connectors.capabilities import version
from destinations.connectors.http.manifests import files
from destinations.connectors.http.manifests.files import OURS, Folder, Loaded, Packaged
from tracsync.common.messages import message

GROUP = "tracsync.connectors"
_BUILT_IN = "destinations.connectors."
_PROMISED = ("name", "description", "icon", "batch_size", "open", "describe")
_SCHEMAS = ("credentials_schema", "settings_schema", "payload_schema")

_SLUG = re.compile(r"[a-z][a-z0-9_]{1,49}")

logger = logging.getLogger(__name__)


class UnknownConnector(ConfigurationError, KeyError):
    """No usable connector has this slug; the message says why, or where it was looked for."""

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError would show the quoted form


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a connector is from. `where`: the package, or the file in the folder; `release`: its version."""

    kind: Literal["tracsync", "package", "folder"]
    where: str
    release: str = ""
    is_file: bool = False


class Title(NamedTuple):
    slug: str
    name: str
    description: str


def get(slug: str) -> Connector:
    """The connector of this slug. Raises UnknownConnector, also when its package or file is broken."""
    connector = find(slug)
    if connector is not None:
        return connector
    loaded = _manifest(slug) if slug not in _declared() else None
    if loaded is not None and loaded.problem is not None:
        broken = message(
            "the connector %(name)s cannot be used: %(reason)s", name=slug, reason=str(loaded.problem)
        )
        raise UnknownConnector(broken)
    raise UnknownConnector(_why_not(slug))


def _why_not(slug: str) -> str:
    """Why there is none of this slug, and what would bring it back."""
    name = repr(slug)
    if entry := _declared().get(slug):
        broken = message(
            "There is no usable connector %(name)s: %(value)s cannot be loaded; the log says why"
        )
        return broken.with_values(name=name, value=entry.value)
    return message(
        "There is no usable connector %(name)s: no installed package has it, and the folder of connectors has"
        " no file that is called so",
        name=name,
    )


def problem(slug: str) -> str:
    """Why the connector of this slug cannot be used; "" where it can."""
    try:
        get(slug)
    except UnknownConnector as error:
        return str(error)
    return ""


def slugs() -> list[str]:
    """The slugs of all usable connectors, sorted."""
    return [connector.slug for connector in all_connectors()]


def all_connectors() -> list[Connector]:
    """All usable connectors by slug; broken ones are logged and left out."""
    known = sorted({*_declared(), *_packaged(), *in_folder()})
    return [connector for slug in known if (connector := find(slug)) is not None]


def titles() -> Iterator[Title]:
    """Of all usable connectors, by slug. Our own manifests are tried by tests, and no more is read of them:
    each `migrate` asks for this, and compiling all of them takes two thirds of a second.
    """
    for slug in sorted({*_declared(), *_packaged(), *in_folder()}):
        packaged = None if slug in _declared() else _packaged().get(slug)
        if packaged is not None and packaged.package == OURS:
            content = json.loads(packaged.raw())
            yield Title(slug, content["name"], content["description"])
        elif connector := find(slug):
            yield Title(slug, connector.name, connector.description)


def find(slug: str) -> Connector | None:
    """As `get`, or None. Only slugs that packages declare are kept: others are whatever people write."""
    entry = _declared().get(slug)
    if entry is not None:
        return _loaded(entry)
    loaded = _manifest(slug)
    # A manifest's connector has of its own what a class has for all: the protocol speaks of classes.
    return cast(Connector | None, loaded.connector) if loaded else None


def origin(slug: str) -> Origin | None:
    """Where the connector of this slug is from; None for one that is not there."""
    entry = _declared().get(slug)
    if entry is not None:
        package = entry.dist.name if entry.dist else entry.value
        is_ours = entry.value.startswith(_BUILT_IN)
        release = entry.dist.version if entry.dist else ""
        return Origin("tracsync" if is_ours else "package", package, release)
    loaded = _manifest(slug)
    if loaded is None:
        return None
    release = loaded.connector.release if loaded.connector else ""
    if not loaded.package:
        return Origin("folder", loaded.file, release, is_file=True)
    kind: Literal["tracsync", "package"] = "tracsync" if loaded.package == OURS else "package"
    return Origin(kind, loaded.package, release, is_file=True)


def problems() -> Iterator[str]:
    """What cannot be used of the manifests, one sentence for each file.

    Ours are tried by our tests, so a start need not read them.
    """
    ours = {one.slug for one in _all_packaged() if one.package == OURS}
    others = [_read(one) for one in _all_packaged() if one.package != OURS]
    taken = {*_declared(), *ours}
    for loaded in [*others, *in_folder().values()]:
        if loaded.problem is not None:
            yield str(loaded.problem)
        elif loaded.slug in taken:
            yield message("%(file)s is left out: another connector has its slug", file=loaded.file)
        taken.add(loaded.slug)


def broken_files() -> set[str]:
    """The slugs of files in the folder that are wrong; those that no extension can have are left out."""
    return {
        slug
        for slug, loaded in in_folder().items()
        if loaded.problem is not None and _SLUG.fullmatch(slug) and _manifest(slug) is loaded
    } - {*_declared()}


def use_folder(path: Path | None) -> None:
    """Take manifests from this folder, too; from none with None."""
    _folders.clear()
    if path is not None:
        _folders.append(Folder(path))


def forget() -> None:
    """Look at packages and folder anew on the next call (for tests and after installing one)."""
    for one in (_declared, _loaded, _all_packaged, _packaged, _read):
        one.cache_clear()
    for folder in _folders:
        folder.look_again()


def add(slug: str, value: str) -> None:
    """Declare a connector, `module:Class`, in this process only (for measurements and trials)."""
    _declared()[slug] = EntryPoint(slug, value, GROUP)
    _loaded.cache_clear()


_folders: list[Folder] = []  # one or none
_NO_FILES: Mapping[str, Loaded] = {}


def _manifest(slug: str) -> Loaded | None:
    packaged = _packaged().get(slug)
    return _read(packaged) if packaged else in_folder().get(slug)


def in_folder() -> Mapping[str, Loaded]:
    """What is in the folder, by slug: another object whenever a file has changed."""
    return _folders[0].loaded() if _folders else _NO_FILES


@cache
def _all_packaged() -> list[Packaged]:
    return list(files.packaged())


@cache
def _packaged() -> dict[str, Packaged]:
    """By slug; the first one keeps it."""
    return {one.slug: one for one in reversed(_all_packaged())}


@cache
def _read(packaged: Packaged) -> Loaded:
    loaded = packaged.load()
    if loaded.problem is not None:
        logger.error("a connector is left out: %s", loaded.problem)
    return loaded


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


@cache
def _loaded(entry: EntryPoint) -> Connector | None:
    slug = entry.name
    try:
        connector: Connector = entry.load()()
        # Those of our own are tried by tests, and it takes a tenth of a second in each process.
        verify(connector, slug, schemas=not entry.value.startswith(_BUILT_IN))
    except Exception:  # a foreign module may raise anything while it is imported
        logger.exception("connector %s (%s) cannot be used and is left out", slug, entry.value)
        return None
    return connector


def verify(connector: Connector, slug: str, *, schemas: bool = True) -> None:
    """Raises TypeError where the class does not say what it must, SchemaError for a schema that is none."""
    if connector.slug != slug:
        raise TypeError(f"its slug is {connector.slug!r}, its entry point's name is {slug!r}")
    missing = [name for name in (*_PROMISED, *_SCHEMAS) if not hasattr(connector, name)]
    if missing:
        raise TypeError(f"it lacks {', '.join(missing)}")
    if version(connector) != 1 and not hasattr(connector, "migrate"):
        raise TypeError(f"its version is {version(connector)}, and it has no migrate for earlier ones")
    for name in _SCHEMAS if schemas else ():
        Draft202012Validator.check_schema(getattr(connector, name))
