"""What a manifest points at has to be there: a field of its own schemas, or a part of what is sent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

from destinations.connectors.base import JSON, Delivery
from destinations.connectors.http.description import source_of
from destinations.connectors.http.manifests.reading import Keys, Manifest, ManifestError, Problem
from tracsync.common.messages import joined, message

_DELIVERED: Final = tuple(source_of(Delivery(None, "")))
_REPLIED: Final = ("status", "headers")
_OWN: Final = ("credentials", "settings")
_ELSEWHERE: Final = frozenset(  # texts for people, schemas, and what has sources of its own
    ("$comment", "name", "description", "docs", "icon", "payload", "presets", "migrations", "tests", *_OWN)
)
_NAME: Final = re.compile(r"[A-Za-z_][\w-]*")
_REFERENCE: Final = re.compile(rf"(?<![\w:.+@\\-])(credentials|settings|delivery|reply)@({_NAME.pattern})")


def check_members(manifest: Manifest) -> None:
    """A misspelt name would be null in every call. Raises ManifestError with each of them."""
    content = manifest.content
    known: dict[str, Sequence[str]] = {"delivery": _DELIVERED, "reply": _REPLIED}
    known |= {name: tuple(found) for name in _OWN if (found := _declared(content.get(name))) is not None}
    problems: list[Problem] = []
    for keys, text in _texts({name: one for name, one in content.items() if name not in _ELSEWHERE}):
        for source, name in _REFERENCE.findall(text):
            names = known.get(source)
            if names is not None and name not in map(_as_found, names):
                problems += manifest.problem(_said(source, name, names), *keys).problems
    if problems:
        raise ManifestError(manifest.file, problems)


def _as_found(name: str) -> str:
    """What of a name is read in a text: it may have spaces and other signs."""
    found = _NAME.match(name)
    return found[0] if found else ""


def _declared(schema: Any) -> Mapping[str, Any] | None:
    """Its fields; None where there may be others, too."""
    given: Mapping[str, Any] = schema or {}
    if given.get("additionalProperties") or given.get("patternProperties"):
        return None
    fields: Mapping[str, Any] = given.get("properties", {})
    return fields


def _said(source: str, name: str, known: Sequence[str]) -> str:
    pointed = f"{source}@{name}"
    if near := get_close_matches(name, known, 1):
        nearest = message("%(name)s leads nowhere; did you mean %(near)s?")
        return nearest.with_values(name=pointed, near=f"{source}@{near[0]}")
    if not known:
        return message("%(name)s leads nowhere: the file declares no %(source)s", name=pointed, source=source)
    there = joined(", ", (f"{source}@{one}" for one in known))
    return message("%(name)s leads nowhere; there are %(names)s", name=pointed, names=there)


def _texts(value: JSON, keys: Keys = ()) -> Iterator[tuple[Keys, str]]:
    if isinstance(value, str):
        yield keys, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            if name != "$comment":
                yield from _texts(inner, (*keys, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _texts(inner, (*keys, number))
