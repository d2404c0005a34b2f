"""What a file may say of a resource and of a destination, and of which type it is.

Names are those of the API, but that a destination names its resource by its slug.
"""

from __future__ import annotations

from typing import Any, Final

from django.db import models

from destinations.config_files.documents import Kind
from destinations.models import Destination, Resource
from profiles.documents import kind_of

JSON = Any

MODELS: Final[dict[Kind, type[Resource] | type[Destination]]] = {
    "resources": Resource,
    "destinations": Destination,
}
WORDS: Final[dict[Kind, str]] = {"resources": "resource", "destinations": "destination"}
LIMITS: Final = ("concurrency", "rate_limit", "rate_period")

# What is taken as it stands; all others are made of several or lead elsewhere.
PLAIN: Final[dict[Kind, tuple[str, ...]]] = {
    "resources": ("name", "enabled", "tags", *LIMITS, *(f"test_{name}" for name in LIMITS)),
    "destinations": (
        *("name", "description", "use_test_credentials", "enabled", "tags"),
        *("prerequisites", "mapping", "on_leave", "on_delete", "quiet_period", "max_wait", *LIMITS),
    ),
}
SETS: Final = ("production", "test")
RENAMED_FROM: Final = "renamed_from"
KNOWN: Final[dict[Kind, tuple[str, ...]]] = {
    "resources": ("name", RENAMED_FROM, "type", "credentials", *PLAIN["resources"][1:]),
    "destinations": ("name", RENAMED_FROM, "resource", "settings", *PLAIN["destinations"][1:]),
}

_TYPES: Final[tuple[tuple[type[models.Field[Any, Any]], type | tuple[type, ...], str], ...]] = (
    (models.BooleanField, bool, "true or false"),
    (models.FloatField, (int, float), "a number"),
    (models.IntegerField, int, "a whole number"),
    (models.JSONField, object, ""),
    (models.TextField, str, "a text"),
    (models.CharField, str, "a text"),
)


def wrong_type(kind: Kind, name: str, value: JSON) -> str:
    """What is wrong with the type of a plain field's value; "" where nothing is."""
    field: Any = MODELS[kind]._meta.get_field(name)
    if value is None and field.null:
        return ""
    for of, types, words in _TYPES:
        if isinstance(field, of):
            is_flag = isinstance(value, bool) and types not in (bool, object)
            return (
                ""
                if isinstance(value, types) and not is_flag
                else f"this must be {words}, not {kind_of(value)}"
            )
    raise TypeError(f"no type is known of {name}")
