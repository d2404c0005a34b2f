"""Many cases of one kind in one test."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from functools import wraps

import pytest

NAMED = type(pytest.param(1, id="one"))


def for_each(names: str | Sequence[str], cases: Iterable) -> Callable[[Callable], Callable]:
    """As `pytest.mark.parametrize`, in one test, which names each case that fails.

    For many cases that take next to nothing: pytest takes ten milliseconds for each test, and each process
    collects all. Not where a case leaves something behind for the next, as fixtures of a test would be.
    """
    names = [names] if isinstance(names, str) else list(names)
    cases = list(cases)
    assert cases

    def decorate(check: Callable) -> Callable:
        @wraps(check)
        def test(**given: object) -> None:
            failed = []
            for case in cases:
                is_named = isinstance(case, NAMED)
                values = case.values if is_named else case if len(names) > 1 else (case,)
                try:
                    check(**dict(zip(names, values, strict=True)), **given)
                except (Exception, BaseExceptionGroup, pytest.fail.Exception) as error:
                    error.add_note(f"The case: {(case.id if is_named else values)!r}")
                    failed.append(error)
            if failed:
                raise BaseExceptionGroup(f"{len(failed)} of {len(cases)} cases", failed)

        signature = inspect.signature(check)
        left = [one for name, one in signature.parameters.items() if name not in names]
        test.__signature__ = signature.replace(parameters=left)
        return test

    return decorate
