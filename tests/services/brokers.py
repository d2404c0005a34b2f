"""Brokers of one's own on loopback, for what those that run here anyway cannot show."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import pytest

from tests.harness import free_port, missing, wait_for


@contextmanager
def running(name: str, command: Sequence[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process, once it listens on this port; killed afterwards."""
    try:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except OSError as error:
        missing(name, error)
        pytest.fail("unreachable")  # missing() always raises
    try:
        wait_for(lambda: process.poll() is not None or listens(port), name)
        assert process.poll() is None, f"{name} has ended"
        yield process
    finally:
        process.kill()
        process.wait()


def listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


__all__ = ["free_port", "listens", "running"]
