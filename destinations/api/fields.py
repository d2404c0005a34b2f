"""Serializers that take nothing for something else: no number as a text, no unknown field, no blank name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request

from profiles import documents

if TYPE_CHECKING:
    PrimaryKey = serializers.PrimaryKeyRelatedField[Any]
else:
    PrimaryKey = serializers.PrimaryKeyRelatedField


class Text(serializers.CharField):
    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Flag(serializers.BooleanField):
    def to_internal_value(self, data: Any) -> bool | None:  # type: ignore[override]
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


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


class Reference(PrimaryKey):
    """A row by its number."""

    default_error_messages = {"does_not_exist": _("There is none with this id.")}

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.pk_field = None if options.get("read_only") else Number()


class Object(serializers.DictField):
    """A JSON object with anything in it."""

    default_error_messages = {"not_a_dict": _("This must be an object of fields and values.")}


class StrictMixin:
    """Refuses unknown fields, so that a typo is not lost, and texts that not every database can store."""

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
                documents.canonical(data)
            except documents.InvalidDocument as error:
                raise serializers.ValidationError({"detail": str(error)}) from None
        return super().to_internal_value(data)  # type: ignore[misc]


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
    filled = serializer(data=request.data)
    filled.is_valid(raise_exception=True)
    return filled.validated_data
