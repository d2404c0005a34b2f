"""What the answer to a call of several items says about each of them.

An entry belongs to an item by its place in the list, or by a key that was sent and comes back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from destinations.connectors.base import JSON, Accepted, ConfigurationError, Outcome, Rejected, Retry, Unknown
from destinations.connectors.http import answers, replies
from destinations.connectors.http.answers import Rule
from destinations.connectors.http.replies import Reply
from destinations.connectors.http.templates import template
from destinations.connectors.redaction import Redactor
from destinations.notation import NotationError, Template
from tracsync.common.messages import message

UNLISTED: Final = ("unknown", "accepted", "rejected", "retry")
SENT: Final = ("item", "delivery")
_ENTRY: Final = ("item",)


@dataclass(frozen=True, slots=True)
class Sent:
    """An item of a call: how each list finds it again, by a key or its place, and what it was made of."""

    keys: Sequence[str]
    item: JSON
    place: int = 0

    def key(self, number: int) -> str:
        """What the list of that number finds it by, "" for nothing."""
        return self.keys[number] if number < len(self.keys) else ""


@dataclass(frozen=True, slots=True)
class Results:
    """One list of entries. `match`, `id`, `error`, `status` and `code` point into an entry."""

    at: Template
    by: str
    key: Template | None
    match: Template | None
    id: Template | None
    error: Template | None
    status: Template | None
    code: Template | None
    field: Template | None
    rules: Sequence[Rule]
    unlisted: str

    def key_of(self, item: JSON, delivery: Mapping[str, JSON]) -> str:
        """What its entry will be found by, "" where the place in the list tells."""
        if self.key is None:
            return ""
        value = value_at(self.key, {"item": item, "delivery": delivery})
        return "" if value is None else str(value)

    def entries(self, reply: Reply, sent: Sequence[Sent], number: int) -> Iterator[tuple[int, JSON]]:
        """Each entry with the position of the item that it is about; of an unknown one, none.

        `number`: this list's among all.
        """
        found = value_at(self.at, answers.sources_of(reply))
        is_by_key = self.by == "key"
        positions: dict[str | int | None, int] = {
            one.key(number) if is_by_key else one.place: position for position, one in enumerate(sent)
        }
        numbered = found.items() if isinstance(found, Mapping) else enumerate(listed(found))
        for name, entry in numbered:
            told = name if self.match is None else value_at(self.match, {"item": entry})
            for one in listed(told) if isinstance(told, list) else [told]:
                if is_by_key and one in (None, ""):
                    continue
                position = positions.get(str(one) if is_by_key else _index(one))
                if position is not None:
                    yield position, entry

    def told(self, reply: Reply) -> Iterator[tuple[str, JSON]]:
        """Each entry of an answer, and by what its item would be found: a key, or its place from 0."""
        found = value_at(self.at, answers.sources_of(reply))
        for name, entry in found.items() if isinstance(found, Mapping) else enumerate(listed(found)):
            told = name if self.match is None else value_at(self.match, {"item": entry})
            for one in listed(told) if isinstance(told, list) else [told]:
                yield "" if one is None else answers.as_text(one), entry

    def outcome(self, entry: JSON, reply: Reply, sent: Sent, redactor: Redactor) -> Outcome:
        """What an entry says of its item."""
        sources = {"answer": entry, "reply": {"status": reply.status, "headers": {}}}
        status = _number(self.status, entry) or 200
        rule = next((one for one in self.rules if one.holds(status, sources)), None)
        said = _text(self.error, entry)
        reason = redactor.reason(said, sent.item) if said else message("refused without a reason")
        usual = self._usual(status, bool(said), reason, entry, reply, sent, redactor)
        return rule.outcome(reply, sources, usual, redactor, sent.item) if rule else usual

    def _usual(
        self,
        status: int,
        has_error: bool,
        reason: str,
        entry: JSON,
        reply: Reply,
        sent: Sent,
        redactor: Redactor,
    ) -> Outcome:
        if status in replies.RETRYABLE or status >= 500:
            return Retry(reason, exchange=reply.exchange)
        if has_error or not 200 <= status < 300:
            code = _text(self.code, entry)[:50] or replies.CODES.get(status, "")
            field = redactor.reason(_text(self.field, entry)[:100], sent.item)
            return Rejected(reason, reply.exchange, code=_word(code), field=field)
        number = _text(self.id, entry)
        return Accepted({"id": number} if number else None, exchange=reply.exchange)


def read(lists: Sequence[Results], reply: Reply, sent: Sequence[Sent], redactor: Redactor) -> list[Outcome]:
    """One outcome for each item; what a later list says counts more."""
    found: dict[int, Outcome] = {}
    for number, one in enumerate(lists):
        for position, entry in one.entries(reply, sent, number):
            found[position] = one.outcome(entry, reply, sent[position], redactor)
    return [found.get(position) or _unlisted(lists[0].unlisted, reply) for position in range(len(sent))]


def results(given: Mapping[str, JSON], place: str) -> Results:
    """From `{"at": "answer@results", "by": "key", "key": "item@email", "match": "email", "id", "error"}`.

    Raises ConfigurationError that says where and what would be right.
    """
    by = given.get("by") or "index"
    if by == "key" and not (given.get("key") and given.get("match")):
        raise ConfigurationError(
            message(
                "%(place)s: by key needs key, where an item has it (item@email), and match, where an entry"
                " has it (email)",
                place=place,
            )
        )
    pointed = {name: pointer(given.get(name), f"{place}.{name}") for name in _POINTERS}
    for name in ("match", "id"):
        check_varies(pointed[name], f"{place}.{name}", "item@id")
    key = template(given["key"], f"{place}.key", SENT) if given.get("key") else None
    check_varies(key, f"{place}.key", "item@email")
    return Results(
        at=template(given.get("at") or "answer@", f"{place}.at", answers.SOURCES),
        by=by,
        key=key,
        rules=answers.rules(given.get("answers") or (), f"{place}.answers"),
        unlisted=given.get("unlisted") or "unknown",
        **pointed,
    )


_POINTERS: Final = ("match", "id", "error", "status", "code", "field")


def pointer(path: JSON, place: str) -> Template | None:
    """From a path within an entry, such as `error.message`; or a template over item@, which is the entry."""
    if not path:
        return None
    is_path = isinstance(path, str) and not path.startswith(("item@", "`item@")) and "{{" not in path
    return template(f"item@{path}" if is_path else path, place, _ENTRY)


def check_varies(made: Template | None, place: str, example: str) -> None:
    """Raises ConfigurationError for what is to tell one from another, and would be the same of all."""
    if made is not None and not made.references:
        raise ConfigurationError(
            message(
                "%(name)s would be the same of all: it has to point at what differs, such as %(example)s",
                name=place,
                example=example,
            )
        )


def _unlisted(meaning: str, reply: Reply) -> Outcome:
    nothing = message("answered %(status)s and says nothing of this one", status=reply.status)
    if meaning == "accepted":
        return Accepted(detail=message("answered %(status)s", status=reply.status), exchange=reply.exchange)
    if meaning == "rejected":
        return Rejected(nothing, reply.exchange)
    return Retry(nothing, exchange=reply.exchange) if meaning == "retry" else Unknown(nothing, reply.exchange)


def value_at(made: Template, sources: Mapping[str, Any]) -> JSON:
    """What it makes; None where it makes nothing."""
    try:
        return made.render(sources)
    except NotationError:
        return None


def _text(made: Template | None, entry: JSON) -> str:
    value = None if made is None else value_at(made, {"item": entry})
    if value is None or value is False or value in ("", [], {}):
        return ""
    return value if isinstance(value, str) else answers.as_text(value)


def _number(made: Template | None, entry: JSON) -> int | None:
    value = _text(made, entry)
    return int(value) if value.isascii() and value.isdigit() and len(value) < 4 else None


def _index(value: JSON) -> int | None:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def listed(value: JSON) -> list[JSON]:
    """The items of a list; none of what is no list."""
    return value if isinstance(value, list) else []


def _word(code: str) -> str:
    """A code as outcomes have them: small letters, digits and _."""
    return "".join(one if one.isascii() and one.isalnum() else "_" for one in code.lower()).strip("_")
