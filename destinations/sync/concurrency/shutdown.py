"""Whether this host's worker is ending: pushes finish the call under way and give the rest back."""

import multiprocessing

# Shared by all processes that are forked after this module was imported.
_ending = multiprocessing.RawValue("b", 0)


def begin() -> None:
    """Safe in a signal handler: no lock."""
    _ending.value = 1


def has_begun() -> bool:
    return bool(_ending.value)
