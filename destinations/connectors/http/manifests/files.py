"""Where manifests come from: this package, other packages, and a folder of the installation."""

from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from destinations.connectors.base import ConnectorError
from destinations.connectors.http.manifests import reading
from destinations.connectors.http.manifests.connector import ManifestConnector
from tracsync.common.messages import message

GROUP: Final = "tracsync.manifests"  # entry points whose value is a package with manifests in it
OURS: Final = "tracsync"  # the package whose manifests come first
SUFFIX: Final = ".json"
LOOK_EVERY: Final = 1.0  # seconds between two looks at the folder
MOST_FILES: Final = 1000  # of the folder

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file, and the connector that it makes or why it makes none. `package`: "" for the folder's."""

    slug: str
    file: str
    package: str
    connector: ManifestConnector | None = None
    problem: ConnectorError | None = None


@dataclass(frozen=True, slots=True)
class Packaged:
    """A file of a package that nobody has read yet: reading all of them takes half a second.

    `raw` reads it, and raises ConnectorError where that cannot be.
    """

    slug: str
    file: str
    package: str
    raw: Callable[[], bytes]

    def load(self) -> Loaded:
        return load(self.raw, self.file, self.package)


def load(raw: Callable[[], bytes], file: str, package: str = "") -> Loaded:
    """What a file makes; it never raises for what is in it."""
    slug = _slug(file)
    try:
        connector = made_of(raw(), file)
    except ConnectorError as error:
        return Loaded(slug, file, package, problem=error)
    except OSError as error:
        unreadable = message("%(file)s cannot be read: %(reason)s", file=file, reason=error.strerror or "")
        return Loaded(slug, file, package, problem=ConnectorError(unreadable))
    except Exception:  # a mistake of ours must not take the other files along
        logger.exception("the manifest %s cannot be used and is left out", file)
        unusable = message("%(file)s cannot be used; the log says why", file=file)
        return Loaded(slug, file, package, problem=ConnectorError(unusable))
    return Loaded(slug, file, package, connector)


def made_of(raw: bytes, file: str) -> ManifestConnector:
    """The connector of a manifest's bytes. `file`: its name, that of the slug. Raises ManifestError."""
    manifest = reading.read(raw, file)
    slug, name = manifest.content["slug"], file.rpartition("/")[2]
    if name != f"{slug}{SUFFIX}":
        other = message("the slug is %(slug)s: call the file %(name)s", slug=slug, name=f"{slug}{SUFFIX}")
        raise manifest.problem(other, "slug")
    return ManifestConnector(manifest)


def packaged() -> Iterator[Packaged]:
    """Those of this package first: nobody else can take their slugs over."""
    yield from _of_package("destinations.connectors.manifests", OURS)
    for entry in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        try:
            yield from _of_package(entry.value, entry.dist.name if entry.dist else entry.value)
        except Exception as error:  # a foreign package may raise anything
            logger.exception("the manifests of %s (%s) cannot be read", entry.name, entry.value)
            unusable = message(
                "the manifests of the package %(name)s cannot be read: %(reason)s",
                name=entry.value,
                reason=type(error).__name__,
            )
            yield Packaged(entry.name, entry.value, entry.value, _raising(ConnectorError(unusable)))


def _of_package(package: str, name: str) -> Iterator[Packaged]:
    found: list[Traversable] = [one for one in files(package).iterdir() if one.name.endswith(SUFFIX)]
    for one in sorted(found, key=lambda one: one.name):
        yield Packaged(_slug(one.name), f"{package.replace('.', '/')}/{one.name}", name, one.read_bytes)


def _slug(file: str) -> str:
    return file.rpartition("/")[2].removesuffix(SUFFIX)


def _raising(error: ConnectorError) -> Callable[[], bytes]:
    def read() -> bytes:
        raise error

    return read


Stamp = tuple[int, int, int]


class Folder:
    """The installation's own manifests. A file counts as it is now, at most a second later.

    Threads may look at the same time: what was found is put in its place at once.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._looked_at = float("-inf")
        self._found: dict[str, tuple[Stamp, Loaded]] = {}  # by the name of the file
        self._loaded: Mapping[str, Loaded] = {}

    def loaded(self) -> Mapping[str, Loaded]:
        """By slug. What has not changed is not read again."""
        if time.monotonic() - self._looked_at >= LOOK_EVERY:
            self._look()
        return self._loaded

    def look_again(self) -> None:
        """Look at the next call, however short ago the last look was."""
        self._looked_at = float("-inf")

    def _look(self) -> None:
        known = self._found
        found = {
            name: known[name]
            if name in known and known[name][0] == stamp
            else (stamp, load(self._reader(name), name))
            for name, stamp in self._stamps().items()
        }
        if found != known:
            self._found, self._loaded = found, {one.slug: one for _stamp, one in found.values()}
        self._looked_at = time.monotonic()

    def _stamps(self) -> dict[str, Stamp]:
        """What tells that a file is another one now: its number, size, and time of change."""
        try:
            with os.scandir(self.path) as entries:
                names = sorted(one.name for one in entries if one.name.endswith(SUFFIX))[:MOST_FILES]
        except OSError:
            return {}
        found = {}
        for name in names:
            try:
                told = (self.path / name).stat()
            except OSError:  # it has just gone
                continue
            found[name] = (told.st_ino, told.st_size, told.st_mtime_ns)
        return found

    def _reader(self, name: str) -> Callable[[], bytes]:
        def read() -> bytes:
            path = self.path / name
            if not path.is_file():  # a pipe would be waited for
                raise OSError(errno.EINVAL, "it is no file")
            with path.open("rb") as file:
                return file.read(reading.LARGEST + 1)

        return read
