"""Request bodies: strict JSON, refused with the place of the mistake."""

from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from profiles import documents, request_stream


class StrictJSONParser(BaseParser):
    """JSON in UTF-8 without NaN and Infinity, as profiles are stored.

    A view that says `unique_keys` gets none with two equal keys in an object.
    """

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        unique = getattr((parser_context or {}).get("view"), "unique_keys", False)
        try:
            return documents.parse(request_stream.whole(stream), unique_keys=unique)
        except documents.InvalidDocument as error:
            raise ParseError(str(error)) from None
