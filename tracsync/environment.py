"""Reading settings from the environment, with a sentence for each value that cannot be read."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured


class Environment(environ.Env):
    def get_value(self, var: Any, *args: Any, **kwargs: Any) -> Any:
        """Raises ImproperlyConfigured, without the value: it may be a secret."""
        try:
            return super().get_value(var, *args, **kwargs)
        except ValueError:
            raise ImproperlyConfigured(
                f"the value of {var} cannot be read: see docs/configuration.md"
            ) from None

    def database(self, var: str, default: str) -> dict[str, Any]:
        """Django's settings for the database at an address. Raises ImproperlyConfigured."""
        config: dict[str, Any] = self.db(var, default=default)
        if "ENGINE" not in config:
            raise ImproperlyConfigured(
                f"{var} is no address of a database, such as postgres://user@host/name"
            )
        if "postgresql" in config["ENGINE"]:
            need("psycopg", var, extra="postgres")
        return config


def need(package: str, var: str, extra: str) -> None:
    """Raises ImproperlyConfigured where the package that a setting asks for is not installed."""
    if find_spec(package) is None:
        raise ImproperlyConfigured(f"{var} needs the extra “{extra}”: pip install 'tracsync[{extra}]'")


def make_private(directory: Path) -> None:
    """A folder for this user only, where there is none yet. Raises ImproperlyConfigured."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(
            f"the data folder {directory} cannot be made ({error.strerror}): set TRACSYNC_DATA_DIR"
        ) from None
