"""Resources and destinations of Tracardi, with what means something here, whatever version wrote them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from destinations.tracardi import encoded
from destinations.tracardi.encoded import UnreadableField
from destinations.tracardi.shapes import Record
from profiles.documents import kind_of

JSON = Any
Object = dict[str, JSON]


@dataclass(frozen=True, slots=True)
class GivenResource:
    """`package`: the class that its destinations are served by, blank where it has none.

    `place` is where it stands; it makes no difference between two.
    """

    id: str
    name: str
    type: str
    package: str
    production: Object = field(repr=False)
    test: Object = field(repr=False)
    tags: list[str]
    enabled: bool
    place: str = field(compare=False)

    @classmethod
    def read(cls, record: Record) -> GivenResource:
        """Raises UnreadableField."""
        fields = record.fields
        credentials = encoded.mapping(fields, "credentials")
        return cls(
            id=record.id,
            name=_text(fields, "name").strip() or record.id,
            type=_text(fields, "type"),
            package=_text(encoded.mapping(fields, "destination"), "package"),
            production=encoded.mapping(credentials, "production"),
            test=encoded.mapping(credentials, "test"),
            tags=_words(fields, "tags", "groups"),
            enabled=_is_on(fields.get("enabled", True)),
            place=record.place,
        )


@dataclass(frozen=True, slots=True)
class GivenDestination:
    """`event_type` and `source`: the one that it is only for, blank where it is for all."""

    id: str
    name: str
    description: str
    package: str
    init: Object = field(repr=False)
    condition: str
    mapping: JSON = field(repr=False)
    resource: str
    event_type: str
    source: str
    on_change_only: bool
    tags: list[str]
    enabled: bool
    place: str = field(compare=False)

    @classmethod
    def read(cls, record: Record) -> GivenDestination:
        """Raises UnreadableField."""
        fields = record.fields
        destination = encoded.mapping(fields, "destination")
        return cls(
            id=record.id,
            name=_text(fields, "name").strip() or record.id,
            description=_text(fields, "description"),
            package=_text(destination, "package"),
            init=encoded.mapping(destination, "init"),
            condition=_text(fields, "condition").strip(),
            mapping=encoded.read(fields, "mapping"),
            resource=_id_of(fields, "resource"),
            event_type=_id_of(fields, "event_type"),
            source=_id_of(fields, "source"),
            on_change_only=_is_on(fields.get("on_profile_change_only", True)),
            tags=_words(fields, "tags"),
            enabled=_is_on(fields.get("enabled", False)),
            place=record.place,
        )


def _text(fields: Mapping[str, JSON], name: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise UnreadableField(f"{name} must be text, not {kind_of(value)}")
    return value


def _id_of(fields: Mapping[str, JSON], name: str) -> str:
    """Of what is named by its id: `{"id": ...}`, or in a table a column of its own."""
    value = fields.get(name)
    if isinstance(value, Mapping):
        return _text(value, "id")
    return _text(fields, name) or _text(fields, f"{name}_id")


def _words(fields: Mapping[str, JSON], *names: str) -> list[str]:
    """Lists, or texts with commas, as one list."""
    found: list[str] = []
    for name in names:
        value = fields.get(name) or []
        words = value.split(",") if isinstance(value, str) else value
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise UnreadableField(f"{name} must be a list of words")
        found += [word.strip() for word in words if word.strip()]
    return list(dict.fromkeys(found))


def _is_on(value: JSON) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in ("true", "1")
    return bool(value)
