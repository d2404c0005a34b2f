"""Sending a push in several steps without beating on a system that is down."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from destinations.connectors.base import ConfigurationError, Outcome, Retry, Unreachable
from tracsync.common.messages import message

T = TypeVar("T")
Step = tuple[list[Outcome], Retry | None]


def in_turn(groups: Iterable[Sequence[T]], send: Callable[[Sequence[T]], Step]) -> Step:
    """One outcome per item, in the order of the groups, and the Retry that ended the trying if one did.

    `send` answers a group's outcomes, and a Retry when the groups after it need not be tried now: they
    get that one. A ConfigurationError or Unreachable goes through only if nothing was sent before it;
    otherwise what was delivered already would be forgotten.
    """
    outcomes: list[Outcome] = []
    halt: Retry | None = None
    for group in groups:
        if halt is None:
            try:
                done, halt = send(group)
            except (ConfigurationError, Unreachable) as error:
                if not outcomes:
                    raise
                reason = message("not tried: %(reason)s", reason=str(error))
                halt = Retry(reason, getattr(error, "after", None), not_taken=True)
                done = [halt] * len(group)
            outcomes += done
        else:
            outcomes += [halt] * len(group)
    return outcomes, halt
