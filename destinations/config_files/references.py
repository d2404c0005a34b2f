"""Secrets in files: `${NAME}` in the place of each, which whoever imports the file fills in.

Only credentials and settings have references; everywhere else `${` is a text like any other. What a secret is
says the connector's schema, as for everything else that is shown (`schemas.mask`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from destinations.config_files.places import Path
from destinations.connectors import schemas
from destinations.connectors.base import Schema
from destinations.connectors.redaction import MASK, is_sensitive_name

JSON = Any

PREFIX: Final = "TRACSYNC_SECRET_"
OWN: Final = frozenset(  # of settings
    {"SECRET_KEY", "SECRET_KEY_FALLBACKS", "DATABASE_URL", "REDIS_URL", "EMAIL_URL"}
)

_REFERENCE: Final = re.compile(r"\$(?:(\$)\{|\{([A-Za-z_][A-Za-z0-9_]*)\}|(\{))", re.ASCII)
_OTHERS: Final = re.compile(r"[^A-Z0-9]+")


class Names:
    """Names of the references of one export: each stands for one secret."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, slug: str, path: Path) -> str:
        base = PREFIX + _OTHERS.sub("_", "_".join(map(str, (slug, *path))).upper()).strip("_")
        name, number = base, 1
        while name in self._taken:
            number += 1
            name = f"{base}_{number}"
        self._taken.add(name)
        return name


def exported(schema: Schema, value: Mapping[str, JSON], name_of: Callable[[Path], str] | None) -> JSON:
    """A copy without secrets: with references in their places, or without name_of without them."""
    return _exported(value, schemas.mask(schema, value), (), name_of)


_LEFT_OUT: Final = object()


def _exported(value: JSON, masked: JSON, path: Path, name_of: Callable[[Path], str] | None) -> JSON:
    if isinstance(value, Mapping) and isinstance(masked, Mapping):
        items = {key: _exported(item, masked[key], (*path, key), name_of) for key, item in value.items()}
        return {key: item for key, item in items.items() if item is not _LEFT_OUT}
    if isinstance(value, list) and isinstance(masked, list):
        items_of = [_exported(item, masked[at], (*path, at), name_of) for at, item in enumerate(value)]
        return _LEFT_OUT if _LEFT_OUT in items_of else items_of
    if value != masked:
        return _LEFT_OUT if name_of is None else f"${{{name_of(path)}}}"
    return value.replace("${", "$${") if isinstance(value, str) else value


@dataclass(slots=True)
class Filled:
    """`value`: with its secrets; `entered`: without those that were kept; `problems`: by path."""

    value: dict[str, JSON]
    entered: dict[str, JSON]
    problems: list[tuple[Path, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Secrets:
    """Where references lead. `keep`: those that lead nowhere keep what is stored in their place.

    `told`: where a value is looked for, in words.
    """

    known: Mapping[str, str]
    keep: bool = False
    told: str = "in the environment"

    def fill(self, schema: Schema, given: Mapping[str, JSON], stored: Mapping[str, JSON]) -> Filled:
        """What a file gives, with secrets filled in. What it leaves out of the stored secrets stays, and null
        removes one."""
        shown = schemas.mask(schema, stored)
        in_clear = _differing(given, schemas.mask(schema, given), ())
        filled = Filled({}, {}, [(path, IN_CLEAR) for path in in_clear])
        if not filled.problems:
            filled.value, filled.entered = self._object(given, stored, shown, (), filled.problems)
        return filled

    def _object(
        self, given: Mapping[str, JSON], stored: JSON, shown: JSON, path: Path, problems: list[Any]
    ) -> tuple[dict[str, JSON], dict[str, JSON]]:
        value, entered = dict[str, JSON](), dict[str, JSON]()
        stored, shown = (one if isinstance(one, Mapping) else {} for one in (stored, shown))
        for key, item in given.items():
            had, is_secret = stored.get(key), stored.get(key) != shown.get(key)
            if item is None and is_secret:
                continue
            value[key], entered[key] = self._filled(item, had, shown.get(key), (*path, key), problems)
        for key, had in stored.items():
            if key not in given and had != shown[key] and not isinstance(had, Mapping):
                value[key] = had
        return value, entered

    def _filled(
        self, item: JSON, had: JSON, shown: JSON, path: Path, problems: list[Any]
    ) -> tuple[JSON, JSON]:
        if isinstance(item, Mapping):
            return self._object(item, had, shown, path, problems)
        if isinstance(item, list):
            alike = isinstance(had, list) and len(had) == len(item)
            known = zip(had, shown, strict=True) if alike else ((None, None) for _one in item)
            pairs = [
                self._filled(one, *before, (*path, at), problems)
                for at, (one, before) in enumerate(zip(item, known, strict=True))
            ]
            return [value for value, _entered in pairs], [entered for _value, entered in pairs]
        if isinstance(item, str):
            return self._text(item, had, path, problems)
        return item, item

    def _text(self, text: str, had: JSON, path: Path, problems: list[Any]) -> tuple[JSON, JSON]:
        missing: list[str] = []

        def replaced(found: re.Match[str]) -> str:
            escaped, name, alone = found.groups()
            if alone:
                problems.append((path, "${ begins a reference such as ${NAME}: write $${ for the text"))
            elif name and is_own(name):
                problems.append((path, f"${{{name}}} is this installation's own and goes nowhere"))
            elif name and not self.known.get(name):
                missing.append(name)
            return "${" if escaped else self.known.get(name or "", "")

        value = _REFERENCE.sub(replaced, text)
        if not missing:
            return value, value
        if self.keep and had not in (None, ""):
            return had, ""
        what = f"{' and '.join(f'${{{name}}}' for name in missing)} is not set {self.told}"
        cure = "set it, or keep what is stored (--keep-secrets; keep_secrets in the API)"
        if self.keep:
            cure = "nothing is stored that could be kept"
        problems.append((path, f"{what}: {cure}"))
        return "", ""


IN_CLEAR: Final = "a secret stands here in clear: write a reference such as ${NAME} in its place"


def is_own(name: str) -> bool:
    """Whether it holds a secret of this installation, which no destination is to be told."""
    return name.removesuffix("_FILE") in OWN or (name.startswith("TRACSYNC_") and not name.startswith(PREFIX))


def _differing(given: JSON, masked: JSON, path: Path) -> Iterator[Path]:
    if isinstance(given, Mapping) and isinstance(masked, Mapping):
        for key, item in given.items():
            yield from _differing(item, masked[key], (*path, key))
    elif isinstance(given, list) and isinstance(masked, list):
        for at, item in enumerate(given):
            yield from _differing(item, masked[at], (*path, at))
    elif given != masked and not _may_be_written(given, masked):
        yield path


def _may_be_written(given: JSON, masked: JSON) -> bool:
    """What holds a reference, and the address of a call without a password or a key in its query."""
    if not isinstance(given, str) or any(found[2] for found in _REFERENCE.finditer(given)):
        return isinstance(given, str)
    if masked == MASK:
        return False
    try:
        parts = urlsplit(given)
    except ValueError:
        return False
    names = (name for name, _value in parse_qsl(parts.query))
    return "@" not in parts.netloc and not any(map(is_sensitive_name, names))
