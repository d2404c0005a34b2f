"""What a function is: a name, what each of its arguments is read as, and what is done with them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Final

from tracsync.common.messages import message

from ..budget import Run, reach, size
from ..errors import NotationError
from ..values import MISSING, MismatchError, absent

Reader = Callable[[Any], Any]
_FEW: Final = {
    (0, 0): message("no arguments"),
    (0, 1): message("0 to 1 argument"),
    (1, 1): message("1 argument"),
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """What an argument is, and what the function gets for it.

    `read(value)` makes of a value what the function works with, or raises MismatchError. It is run over
    literals when a condition is parsed, so it accepts its own result. A `lazy` argument arrives as a
    callable without arguments, one for `each` item as a callable of an item, to be called with one item after
    the other (`loop@` counts the calls); both give unread values, and MISSING. A `condition` is written as
    one and answers true or false; it is always lazy or for each.
    `deep` says that the function looks at all that is within the value, which is work; so is reading a text,
    of which `work` says how much more than its length.
    """

    name: str
    read: Reader = lambda value: value
    lazy: bool = False
    each: bool = False
    condition: bool = False
    deep: bool = False
    work: Callable[[str], int] | None = None

    def named(self, name: str) -> Parameter:
        """The same, called otherwise in messages: `INTEGER.named("start")`."""
        return replace(self, name=name)

    @property
    def called(self) -> bool:
        return self.lazy or self.each


@dataclass(frozen=True, slots=True)
class Function:
    """`apply(*arguments)`, or `apply(now, *arguments)` for one that `uses_now`; gives JSON or a datetime.

    It may raise MismatchError, whose text names types and never values. A missing or null argument makes
    the result missing without reading or applying, unless the function `takes_missing` (as None). The
    arguments after the `required` ones may be left out; the last parameter may stand any number of times
    if it `repeats`. `quick` is what it does with one text and no other argument, where that gives nothing
    much longer (a text, or what `quick_gives`) and costs next to nothing; it raises ValueError for a text
    that takes longer, and anything for what is no text. `more_work` is what a call takes beside its arguments
    and result.
    """

    name: str
    parameters: tuple[Parameter, ...]
    apply: Callable[..., Any]
    required: int | None = None
    repeats: bool = False
    uses_now: bool = False
    takes_missing: bool = False
    quick: Callable[[str], Any] | None = None
    quick_gives: type = str
    more_work: int = 0

    @property
    def fewest(self) -> int:
        return len(self.parameters) if self.required is None else self.required

    def takes(self, number: int) -> bool:
        return self.fewest <= number and (self.repeats or number <= len(self.parameters))

    def parameter(self, position: int) -> Parameter:
        return self.parameters[min(position, len(self.parameters) - 1)]

    def quick_with(self, number: int) -> Callable[[str], Any] | None:
        """`quick` for so many arguments."""
        return self.quick if number == 1 else None

    def arity(self) -> str:
        """The number of arguments in words."""
        most = len(self.parameters)
        if self.repeats:
            return message("%(number)s or more arguments", number=self.fewest)
        if most < 2:
            return _FEW[self.fewest, most]
        if self.fewest == most:
            return message("%(number)s arguments", number=most)
        return message("%(number)s to %(most)s arguments", number=self.fewest, most=most)

    def usage(self) -> str:
        """How it is written: `substring(text, start[, number])`."""
        needed = [parameter.name for parameter in self.parameters[: self.fewest]]
        optional = "".join(f"[, {parameter.name}]" for parameter in self.parameters[self.fewest :])
        more = ", ..." if self.repeats else ""
        optional = optional if needed else optional.replace(", ", "", 1)
        return f"{self.name}({', '.join(needed)}{optional}{more})"

    def call(self, run: Run, arguments: list[Any]) -> Any:
        """Raises MismatchError; its `side` is the position of the argument to blame."""
        is_text = isinstance(arguments[0], str) if arguments else False
        quick = self.quick_with(len(arguments))
        if quick is not None and is_text:
            with suppress(ValueError):
                return quick(run.glance(arguments[0]) if run.thorough else arguments[0])
        if not self.takes_missing and any(map(absent, arguments)):
            return MISSING
        if quick is None or is_text:
            run.spend(self.more_work + sum(map(self._work, count(), arguments)))
        read = list(map(self._read, count(), arguments))
        result = self._applied(run, read)
        return run.made(result) if quick is None else result

    def _work(self, position: int, argument: Any) -> int:
        parameter = self.parameter(position)
        if parameter.work is not None and isinstance(argument, str):
            return size(argument) + parameter.work(argument)
        return reach(argument) if parameter.deep else size(argument)

    def _applied(self, run: Run, read: list[Any]) -> Any:
        """A foreign function may raise anything, and what it says may hold values of the profile."""
        try:
            return self.apply(run.now, *read) if self.uses_now else self.apply(*read)
        except (MismatchError, NotationError, RecursionError):
            raise
        except OverflowError:
            raise MismatchError("%(subject)s gives a number that is too large") from None
        except Exception as error:
            kind = type(error).__name__
            raise MismatchError(
                "%(subject)s cannot be used by %(name)s() (%(error)s)", name=self.name, error=kind
            ) from None

    def _read(self, position: int, argument: Any) -> Any:
        if argument is None or argument is MISSING:
            return None
        parameter = self.parameter(position)
        if parameter.called:
            return argument
        try:
            return parameter.read(argument)
        except MismatchError as mismatch:
            mismatch.side = position
            raise
