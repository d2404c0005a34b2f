"""The command line: `tracsync help` lists the commands; `python -m tracsync` and manage.py do the same."""

import gc
import os
import sys
from importlib import import_module

from tracsync import __version__


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tracsync.settings")
    os.umask(0o077)  # what is written, such as the database, is for this user only
    gc.disable()  # until everything is imported: tracsync/apps.py
    import django
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    if sys.argv[1:] in (["version"], ["--version"]):  # Django would only say its own
        sys.stdout.write(f"tracsync {__version__}, Django {django.__version__}\n")
        return
    program = "python -m tracsync" if sys.argv[0] == __file__ else sys.argv[0]
    try:
        import_module(os.environ["DJANGO_SETTINGS_MODULE"])  # Django would only say that a command is unknown
        execute_from_command_line([program, *sys.argv[1:]])
    except ImproperlyConfigured as error:
        sys.exit(f"tracsync is not configured: {error}")


if __name__ == "__main__":
    main()
