#!/usr/bin/env python
"""The command line of tracsync: `python manage.py help` lists the commands."""

import os
import sys
from importlib import import_module


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tracsync.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        import_module(os.environ["DJANGO_SETTINGS_MODULE"])  # Django would only say that a command is unknown
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"tracsync is not configured: {error}")


if __name__ == "__main__":
    main()
