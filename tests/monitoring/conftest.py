"""The API, for its metrics."""

from tests.api.conftest import api

__all__ = ["api"]
