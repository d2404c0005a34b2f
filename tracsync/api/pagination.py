"""Pages by cursor: stable while rows come and go, and never a count of a large table."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from rest_framework.exceptions import NotFound
from rest_framework.exceptions import ValidationError as Invalid
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request

from tracsync.common.rest.filters import PAGING

ORDERING = "ordering"


def _choices(view: Any) -> list[str]:
    return [f"{sign}{name}" for name in getattr(view, "orderings", ()) for sign in ("", "-")]


def _refuse_unknown(request: Request) -> None:
    unknown = sorted(set(request.query_params) - PAGING)
    if unknown:
        raise Invalid({name: ["There is no such filter here"] for name in unknown})


class Pages(CursorPagination):
    """`next` and `previous` are the addresses of the neighbouring pages, null at the ends."""

    page_size_query_param = "page_size"
    max_page_size = 1000
    invalid_cursor_message = "The cursor is not one of ours: take next or previous as they were answered"

    def get_ordering(self, request: Request, queryset: Any, view: Any) -> tuple[str, ...]:
        """A view says its own `ordering`, and by which fields others may order (`orderings`)."""
        text = request.query_params.get(ORDERING)
        if text is None:
            return getattr(view, "ordering", ("pk",))
        choices = _choices(view)
        if text not in choices:
            said = f"Order by one of {', '.join(choices)}" if choices else "This list has one order"
            raise Invalid({ORDERING: [said]})
        return text, "-pk" if text.startswith("-") else "pk"

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        parameters: list[dict[str, Any]] = super().get_schema_operation_parameters(view)
        for parameter in parameters:
            if parameter["name"] == self.page_size_query_param:
                parameter["schema"] = {"type": "integer", "minimum": 1, "maximum": self.max_page_size}
        if choices := _choices(view):
            schema = {"type": "string", "enum": choices}
            said = "Which field orders the list; with - before it, the other way round."
            parameters.append({"name": ORDERING, "in": "query", "schema": schema, "description": said})
        return parameters

    def get_page_size(self, request: Request) -> int | None:
        text = request.query_params.get(self.page_size_query_param)
        if text is None:
            return self.page_size
        if text.isdecimal() and len(text) < 10 and 1 <= int(text) <= self.max_page_size:
            return int(text)
        raise Invalid({"page_size": [f"This must be a whole number from 1 to {self.max_page_size}"]})

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> Any:
        if not getattr(view, "filterset_class", None):  # which refuses others
            _refuse_unknown(request)
        first = self.get_ordering(request, queryset, view)[0].removeprefix("-")
        meta = queryset.model._meta
        self.field = meta.pk if first == "pk" else meta.get_field(first)
        self.field = getattr(self.field, "target_field", self.field)  # of the id that a row refers to
        return super().paginate_queryset(queryset, request, view)

    def decode_cursor(self, request: Request) -> Any:
        """Whatever somebody makes up is refused here and not by the database."""
        try:
            if request.query_params.get(self.cursor_query_param) == "":
                raise ValueError
            cursor = super().decode_cursor(request)
            if cursor is not None and cursor.position is not None:
                self._check_position(cursor.position)
        except (NotFound, ValidationError, ValueError, OverflowError):
            raise Invalid({"cursor": [self.invalid_cursor_message]}) from None
        return cursor

    def _check_position(self, position: Any) -> None:
        if "\0" in position:
            raise ValueError
        self.field.clean(position, None)
