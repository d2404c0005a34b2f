"""Commands of Django and django-axes that change who comes in, or everything, leave entries, too.

Ours tell the trail themselves. These are followed in the process that runs one, whoever's manage.py it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import wraps
from typing import Any

from django.core.management import BaseCommand, get_commands, load_command_class

from tracsync.common import trail

ACCOUNTS = ("createsuperuser", "changepassword")  # rows that the trail watches
OTHERS = ("axes_reset", "axes_reset_ip", "axes_reset_ip_username", "axes_reset_username", "flush", "loaddata")


def follow(words: Sequence[str]) -> None:
    """`words`: the line of this process, the first of which is the program."""
    name = words[1] if len(words) > 1 else ""
    app = get_commands().get(name) if name in (*ACCOUNTS, *OTHERS) else None
    if app is not None:
        command = app if isinstance(app, BaseCommand) else load_command_class(app, name)
        _note(type(command), name, " ".join(words[2:]))


def _note(command: type[BaseCommand], name: str, given: str) -> None:
    execute = command.execute

    @wraps(execute)
    def noted(self: BaseCommand, *args: Any, **options: Any) -> Any:
        with trail.acting(trail.shell(name)):
            answer = execute(self, *args, **options)
            if name in OTHERS:
                trail.note(trail.Action.MAINTAINED, named=given)
            return answer

    setattr(command, "execute", noted)  # noqa: B010 - of a class, which mypy does not let us assign
