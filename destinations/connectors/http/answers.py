"""What an answer means: rules, the first of which that holds decides, and the usual without one.

A rule asks for the status, and may ask a condition of the notation about `answer@` (the body as JSON;
`answer@text` of one that is none) and `reply@` (`status`; `headers`, with names in lower case).
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from destinations.connectors.base import (
    JSON,
    Accepted,
    ConfigurationError,
    Hold,
    Operation,
    Outcome,
    Pending,
    Rejected,
    Retry,
    Stop,
    Unknown,
)
from destinations.connectors.http import rate_limits, replies
from destinations.connectors.http.rate_limits import LONGEST_WAIT, epoch_seconds
from destinations.connectors.http.replies import Reply
from destinations.connectors.http.templates import template
from destinations.connectors.redaction import Redactor
from destinations.notation import Condition, NotationError, Template, parse_condition, parse_template
from tracsync.common.messages import message

SOURCES: Final = ("answer", "reply")
READ_BACK: Final = (*SOURCES, "delivery")  # where an answer is compared with what would be sent
MEANINGS: Final = ("accepted", "retry", "rejected", "unknown", "hold", "stop", "split")
PENDING: Final = "pending"  # what else an answer about a job may mean
UNITS: Final = {"s": 1.0, "ms": 0.001, "epoch": None}
STILL_AT_WORK: Final = message("the destination has it, and is still at work")
Sources = Mapping[str, Any]

_STATUS = re.compile(r"[1-5]xx")
_REFUSALS: Final = {"rejected": Rejected, "hold": Hold, "stop": Stop, "unknown": Unknown}


@dataclass(frozen=True, slots=True)
class Split:
    """The call is to be repeated in smaller ones; `otherwise` is what it means for a single item."""

    otherwise: Outcome


@dataclass(frozen=True, slots=True)
class Wait:
    """Where an answer says how long to wait: seconds, milliseconds, or the moment in epoch seconds.

    A moment that can only be in milliseconds is read so, as one in the headers about rates is.
    """

    source: Template
    unit: str

    def seconds(self, sources: Sources, now: float | None = None) -> float | None:
        """At most a day; None for what is over or cannot be read."""
        try:
            number = float(self.source.render(sources))
        except (NotationError, TypeError, ValueError):
            return None
        factor = UNITS[self.unit]
        if factor is None:
            number = epoch_seconds(number) - (time.time() if now is None else now)
        else:
            number *= factor
        return min(number, LONGEST_WAIT) if math.isfinite(number) and number >= 0 else None


@dataclass(frozen=True, slots=True)
class Rule:
    """`statuses` are numbers, `classes` their first digits; neither means all, as do no `operations`.

    `many`: only of calls of several items.
    """

    statuses: frozenset[int]
    classes: frozenset[int]
    condition: Condition | None
    meaning: str
    code: str
    says: Template | None
    wait: Wait | None
    field: Template | None = None
    many: bool = False
    operations: frozenset[str] = frozenset()

    def holds(
        self, status: int, sources: Sources, many: bool = False, operation: Operation = "upsert"
    ) -> bool:
        """A condition that cannot be answered (text compared with a number) does not hold."""
        if (self.many or self.meaning == "split") and not many:
            return False
        if self.operations and operation not in self.operations:
            return False
        if (self.statuses or self.classes) and not (status in self.statuses or status // 100 in self.classes):
            return False
        try:
            return self.condition is None or self.condition.evaluate(sources)
        except NotationError:
            return False

    def outcome(
        self, reply: Reply, sources: Sources, usual: Outcome, redactor: Redactor, sent: JSON
    ) -> Outcome:
        """What the rule makes of an answer, whose outcome without a rule would be `usual`."""
        said = self._reason(sources, redactor, sent)
        told = replies.in_short(reply) if self.meaning == "retry" else ""
        reason = said or replies.reason(reply, redactor, sent, told)
        after = self.wait.seconds(sources) if self.wait else None
        if after is None:  # the answer may say it in the usual way all the same
            after = getattr(usual, "after", None)
        about: dict[str, Any] = {
            "code": self.code,
            "field": self._field(sources, redactor, sent),
            "exchange": reply.exchange,
        }
        if self.meaning == "accepted":
            detail = reason if self.says else getattr(usual, "detail", reason)
            return Accepted(detail=detail, after=after, **about)
        if self.meaning == "retry":
            if after is None:  # of a status that is usually no reason to wait
                after = rate_limits.retry_after(reply.headers)
            return Retry(reason, after, not_taken=getattr(usual, "not_taken", False), **about)
        if self.meaning == "rejected":
            return Rejected(reason, after=after, **about)
        if self.meaning == PENDING:  # who asks knows the job, and how long to wait where nothing says so
            return Pending(None, after or 0.0, said or STILL_AT_WORK, **about)
        refused: Outcome = _REFUSALS[self.meaning](reason, **about)
        return refused

    def _reason(self, sources: Sources, redactor: Redactor, sent: JSON) -> str:
        said = rendered(self.says, sources)
        return redactor.reason(said, sent) if said else ""

    def _field(self, sources: Sources, redactor: Redactor, sent: JSON) -> str:
        """It comes from the other side, too."""
        return redactor.reason(rendered(self.field, sources)[:100], sent)


@dataclass(frozen=True, slots=True)
class Answers:
    """How the answers of one destination are read."""

    rules: Sequence[Rule] = ()
    waits: Sequence[Wait] = ()

    def read(
        self,
        reply: Reply,
        redactor: Redactor,
        sent: JSON = None,
        *,
        many: bool = False,
        operation: Operation = "upsert",
    ) -> tuple[Outcome | Split, Rule | None]:
        """What an answer means, and the rule that says so."""
        usual = replies.outcome(reply, redactor, sent)
        if not self.rules and not self.waits:
            return usual, None
        sources = sources_of(reply)
        after = next((wait for one in self.waits if (wait := one.seconds(sources)) is not None), None)
        if after is not None and isinstance(usual, Accepted | Retry | Rejected):
            usual = replace(usual, after=after)
        rule = next((one for one in self.rules if one.holds(reply.status, sources, many, operation)), None)
        if rule is None:
            return usual, None
        if rule.meaning == "split":
            return Split(
                replace(rule, meaning="rejected").outcome(reply, sources, usual, redactor, sent)
            ), rule
        return rule.outcome(reply, sources, usual, redactor, sent), rule


def if_gone(reply: Reply, rule: Rule | None, operation: Operation) -> Accepted | None:
    """Taking away what is not there any more is fine, unless a rule for that operation says otherwise."""
    is_decided = rule is not None and rule.operations
    if operation == "upsert" or reply.status not in replies.GONE or is_decided:
        return None
    return Accepted(detail=message("it was not there any more"), exchange=reply.exchange)


def sources_of(reply: Reply) -> Sources:
    body = reply.json()
    answer = {"text": reply.text} if body is None else body
    headers = {name.lower(): value for name, value in reply.headers.items()}
    return {"answer": answer, "reply": {"status": reply.status, "headers": headers}}


def rules(given: Sequence[Mapping[str, JSON]], place: str) -> list[Rule]:
    """From a list of `{"when": {"status": [200, "4xx"], "if": "...", "many": true, "operation": ["erase"]},
    "is", "code", "field", "says", "wait"}`.

    Raises ConfigurationError that says which and what would be right.
    """
    return [_rule(one, f"{place}.{position}") for position, one in enumerate(given)]


def wait(given: Mapping[str, JSON], place: str) -> Wait:
    """From `{"from": "reply@headers.x-reset", "unit": "epoch"}`."""
    return Wait(template(given["from"], f"{place}.from", SOURCES), given.get("unit", "s"))


def _rule(given: Mapping[str, JSON], place: str) -> Rule:
    when = given.get("when") or {}
    numbers, classes = set(), set()
    for status in when.get("status") or ():
        if isinstance(status, str) and _STATUS.fullmatch(status):
            classes.add(int(status[0]))
        elif str(status).isdigit():
            numbers.add(int(status))
    return Rule(
        frozenset(numbers),
        frozenset(classes),
        _condition(when.get("if"), f"{place}.when.if"),
        given["is"],
        given.get("code") or "",
        template(given["says"], f"{place}.says", SOURCES) if given.get("says") else None,
        wait(given["wait"], f"{place}.wait") if given.get("wait") else None,
        template(given["field"], f"{place}.field", SOURCES) if given.get("field") else None,
        bool(when.get("many")),
        frozenset(when.get("operation") or ()),
    )


def _condition(text: JSON, place: str) -> Condition | None:
    if not text:
        return None
    try:
        return parse_condition(text, SOURCES)
    except NotationError as error:
        raise ConfigurationError(message("%(field)s: %(reason)s", field=place, reason=str(error))) from None


def as_text(value: JSON) -> str:
    """A value as the notation writes it into a text."""
    made: str = parse_template("{{answer@v}}", SOURCES).render({"answer": {"v": value}})
    return made


def pointer(value: JSON, place: str, sources: Sequence[str] = SOURCES) -> Template:
    """A template of what an answer tells. Raises ConfigurationError for what would be the same of every one,
    as it is where only the status is asked."""
    made = template(value, place, sources)
    if not set(made.references) - {"reply@status"}:
        raise ConfigurationError(
            message("%(name)s has to point into an answer, such as answer@id", name=place)
        )
    return made


def pointed(made: Template | None, reply: Reply) -> str:
    """The id that an answer tells, "" for none."""
    if made is None:
        return ""
    try:
        value = made.render(sources_of(reply))
    except NotationError:
        return ""
    is_one = isinstance(value, str | int) and not isinstance(value, bool)
    return str(value) if is_one else ""


def rendered(made: Template | None, sources: Sources) -> str:
    """What a template makes of an answer, as text; "" for nothing."""
    if made is None:
        return ""
    try:
        value = made.render(sources)
    except NotationError:
        return ""
    return value if isinstance(value, str) else "" if value is None else as_text(value)
