"""Our own modules in processes of their own."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any


def module(
    name: str, *arguments: str, environment: Mapping[str, str] = os.environ, **options: Any
) -> subprocess.Popen[Any]:
    """`python -m NAME ARGUMENTS`, from a checkout as from a wheel, and in whatever folder this process runs.

    It can import what this process can import. Files of the current folder never stand in for modules: it is
    searched last.
    """
    path = os.pathsep.join([*filter(None, sys.path), os.getcwd()])
    return subprocess.Popen(  # noqa: S603 - our own command line
        [sys.executable, "-P", "-m", name, *arguments], env={**environment, "PYTHONPATH": path}, **options
    )


@contextmanager
def server(name: str, *arguments: str) -> Iterator[str]:
    """A module that prints its address first, which is what this gives; it is killed afterwards."""
    with module(name, *arguments, stdout=subprocess.PIPE, text=True) as process:
        stdout: IO[str] = process.stdout  # type: ignore[assignment] # it is a pipe
        try:
            yield stdout.readline().strip()
        finally:
            process.kill()
