"""Serializers that take nothing for something else: no number as a text, no unknown field, no blank name."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from django.db import models
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from destinations.configuration.validation import LONGEST_WAIT
from destinations.models import Destination
from profiles import documents
from tracsync.common.rest.filters import NOT_BLANK
from tracsync.common.rest.scopes import ANOTHER, own_destination
from tracsync.common.translation import seen

if TYPE_CHECKING:
    PrimaryKey = serializers.PrimaryKeyRelatedField[Any]
else:
    PrimaryKey = serializers.PrimaryKeyRelatedField


class Text(serializers.CharField):
    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Said(serializers.CharField):
    """What another system says: as far as the caller may see it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"read_only": True, **options})

    def to_representation(self, value: Any) -> str:
        return seen(super().to_representation(value))


class Flag(serializers.BooleanField):
    def to_internal_value(self, data: Any) -> bool | None:  # type: ignore[override]
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


@extend_schema_field({"type": "number", "format": "double", "minimum": 0, "maximum": LONGEST_WAIT})
class Seconds(serializers.FloatField):
    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("invalid")
        try:
            return float(data)
        except OverflowError:
            self.fail("invalid")


class Number(serializers.IntegerField):
    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return data


@extend_schema_field({"oneOf": [{"type": "integer"}, {"type": "string"}]})
class Reference(PrimaryKey):
    """A row by its number or its slug; it is shown by its number.

    A token for one destination names no other.
    """

    default_error_messages = {
        "does_not_exist": _("There is none with this id."),
        "no_slug": _("There is none with this slug."),
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.pk_field = None if options.get("read_only") else Number()

    def to_internal_value(self, data: Any) -> Any:
        only = own_destination(self.context.get("request"))
        rows: Any = self.get_queryset()
        if only is None or rows.model is not Destination:
            return self._found(data)
        with suppress(serializers.ValidationError):
            if (found := self._found(data)).pk == only:
                return found
        raise PermissionDenied(ANOTHER)

    def _found(self, data: Any) -> Any:
        if not isinstance(data, str) or is_number(data):
            return super().to_internal_value(data)
        rows: Any = self.get_queryset()
        found = rows.filter(slug=data.replace("\0", "")).first()
        if found is None:
            self.fail("no_slug")
        return found


def is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


@extend_schema_field({"type": "array", "items": NOT_BLANK})
class Tags(serializers.JSONField):
    """Words to find something by."""


class Object(serializers.DictField):
    """A JSON object with anything in it."""

    default_error_messages = {"not_a_dict": _("This must be an object of fields and values.")}


class StrictMixin:
    """Refuses unknown fields, so that a typo is not lost, and texts that not every database can store.

    `needs_some`: none of the fields has to be there, but one of them.
    """

    needs_some = False
    fields: Any
    error_messages: dict[str, Any]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.error_messages["invalid"] = _("Send a JSON object of fields and values.")

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            # What is only shown may come back: what was read can be changed and sent as a whole.
            if unknown := sorted(set(data) - set(self.fields)):
                known = ", ".join(name for name, field in self.fields.items() if not field.read_only)
                problem = f"There is no such field; known are: {known}"
                raise serializers.ValidationError({name: [problem] for name in unknown})
            try:
                self.check_storable(data)
            except documents.InvalidDocument as error:
                raise serializers.ValidationError({"detail": str(error)}) from None
        return super().to_internal_value(data)  # type: ignore[misc]

    def check_storable(self, data: dict[str, Any]) -> None:
        """Raises InvalidDocument for what not every database can store, or what is larger than a profile."""
        documents.canonical(data)


class StrictSerializer(StrictMixin, serializers.Serializer[Any]):
    pass


class StrictModelSerializer(StrictMixin, serializers.ModelSerializer[Any]):
    serializer_field_mapping = {
        **serializers.ModelSerializer.serializer_field_mapping,
        models.CharField: Text,
        models.TextField: Text,
        models.BooleanField: Flag,
        models.FloatField: Seconds,
    }
    serializer_related_field = Reference


def checked(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """What a request that is no create and no update says. Raises ValidationError."""
    filled = serializer(data=request.data, context={"request": request})
    filled.is_valid(raise_exception=True)
    return filled.validated_data
