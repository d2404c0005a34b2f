"""On whose behalf something happens: a request's, a command's, or nobody's, which is the engine."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from tracsync.common.trail.words import Face, Kind


@dataclass(frozen=True, slots=True)
class Actor:
    """`id`: of the person or the token here; blank where there is none."""

    kind: Kind
    name: str
    id: str = ""


NOBODY = Actor(Kind.NOBODY, "")


@dataclass(frozen=True, slots=True)
class Occasion:
    """`actor` is asked when an entry is written: while a request is answered it gets to be known.

    `by`: the command, where it is one.
    """

    face: Face
    actor: Callable[[], Actor]
    address: str | None = None
    request_id: str = ""
    by: str = ""


_current: ContextVar[Occasion | None] = ContextVar("tracsync_occasion", default=None)


def current() -> Occasion | None:
    return _current.get()


@contextmanager
def acting(occasion: Occasion | None) -> Iterator[None]:
    """Whatever happens within happens on this occasion; None: by the engine itself."""
    before = _current.set(occasion)
    try:
        yield
    finally:
        _current.reset(before)


def shell(command: str) -> Occasion:
    """A command that somebody runs on the machine."""
    return Occasion(Face.COMMAND, _user_of_the_machine, by=command)


def _user_of_the_machine() -> Actor:
    """A container may have a user without a name."""
    try:
        return Actor(Kind.SHELL, getpass.getuser())
    except (OSError, KeyError, ImportError):
        return Actor(Kind.SHELL, "?")
