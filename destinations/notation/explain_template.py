"""Where each place of a payload comes from, and what was missing on the way."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from tracsync.common.messages import joined, message, shortened

from .budget import Run
from .errors import NotationError
from .evaluate import Scope, as_notation_error
from .explain import Seen, seen_in
from .limits import is_moderate_template
from .paths import Reference, present
from .render import chosen, each, simple_value
from .template_reader import below
from .template_tree import Choice, Constant, Each, Formula, List, Lookup, Object, Part, Table, Text
from .tree import Call, Operand, parts_below

Outcome = Literal["given", "missing", "left out", "error"]
Origin = Literal["constant", "reference", "text", "formula", "object", "list"]

MAX_REASON: Final = 500  # characters of a condition or key that led to a place; each place has its own
MAX_PLACES: Final = 20_000  # as many as a template has values
_IS_MET: Final = message("%(subject)s is met")
_IS_NOT_MET: Final = message("%(subject)s is not met")
MAX_NAMED: Final = 10  # missing fields in the sentence


@dataclass(frozen=True, slots=True)
class Place:
    """One place of the payload and where its value comes from.

    `path` is its JSON path in the payload (of what was left out: where it would stand), `source` the
    reference, text or formula as the template has it, `cast` whether it stands in backticks, `functions`
    the names of those a formula calls, `values` the fields and functions that were looked at, `missing` the
    fields among them that lead nowhere, `because` the conditions, tables and items that led here, `message`
    the error. Objects and lists are places if they are empty or left out.
    """

    path: str
    origin: Origin
    outcome: Outcome
    value: Any = None
    source: str = ""
    cast: bool = False
    functions: tuple[str, ...] = ()
    values: tuple[Seen, ...] = ()
    missing: tuple[str, ...] = ()
    because: tuple[str, ...] = ()
    message: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {
            **{"path": self.path, "origin": self.origin, "outcome": self.outcome, "value": self.value},
            **{"source": self.source, "cast": self.cast, "functions": list(self.functions)},
            "values": [{"text": s.text, "value": s.value, "found": s.found} for s in self.values],
            **{"missing": list(self.missing), "because": list(self.because), "message": self.message},
        }


@dataclass(frozen=True, slots=True)
class TemplateExplanation:
    """The payload (None if `error` says why there is none) and its places, in the template's order.

    Of very many places, made of the items of a long list, the first MAX_PLACES.
    """

    payload: Any
    places: tuple[Place, ...]
    error: str = ""

    @property
    def missing(self) -> tuple[str, ...]:
        """The texts of all references that led nowhere, each once."""
        return tuple(dict.fromkeys(text for place in self.places for text in place.missing))

    def summary(self) -> str:
        """One sentence for people, without any value."""
        if self.error:
            return message("cannot be rendered: %(reason)s", reason=self.error)
        counts = [sum(place.outcome == outcome for place in self.places) for outcome in ("given", "left out")]
        text = message("%(number)s given, %(most)s left out", number=counts[0], most=counts[1])
        named = [*self.missing[:MAX_NAMED], *(["…"] if len(self.missing) > MAX_NAMED else [])]
        if not named:
            return text
        return joined("; ", (text, message("missing: %(names)s", names=", ".join(named))))

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            **{"payload": self.payload, "error": self.error, "missing": list(self.missing)},
            "places": [place.as_dict() for place in self.places],
        }


def explain_template(part: Part, sources: Mapping[str, Any]) -> TemplateExplanation:
    """Never raises: what rendering would raise is `error`."""
    walk = _Walk()
    try:
        run = Run(thorough=not is_moderate_template(part))
        payload = walk.value(part, Scope("", present(sources), run), _Where())
    except Exception as error:
        return TemplateExplanation(None, tuple(walk.places), as_notation_error(error).sentence)
    return TemplateExplanation(payload, tuple(walk.places))


@dataclass(frozen=True, slots=True)
class _Where:
    """The place that is looked at: its path, whether it is optional, and what led there."""

    path: str = "$"
    optional: bool = False
    because: tuple[str, ...] = ()

    def key(self, key: str, optional: bool) -> _Where:
        return _Where(below(self.path, key), self.optional or optional, self.because)

    def index(self, index: int) -> _Where:
        return _Where(f"{self.path}[{index}]", self.optional, self.because)

    def why(self, reason: str) -> _Where:
        return _Where(self.path, self.optional, (*self.because, reason))


@dataclass
class _Walk:
    """Renders like `render.py`, and notes the places."""

    places: list[Place] = field(default_factory=list)

    def value(self, part: Part, scope: Scope, where: _Where) -> Any:
        if isinstance(part, Object):
            return self._object(part, scope, where)
        if isinstance(part, List):
            return self._list(part, scope, where)
        try:
            if isinstance(part, Each):
                return self._each(part, scope, where)
            if isinstance(part, (Choice, Table)):
                return self.value(*self._chosen(part, scope, where))
            return self._simple(part, scope, where)
        except NotationError as error:
            if not any(place.outcome == "error" for place in self.places):
                failed = Place(where.path, "formula", "error", because=where.because, message=error.sentence)
                self.places.append(failed)
            raise

    def _note(self, place: Place) -> None:
        if len(self.places) < MAX_PLACES:
            self.places.append(place)

    def _simple(self, part: Constant | Lookup | Text | Formula, scope: Scope, where: _Where) -> Any:
        value = simple_value(part, scope)
        if len(self.places) >= MAX_PLACES:
            return value
        values, missing = _seen(part, scope)
        is_null = isinstance(part, Constant) and not where.optional
        outcome: Outcome = "given" if is_null else _outcome(value, where)
        self._note(
            Place(
                *(where.path, _origin(part), outcome, value, _source(part), getattr(part, "cast", False)),
                *(_functions(part), values, missing, where.because),
            )
        )
        return value

    def _object(self, part: Object, scope: Scope, where: _Where) -> Any:
        result = {}
        for one in part.fields:
            inner = where.key(one.name, one.optional)
            value = self.value(one.part, scope, inner)
            if value is not None or not inner.optional:
                result[one.name] = value
        return self._container("object", result, bool(part.fields), where)

    def _list(self, part: List, scope: Scope, where: _Where) -> Any:
        values: list[Any] = []
        for item in part.items:
            value = self.value(item, scope, where.index(len(values)))
            if value is not None or not where.optional:
                values.append(value)
        return self._container("list", values, bool(part.items), where)

    def _container(self, origin: Origin, result: Any, had_parts: bool, where: _Where) -> Any:
        gone = where.optional and had_parts and not result
        if gone or not result:
            outcome: Outcome = "left out" if gone else "given"
            self._note(Place(where.path, origin, outcome, None if gone else result, because=where.because))
        return None if gone else result

    def _chosen(self, part: Choice | Table, scope: Scope, where: _Where) -> tuple[Part, Scope, _Where]:
        taken = chosen(part, scope)
        if isinstance(part, Choice):
            reason = _IS_MET if taken is part.then else _IS_NOT_MET
            return taken, scope, where.why(reason.with_values(subject=shortened(part.text, MAX_REASON)))
        key = next((key for key, entry in part.entries.items() if entry is taken), None)
        if key is None:
            return taken, scope, where.why(message("$lookup found nothing in the table"))
        return (
            taken,
            scope,
            where.why(message("$lookup found %(key)s in the table", key=shortened(key, MAX_REASON))),
        )

    def _each(self, part: Each, scope: Scope, where: _Where) -> Any:
        aside, left = _Walk(), scope.run.copies[0]
        scope.run.copies[0] = sys.maxsize  # what is only looked at is no part of the payload
        items = aside.value(part.over, scope, where)
        scope.run.copies[0] = left
        made = 0
        item_of = message("item of %(subject)s", subject=shortened(_shown(part.over), MAX_REASON))

        def make(inner: Scope) -> Any:
            nonlocal made
            value = self.value(part.to, inner, where.index(made).why(item_of))
            made += value is not None or not where.optional
            return value

        result = each(part, items, scope, where.optional, make)
        if not result:
            self._note(
                Place(
                    *(where.path, "list", _outcome(result, where), result, _shown(part.over)),
                    values=tuple(one for place in aside.places for one in place.values),
                    missing=tuple(text for place in aside.places for text in place.missing),
                    because=where.because,
                )
            )
        return result


def _outcome(value: Any, where: _Where) -> Outcome:
    return "given" if value is not None else "left out" if where.optional else "missing"


def _origin(part: Part) -> Origin:
    if isinstance(part, Lookup):
        return "reference"
    if isinstance(part, Formula):
        return "formula"
    return "text" if isinstance(part, Text) else "constant"


def _source(part: Part) -> str:
    if isinstance(part, Lookup):
        return part.reference.text
    if isinstance(part, Text):
        return "".join(p if isinstance(p, str) else f"{{{{{p.text}}}}}" for p in part.parts)
    return part.text if isinstance(part, Formula) else ""


def _shown(part: Part) -> str:
    return _source(part) or message("a list")


def _functions(part: Part) -> tuple[str, ...]:
    if not isinstance(part, Formula):
        return ()
    calls = (below.function.name for below in parts_below(part.operand) if isinstance(below, Call))
    return tuple(dict.fromkeys(calls))


def _seen(part: Part, scope: Scope) -> tuple[tuple[Seen, ...], tuple[str, ...]]:
    """The fields and functions of a part with their values, and the fields that lead nowhere."""
    aside = scope.reading(getattr(part, "text", "")).aside()
    seen = [one for operand in _operands(part) for one in seen_in(operand, aside)]
    fields = {r.text for operand in _operands(part) for r in parts_below(operand) if isinstance(r, Reference)}
    return tuple(seen), tuple(one.text for one in seen if not one.found and one.text in fields)


def _operands(part: Part) -> list[Operand]:
    if isinstance(part, Formula):
        return [part.operand]
    if isinstance(part, Lookup):
        return [part.reference]
    return [piece for piece in part.parts if isinstance(piece, Reference)] if isinstance(part, Text) else []
