"""The command line: `tracsync help` lists the commands; `python -m tracsync` and manage.py do the same."""

import gc
import os
import sys
from importlib import import_module

from tracsync import __version__

# Commands of Django and django-axes that change who comes in, or everything. Ours tell the trail themselves.
ACCOUNTS = ("createsuperuser", "changepassword")  # rows that the trail watches
OTHERS = ("axes_reset", "axes_reset_ip", "axes_reset_ip_username", "axes_reset_username", "flush", "loaddata")


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tracsync.settings")
    os.umask(0o077)  # what is written, such as the database, is for this user only
    gc.disable()  # until everything is imported: tracsync/apps.py
    import django
    from django.core.exceptions import ImproperlyConfigured

    if sys.argv[1:] in (["version"], ["--version"]):  # Django would only say its own
        sys.stdout.write(f"tracsync {__version__}, Django {django.__version__}\n")
        return
    program = "python -m tracsync" if sys.argv[0] == __file__ else sys.argv[0]
    try:
        import_module(os.environ["DJANGO_SETTINGS_MODULE"])  # Django would only say that a command is unknown
        run([program, *sys.argv[1:]])
    except ImproperlyConfigured as error:
        sys.exit(f"tracsync is not configured: {error}")


def run(words: list[str]) -> None:
    """A command by the words of its line, the first of which is the program."""
    from django.core.management import execute_from_command_line

    from tracsync.common import trail

    name = words[1] if len(words) > 1 else ""
    with trail.acting(trail.shell(name) if name in (*ACCOUNTS, *OTHERS) else None):
        execute_from_command_line(words)
        if name in OTHERS:
            trail.note(trail.Action.MAINTAINED, named=" ".join(words[2:]))


if __name__ == "__main__":
    main()
