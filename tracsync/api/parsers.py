"""Request bodies: strict JSON, refused with the place of the mistake."""

from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from profiles import documents, request_stream


class StrictJSONParser(BaseParser):
    """JSON in UTF-8 without NaN and Infinity, as profiles are stored.

    A view that says `unique_keys` gets none with two equal keys in an object. One that takes more than a
    profile may have says `most_bytes`.
    """

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        view = (parser_context or {}).get("view")
        unique, most = getattr(view, "unique_keys", False), getattr(view, "most_bytes", None)
        try:
            return documents.parse(request_stream.whole(stream, most), unique_keys=unique, most=most)
        except documents.InvalidDocument as error:
            raise ParseError(str(error)) from None
