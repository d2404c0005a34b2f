"""Pages by cursor: stable while rows come and go, and never a count of a large table."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from rest_framework.exceptions import NotFound, ParseError
from rest_framework.exceptions import ValidationError as Invalid
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request


class Pages(CursorPagination):
    """`next` and `previous` are the addresses of the neighbouring pages, null at the ends."""

    page_size_query_param = "page_size"
    max_page_size = 1000
    invalid_cursor_message = "The cursor is not one of ours: take next or previous as they were answered"

    def get_ordering(self, request: Request, queryset: Any, view: Any) -> tuple[str, ...]:
        return getattr(view, "ordering", ("pk",))

    def get_page_size(self, request: Request) -> int | None:
        text = request.query_params.get(self.page_size_query_param)
        if text is None:
            return self.page_size
        if text.isdecimal() and len(text) < 10 and 1 <= int(text) <= self.max_page_size:
            return int(text)
        raise Invalid({"page_size": [f"This must be a whole number from 1 to {self.max_page_size}"]})

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> Any:
        first = self.get_ordering(request, queryset, view)[0].removeprefix("-")
        meta = queryset.model._meta
        self.field = meta.pk if first == "pk" else meta.get_field(first)
        self.field = getattr(self.field, "target_field", self.field)  # of the id that a row refers to
        return super().paginate_queryset(queryset, request, view)

    def decode_cursor(self, request: Request) -> Any:
        """Whatever somebody makes up is refused here and not by the database."""
        try:
            cursor = super().decode_cursor(request)
            if cursor is not None and cursor.position is not None:
                self._check_position(cursor.position)
        except (NotFound, ValidationError, ValueError, OverflowError):
            raise ParseError(self.invalid_cursor_message) from None
        return cursor

    def _check_position(self, position: Any) -> None:
        if "\0" in position:
            raise ValueError
        self.field.clean(position, None)
