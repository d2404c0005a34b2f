"""Where in a structure a mistake is."""

from __future__ import annotations

from django.core.exceptions import ValidationError


class PlacedError(ValidationError):
    """A mistake deep within what was entered: `path` leads to it, by keys and by places in lists.

    Forms show it at the field that it is raised for, as any other; the API makes a JSON pointer of its path.
    """

    def __init__(self, message: str, path: tuple[str | int, ...], code: str = "invalid") -> None:
        super().__init__(message, code)
        self.path = path
