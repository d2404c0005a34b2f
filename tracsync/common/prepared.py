"""Questions to the database that are asked again and again, built once.

What Django makes of a queryset each time it is asked costs several times what the database needs for a look
into an index: most of what a push costs that comes alone.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection
from copy import copy
from datetime import UTC, datetime
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Model, QuerySet
from django.db.models.query import ModelIterable

from tracsync.common import lookups  # noqa: F401 - lookups registers `among`

Given = datetime | Collection[Any]


class Prepared:
    """A queryset that differs only by moments, and by ids that are looked up by `among`.

    `make` is called once in a process, with stand-ins for what is given whenever the question is asked, in
    that order; none of them may be changed by it, and nothing else in the queryset may ever differ. Nothing
    is prefetched.
    """

    def __init__(self, make: Callable[..., QuerySet[Any, Any]]) -> None:
        self._make = make
        self._built: _Built | None = None

    def rows(self, *given: Given) -> list[tuple[Any, ...]]:
        """As the queryset's `values_list` gives them."""
        compiler = self._compiler(given)
        return list(compiler.results_iter(tuple_expected=True))

    def objects(self, *given: Given) -> list[Any]:
        """As the queryset gives them, related ones that are selected with them included."""
        return list(ModelIterable(_Asked(self._compiler(given))))  # type: ignore[arg-type]

    def _compiler(self, given: tuple[Given, ...]) -> Any:
        self._built = self._built or _Built(self._make, given)
        return self._built.compiler(given)


class _Built:
    """The SQL, and which of its parameters are what is given."""

    def __init__(self, make: Callable[..., QuerySet[Any, Any]], given: tuple[Given, ...]) -> None:
        stand_ins = [_stand_in(number, one) for number, one in enumerate(given)]
        self._compiler: Any = make(*stand_ins).query.get_compiler(DEFAULT_DB_ALIAS)
        self._sql, params = self._compiler.as_sql()
        known = [_param(one) for one in stand_ins]
        self._params = [(param, known.index(param) if param in known else None) for param in params]
        self._of_thread = threading.local()  # what makes values of the columns: that of a thread's connection

    def compiler(self, given: tuple[Given, ...]) -> Any:
        values = [_param(one) for one in given]
        params = tuple(constant if at is None else values[at] for constant, at in self._params)
        compiler = copy(self._compiler)
        compiler.connection = connections[DEFAULT_DB_ALIAS]  # each thread has its own
        compiler.as_sql = lambda *_, **__: (self._sql, params)
        if not hasattr(self._of_thread, "converters"):
            columns = [column for column, *_ in compiler.select]
            self._of_thread.converters = compiler.get_converters(columns)
        compiler.get_converters = lambda _: self._of_thread.converters
        return compiler


class _Asked:
    """What Django's own maker of instances wants of a queryset."""

    db = DEFAULT_DB_ALIAS
    _known_related_objects: dict[Any, Model] = {}

    def __init__(self, compiler: Any) -> None:
        self.query = self
        self._compiler = compiler

    def get_compiler(self, using: str) -> Any:
        return self._compiler


def _stand_in(number: int, given: Given) -> Given:
    """Nothing that a queryset would hold by itself."""
    return datetime(1900, 1, 1 + number, tzinfo=UTC) if isinstance(given, datetime) else [-1900 - number]


def _param(given: Given) -> Any:
    if isinstance(given, datetime):
        return connections[DEFAULT_DB_ALIAS].ops.adapt_datetimefield_value(given)
    return json.dumps(list(given))
