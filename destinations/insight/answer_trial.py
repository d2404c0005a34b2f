"""What a connector's rules make of an answer that somebody has pasted, rule by rule, and entry by entry where
it is of a batch. Sends nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from requests.structures import CaseInsensitiveDict

from destinations.connectors.base import Accepted, Connector, ConnectorError, Exchange, Operation, Outcome
from destinations.connectors.http.answers import Answers, Rule, Split, if_gone, sources_of
from destinations.connectors.http.replies import Reply
from destinations.connectors.http.results import Results, Sent
from destinations.connectors.redaction import Redactor
from tracsync.common.messages import message

MAX_CHARACTERS = 64 * 1024
MOST_ENTRIES: Final = 20  # of an answer to a batch that are shown


@dataclass(frozen=True, slots=True)
class RuleTrial:
    """A rule, whether it holds for the answer, and whether it is the one that decides."""

    number: int
    meaning: str
    condition: str
    holds: bool
    decides: bool


@dataclass(frozen=True, slots=True)
class EntryTrial:
    """What an entry says of its item. `name`: by what that is found, a key or its place."""

    name: str
    outcome: str
    reason: str
    code: str
    field: str


@dataclass(frozen=True, slots=True)
class AnswerTrial:
    """What becomes of a push that is answered so. `after`: seconds that the destination would wait.

    `entries`: what the answer to a batch says of each of them; None where each has what the call has.
    """

    outcome: str
    reason: str
    code: str
    field: str
    after: float | None
    rules: tuple[RuleTrial, ...]
    entries: tuple[EntryTrial, ...] | None = None


def has_rules(connector: Connector | None) -> bool:
    return hasattr(connector, "answers")


def try_answer(
    connector: Connector,
    settings: Mapping[str, Any],
    text: str,
    *,
    many: bool = False,
    operation: Operation = "upsert",
) -> AnswerTrial:
    """`text`: status line, headers, an empty line, body. `many`: as the answer to a call of several.

    `operation`: what was asked for, which rules may be for. Raises ConnectorError where it cannot be read,
    and for rules that are wrong.
    """
    reads: Callable[[Mapping[str, Any]], Answers] = connector.answers  # type: ignore[attr-defined]
    answers, reply = reads(settings), read_answer(text)
    many = many and operation == "upsert"  # others go one by one
    outcome, rule = answers.read(reply, Redactor(), many=many, operation=operation)
    outcome = if_gone(reply, rule, operation) or outcome
    sources = sources_of(reply)
    shown = tuple(
        RuleTrial(
            number,
            one.meaning,
            _when(one),
            one.holds(reply.status, sources, many, operation),
            one is rule,
        )
        for number, one in enumerate(answers.rules, 1)
    )
    if isinstance(outcome, Split):
        return AnswerTrial("split", outcome.otherwise.reason, "", "", None, shown)  # type: ignore[union-attr]
    after = getattr(outcome, "after", None)
    entries = None
    if isinstance(outcome, Accepted) and operation == "upsert":
        lists: Sequence[Results] = connector.results(settings)  # type: ignore[attr-defined]
        entries = tuple(islice(_entries(lists, reply), MOST_ENTRIES)) if lists else None
    name, reason = type(outcome).__name__.lower(), _reason(outcome)
    return AnswerTrial(name, reason, outcome.code, outcome.field, after, shown, entries)


def _when(rule: Rule) -> str:
    """What a rule asks for, in the words of the settings: `409, 4xx · remove · answer@ok == false`."""
    statuses = [*map(str, sorted(rule.statuses)), *(f"{one}xx" for one in sorted(rule.classes))]
    many = "many" if rule.many else ""
    condition = rule.condition.text if rule.condition else ""
    return " · ".join(
        filter(None, (", ".join(statuses), ", ".join(sorted(rule.operations)), many, condition))
    )


def _entries(lists: Sequence[Results], reply: Reply) -> Iterator[EntryTrial]:
    for one in lists:
        for name, entry in one.told(reply):
            outcome = one.outcome(entry, reply, Sent((), None), Redactor())
            kind = type(outcome).__name__.lower()
            yield EntryTrial(name, kind, _reason(outcome), outcome.code, outcome.field)


def _reason(outcome: Outcome) -> str:
    return outcome.detail if isinstance(outcome, Accepted) else outcome.reason


def read_answer(text: str) -> Reply:
    """An answer as the delivery log keeps it (`HTTP 200`) or as curl shows it (`HTTP/1.1 200 OK`).

    A status alone is one, too. Raises ConnectorError.
    """
    text = text.replace("\r\n", "\n").lstrip()[:MAX_CHARACTERS]
    head, _blank, body = text.partition("\n\n")
    first, *lines = head.split("\n")
    number = next((word for word in first.split() if word.isascii() and word.isdigit()), "")
    if len(number) != 3:
        raise ConnectorError(
            message(
                "an answer begins with its status, such as HTTP 200; then headers, an empty line, the body"
            )
        )
    headers = (line.partition(":") for line in lines if ":" in line)
    named = CaseInsensitiveDict({name.strip(): value.strip() for name, _colon, value in headers})
    return Reply(int(number), named, body.encode("utf-8", "replace"), True, 0.0, Exchange())
