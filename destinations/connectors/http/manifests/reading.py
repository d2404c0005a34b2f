"""A manifest's text, read and checked: what is wrong with it is told with its line and its place.

The format is `manifest.schema.json` beside this module, which docs/manifests.md explains key by key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from destinations.connectors import schemas
from destinations.connectors.base import JSON, ConfigurationError
from destinations.connectors.http.templates import KNOWN, template
from destinations.notation import NotationError, Template, line_of, lines_of
from tracsync.common.messages import joined, message

LARGEST: Final = 256 * 1024  # bytes of a file
SCHEMA: Final = files(__package__).joinpath("manifest.schema.json")
DEEPEST: Final = 40  # levels of objects and lists
MOST_TOLD: Final = 10  # problems of one file

Keys = tuple[str | int, ...]

_REFERENCE: Final = re.compile(rf"\A`?\s*+({'|'.join(KNOWN)})@")
_SCHEMAS: Final = ("credentials", "settings", "payload")
_LEADING_AWAY: Final = ("$ref", "$dynamicRef", "$id", "$anchor", "$dynamicAnchor")


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in a file: `line` from 1, `pointer` a JSON pointer (RFC 6901), "" for the whole."""

    line: int
    pointer: str
    sentence: str

    def __str__(self) -> str:
        if not self.pointer:
            return message("line %(line)s: %(reason)s", line=self.line, reason=self.sentence)
        return message(
            "line %(line)s, %(place)s: %(reason)s", line=self.line, place=self.pointer, reason=self.sentence
        )


