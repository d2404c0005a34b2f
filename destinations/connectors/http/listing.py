"""The fields that a system lists: how to ask for them, and what its answers say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from requests.utils import parse_header_links

from destinations.connectors.base import JSON, Field
from destinations.connectors.http import answers
from destinations.connectors.http.replies import Reply
from destinations.connectors.http.results import listed, value_at
from destinations.connectors.http.templates import CallTemplate
from destinations.notation import Template

DEEPEST: Final = 20  # levels of fields within fields
MOST_PAGES: Final = 40
NEXT: Final = (*answers.SOURCES, "link")


@dataclass(frozen=True, slots=True)
class Listing:
    """How to ask for the system's fields: the call, where its answer lists them, and where an entry has what.

    `call` is over page@, too: `count` of the entries that came before, and what the last answer has told as
    `next`. `points` are templates over item@, the entry, by the names of `base.Field`; `choice` is over one
    of its choices. `prefix`: what stands before a name where the payload has the fields in an object.
    `within`: where an entry lists fields of its own, whose names follow its own after a dot. `next` points
    into an answer, or at link@, the query of the next page's address in the header Link (RFC 8288): where
    that makes something, there is another page. `answers`: the rules of the call; those of all calls if None.
    """

    call: CallTemplate
    at: Template
    points: Mapping[str, Template]
    choice: Template | None = None
    prefix: str = ""
    within: Template | None = None
    next: Template | None = None
    answers: answers.Answers | None = None

    def fields(self, ask: Callable[[Mapping[str, JSON]], Reply]) -> list[Field]:
        """Of all pages, MOST_PAGES at most. `ask` gives the good answer to the call with this page@.

        An entry without a name is no field. Raises what `ask` raises.
        """
        found: list[Field] = []
        page: dict[str, JSON] = {"count": 0}
        for _number in range(MOST_PAGES):
            reply = ask(page)
            entries = listed(value_at(self.at, answers.sources_of(reply)))
            found += self._fields(entries, self.prefix)
            told = self._next(reply)
            if told in (None, "", False, page.get("next")):  # the same again would have no end
                break
            page = {"count": page["count"] + len(entries), "next": told}
        return found

    def _next(self, reply: Reply) -> JSON:
        if self.next is None:
            return None
        return value_at(self.next, {**answers.sources_of(reply), "link": _next_link(reply)})

    def _fields(self, entries: list[JSON], prefix: str, depth: int = 1) -> Iterator[Field]:
        for entry in entries:
            told = {name: value_at(made, {"item": entry}) for name, made in self.points.items()}
            if not isinstance(told.get("name"), str | int) or not str(told["name"]):
                continue
            choices = [self._choice(one) for one in listed(told.get("choices"))]
            name = f"{prefix}{told['name']}"
            yield Field(
                name,
                _said(told.get("title")),
                _said(told.get("type")),
                unique=told.get("unique") is True,
                read_only=told.get("read_only") is True,
                choices=[one for one in choices if one],
            )
            if self.within is not None and depth < DEEPEST:
                inner = listed(value_at(self.within, {"item": entry}))
                yield from self._fields(inner, f"{name}.", depth + 1)

    def _choice(self, entry: JSON) -> str:
        return _said(entry if self.choice is None else value_at(self.choice, {"item": entry}))


def _next_link(reply: Reply) -> dict[str, Any]:
    """The query of the address that the header Link calls the next one; nothing else of it is used."""
    for link in parse_header_links(reply.headers.get("Link", "")):
        if link.get("rel") == "next":
            try:
                return dict(parse_qsl(urlsplit(link["url"]).query))
            except ValueError:
                return {}
    return {}


def _said(value: JSON) -> str:
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
