"""Our own modules in processes of their own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any


def module(
    name: str, *arguments: str, environment: Mapping[str, str] = os.environ, **options: Any
) -> subprocess.Popen[Any]:
    """`python -m NAME ARGUMENTS`, from a checkout as from a wheel, and in whatever folder this process runs.

    It can import what this process can import. Files of the current folder never stand in for modules: it is
    searched last, where gunicorn, which would put it first, finds it.
    """
    path = os.pathsep.join([*filter(None, sys.path), os.getcwd()])
    return subprocess.Popen(  # noqa: S603 - our own command line
        [sys.executable, "-P", "-m", name, *arguments], env={**environment, "PYTHONPATH": path}, **options
    )
