"""Client libraries that few need: extras, loaded when they are used."""

from __future__ import annotations

import importlib
import ssl
from types import ModuleType

import certifi

from destinations.connectors.base import ConfigurationError
from tracsync.common.messages import message


def load(name: str, extra: str) -> ModuleType:
    """A client library. Raises ConfigurationError where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ConfigurationError(
            message(
                "the package %(package)s is missing: install tracsync[%(extra)s]", package=name, extra=extra
            )
        ) from None


def trusted() -> str:
    """The file with the authorities that everybody trusts: the system's, or those that HTTP trusts."""
    return ssl.get_default_verify_paths().cafile or certifi.where()