class ManifestError(ConfigurationError):
    """The file cannot be used; `problems` says where and why."""

    def __init__(self, file: str, problems: Sequence[Problem]) -> None:
        self.file, self.problems = file, problems
        told = joined("; ", (str(problem) for problem in problems[:MOST_TOLD]))
        super().__init__(message("%(file)s, %(problems)s", file=file, problems=told))


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a file says, checked against the schema. `file` is its name in messages."""

    file: str
    text: str
    content: Mapping[str, Any]

    @contextmanager
    def at(self, *keys: str | int) -> Iterator[None]:
        """What is refused within is told as a problem of this place. Raises ManifestError."""
        try:
            yield
        except ManifestError:
            raise
        except (ConfigurationError, NotationError) as error:
            raise self.problem(str(error), *keys) from None

    def template(self, value: JSON, sources: Sequence[str], *keys: str | int) -> Template:
        """A template over these sources and no others. Raises ManifestError."""
        with self.at(*keys):
            check_sources(value, sources)
            return template(value, str(keys[-1]), sources)

    def problem(self, sentence: str, *keys: str | int) -> ManifestError:
        return ManifestError(self.file, [_problem(lines_of(self.text), keys, sentence)])


def check_sources(value: JSON, sources: Sequence[str]) -> None:
    """Raises ConfigurationError for a reference to what is not there: it would be sent as it stands."""
    if isinstance(value, Mapping):
        named = [value["as"]] if isinstance(value.get("as"), str) else []
        within = [*sources, "item", "loop", *named] if "$map" in value else sources
        for name, inner in value.items():
            check_sources(inner, sources if name == "$map" else within)
    elif isinstance(value, list):
        for inner in value:
            check_sources(inner, sources)
    elif isinstance(value, str) and (found := _REFERENCE.match(value)) and found[1] not in sources:
        elsewhere = message("%(name)s@ leads nowhere here; what can be pointed at is %(names)s")
        names = ", ".join(f"{source}@" for source in sources)
        raise ConfigurationError(elsewhere.with_values(name=found[1], names=names))


def read(raw: bytes, file: str) -> Manifest:
    """Raises ManifestError for what is no manifest."""
    if len(raw) > LARGEST:
        too_large = message("the file has more than %(number)s bytes", number=LARGEST)
        raise ManifestError(file, [Problem(1, "", too_large)])
    try:
        text = raw.decode("utf-8-sig")
        content = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise ManifestError(file, [Problem(1, "", message("the file is not written in UTF-8"))]) from None
    except json.JSONDecodeError as error:
        no_json = message("this is no JSON: %(reason)s", reason=error.msg)
        raise ManifestError(file, [Problem(error.lineno, "", no_json)]) from None
    except _TwiceError as error:
        line = text.count("\n", 0, text.rfind(json.dumps(error.key))) + 1
        twice = message("the key %(name)s stands twice in one object", name=error.key)
        raise ManifestError(file, [Problem(line, "", twice)]) from None
    except (ValueError, RecursionError):
        unusable = message("this is no JSON that can be used: numbers are too large, or it is too deep")
        raise ManifestError(file, [Problem(1, "", unusable)]) from None
    if _depth(content) > DEEPEST:
        too_deep = message("it has more than %(number)s levels of objects and lists", number=DEEPEST)
        raise ManifestError(file, [Problem(1, "", too_deep)])
    found = list(_problems(content))
    lines = lines_of(text) if found else {}
    problems = [_problem(lines, keys, sentence) for keys, sentence in found]
    if problems:
        raise ManifestError(file, problems)
    return Manifest(file, text, content)


@cache
def schema() -> Mapping[str, Any]:
    """The JSON Schema of a manifest."""
    found: Mapping[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return found


def _problems(content: JSON) -> Iterator[tuple[Keys, str]]:
    found = schemas.located(schema(), content)
    yield from found
    if found:
        return
    for name in _SCHEMAS:
        if (given := content.get(name)) is not None:
            yield from _schema_problems(given, name)
    for field in schemas.secret_fields(content.get("settings", {})):
        secret = message("a destination's settings hold no secrets: %(field)s belongs to the credentials")
        yield ("settings",), secret.with_values(field=field)


def _schema_problems(given: Mapping[str, JSON], name: str) -> Iterator[tuple[Keys, str]]:
    """A schema of the file may lead nowhere else: validators would follow, over the network, too."""
    for keys in _found(given, lambda key: key in _LEADING_AWAY):
        away = message("%(name)s cannot stand in a manifest's schema: write out what it would lead to")
        yield (name, *keys), away.with_values(name=keys[-1])
        return
    try:
        Draft202012Validator.check_schema(given)
    except SchemaError as error:
        wrong = message("this is no valid JSON Schema: %(reason)s", reason=error.message[:200])
        yield (name, *error.absolute_path), wrong
        return
    if name != "payload" and given.get("type") != "object":
        yield (name,), message('the schema must have "type": "object" and its fields under "properties"')


def _found(value: JSON, is_sought: Callable[[str], bool], keys: Keys = ()) -> Iterator[Keys]:
    """Where keys of a kind stand; names of properties are no keywords."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            are_names = bool(keys) and keys[-1] == "properties"
            if is_sought(key) and not are_names and key not in ("default", "enum", "const"):
                yield (*keys, key)
            yield from _found(inner, is_sought, (*keys, key))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _found(inner, is_sought, (*keys, position))


def _problem(lines: Mapping[str, int], keys: Sequence[str | int], sentence: str) -> Problem:
    pointer = "".join(f"/{str(key).replace('~', '~0').replace('/', '~1')}" for key in keys)
    return Problem(line_of(lines, keys), pointer, sentence)


def _depth(value: JSON) -> int:
    if isinstance(value, Mapping):
        return 1 + max(map(_depth, value.values()), default=0)
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


class _TwiceError(ValueError):
    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def _once(pairs: Sequence[tuple[str, JSON]]) -> dict[str, JSON]:
    found: dict[str, JSON] = {}
    for key, value in pairs:
        if key in found:
            raise _TwiceError(key)
        found[key] = value
    return found


def _no_constant(name: str) -> JSON:
    raise ValueError(name)
