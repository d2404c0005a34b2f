"""Whether this host's worker is ending: pushes finish the call under way and give the rest back."""

from __future__ import annotations

import multiprocessing

# Shared by all processes that are forked after this module was imported.
_asked = multiprocessing.RawValue("b", 0)


def ask() -> None:
    """Safe in a signal handler: no lock."""
    _asked.value = 1


def asked() -> bool:
    return bool(_asked.value)
