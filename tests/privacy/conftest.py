"""The API and people of the admin, for what they may do."""

from tests.admin.conftest import allow, user
from tests.api.conftest import api

__all__ = ["allow", "api", "user"]
