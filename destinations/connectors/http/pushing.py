"""One push of the HTTP engine: its deliveries in groups, each a call, and what came of each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from destinations.connectors import earlier
from destinations.connectors.base import (
    JSON,
    LONGEST_ID,
    Accepted,
    ConfigurationError,
    Delivery,
    Hold,
    Outcome,
    Pending,
    Rejected,
    Retry,
    Stop,
    Unknown,
    Unreachable,
)
from destinations.connectors.http import client as http
from destinations.connectors.http import jobs, replies, results
from destinations.connectors.http.answers import Rule, Split, if_gone, pointed
from destinations.connectors.http.description import (
    NOT_MADE,
    Description,
    Step,
    kept,
    key_of,
    names_id,
    source_of,
)
from destinations.connectors.http.grouping import Group
from destinations.connectors.http.jobs import Exchange
from destinations.connectors.http.replies import Reply
from destinations.connectors.http.results import Results, Sent
from destinations.connectors.http.templates import CallTemplate, UnusableError
from destinations.notation import NotationError, Template
from tracsync.common.messages import joined, message

MOST_SPLITS: Final = 24  # more calls than that for one push are left to the next one


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came of a call. `reply` is None where none came, or nothing is to be read from it any more."""

    outcome: Outcome | Split
    reply: Reply | None = None
    rule: Rule | None = None


class Push:
    """The calls of one push, until each delivery has its outcome."""

    def __init__(self, description: Description, exchange: Exchange) -> None:
        self._is, self._exchange = description, exchange
        self._splits = MOST_SPLITS
        self._end: Outcome | None = None  # why the rest need not be tried
        self._has_sent = False
        self._called_for: set[str] = set()  # by their keys, deliveries that a call was made for
        self._gone: set[str] = set()  # by their keys, deliveries whose record was not there any more
        self._items: dict[int, JSON] = {}  # by the identity of their delivery: each is made once

    def outcomes(self, deliveries: Sequence[Delivery]) -> list[Outcome]:
        found: dict[int, Outcome] = {}
        for group in self._groups(deliveries, found):
            chosen = [deliveries[position] for position in group]
            found.update(zip(group, self._outcomes(chosen), strict=True))
        return [
            self._ended(delivery, found[position])
            if delivery.operation == "upsert"
            else self._left(delivery, found[position])
            for position, delivery in enumerate(deliveries)
        ]

    def _ended(self, delivery: Delivery, outcome: Outcome) -> Outcome:
        """The outcome of an upsert with what is kept of it beside the id."""
        if not isinstance(outcome, Accepted):
            return outcome
        if self._is.keep is not None:
            outcome = self._kept(self._is.keep, delivery, outcome)
        return earlier.noted(outcome, self._known(delivery)) if self._is.keeps_earlier else outcome

    def _known(self, delivery: Delivery) -> Mapping[str, JSON]:
        """What is known of a profile and still counts: not the id of what is not there any more."""
        if delivery.idempotency_key not in self._gone:
            return delivery.remote
        return {name: value for name, value in delivery.remote.items() if name != "id"}

    def _left(self, delivery: Delivery, outcome: Outcome) -> Outcome:
        """The outcome for one that leaves: accepted once all its earlier records have left, too. Each is
        tried, whatever comes of the others; those that are gone already are no hindrance when it is repeated.
        """
        call = self._is.erase if delivery.operation == "erase" else self._is.remove
        others = earlier.each(delivery) if names_id(call) else []
        if not others:
            return outcome
        found = [outcome, *(one for other in others for one in self._outcomes([other]))]
        failed = next((one for one in found if not isinstance(one, Accepted)), None)
        if failed is not None:  # some of it may be done
            if isinstance(failed, Hold | Stop):
                return replace(failed, may_be_taken=True)
            return replace(failed, not_taken=False) if isinstance(failed, Retry) else failed
        assert isinstance(outcome, Accepted)
        also = message("earlier records that have left with it: %(number)s", number=len(others))
        return replace(outcome, detail=joined("; ", filter(None, (outcome.detail, also))))

    def _kept(self, keep: Template, delivery: Delivery, outcome: Accepted) -> Accepted:
        """The outcome with what is kept of what was sent."""
        try:
            made = keep.render({**self._is.constants, "delivery": source_of(delivery)})
        except NotationError:  # it was sent all the same
            return outcome
        known = {**delivery.remote, **(outcome.remote or {})}
        return replace(outcome, remote=kept(made, known))

    def _groups(self, deliveries: Sequence[Delivery], found: dict[int, Outcome]) -> list[list[int]]:
        """Positions of those that share a call, in order. What cannot be an item has its outcome at once."""
        if self._is.batch is None:
            return [[position] for position in range(len(deliveries))]
        groups: list[list[int]] = []
        open_group = Group(self._is.batch)
        for position, delivery in enumerate(deliveries):
            if delivery.operation != "upsert":
                groups.append([position])
                open_group = Group(self._is.batch)
                continue
            try:
                item = self._items[id(delivery)] = self._is.item(delivery)
                one = open_group.measured(item, delivery)
            except NOT_MADE as error:
                found[position] = _not_made(error)
                continue
            if not open_group.takes(one):
                open_group = Group(self._is.batch)
            if not open_group.positions:
                groups.append(open_group.positions)
            open_group.add(position, one)
        return groups

    def _outcomes(self, group: Sequence[Delivery]) -> list[Outcome]:
        """Of one call, or of the smaller ones that it is split into."""
        if self._end is not None:
            return [self._certain(self._end, [delivery]) for delivery in group]
        done = self._called(group)
        if not isinstance(done, Split):
            return done
        if self._splits <= 0:
            later = message("refused together with others; it is tried again in a smaller call")
            return [Retry(later, exchange=done.otherwise.exchange)] * len(group)
        self._splits -= 1
        return self._halves(group)

    def _halves(self, group: Sequence[Delivery]) -> list[Outcome]:
        half = (len(group) + 1) // 2
        return self._outcomes(group[:half]) + self._outcomes(group[half:])

    def _called(self, group: Sequence[Delivery]) -> list[Outcome] | Split:
        if self._is.steps and not group[0].remote.get("id"):
            return [self._after_search(group[0])]
        return self._made(group)

    def _made(self, group: Sequence[Delivery]) -> list[Outcome] | Split:
        first = group[0]
        try:
            call = self._is.call_of(first)
            answer = self._sent(group, call)
            if len(group) == 1 and answer.reply is not None:
                answer = self._instead(first, call, answer, answer.reply)
        except NOT_MADE as error:  # of one of them, perhaps; nothing was sent
            return self._halves(group) if len(group) > 1 else [_not_made(error)]
        outcome = answer.outcome
        if isinstance(outcome, Split):
            return outcome if len(group) > 1 else [outcome.otherwise]
        if isinstance(outcome, Rejected) and len(group) > 1:
            return Split(outcome)  # of one of them, perhaps: the others are not to suffer from it
        if isinstance(outcome, Accepted) and answer.reply is not None:
            return self._accepted(group, outcome, answer.reply, answer.rule)
        return [outcome] * len(group)

    def _after_search(self, delivery: Delivery) -> Outcome:
        """What becomes of a delivery without a remote id: the id is looked for first, and then kept."""
        try:
            found = self._sought(delivery)
        except NOT_MADE as error:
            return _not_made(error)
        if not isinstance(found, str):
            return found
        if not found and delivery.operation != "upsert":
            return Accepted(detail=message("it was not there any more"))
        known = replace(delivery, remote={**delivery.remote, "id": found})
        done = self._made([known if found else delivery])
        outcome = done.otherwise if isinstance(done, Split) else done[0]
        if found and isinstance(outcome, Accepted) and delivery.operation == "upsert":
            return replace(outcome, remote=outcome.remote or {"id": found})
        if 0 < len(found) <= LONGEST_ID and isinstance(outcome, Pending):
            return replace(outcome, job={"id": found, **outcome.job})
        return outcome

    def _sought(self, delivery: Delivery) -> str | Outcome:
        """The id that a search finds, "" for none; or what came of the search instead."""
        for step in self._is.steps:
            answer = self._sent([delivery], step.find, step)
            outcome, reply = answer.outcome, answer.reply
            if reply is not None and reply.status in replies.GONE and answer.rule is None:
                self._end = None  # there is no such one
            elif isinstance(outcome, Unknown):  # a search that got no answer has changed nothing
                return Retry(outcome.reason, exchange=outcome.exchange, not_taken=True)
            elif isinstance(outcome, Retry):
                return replace(outcome, not_taken=True)
            elif not isinstance(outcome, Accepted) or reply is None:
                return outcome.otherwise if isinstance(outcome, Split) else outcome
            elif number := pointed(step.id, reply):
                return number
        return ""

    def _sent(self, group: Sequence[Delivery], call: CallTemplate, step: Step | None = None) -> _Answer:
        """One call and what its answer means. Raises ConnectorError while nothing has been sent."""
        is_batch = self._is.batch is not None and group[0].operation == "upsert"
        items = self._items_of(group) if is_batch else None
        request = self._is.request(group, call, items, has_key=step is None)
        try:
            reply = self._exchange(request, key_of(group))
        except http.NotSent as error:
            self._end = Retry(str(error), not_taken=True)
            return _Answer(self._certain(self._end, group))
        except http.NoAnswer as error:
            self._has_sent = True
            return _Answer(Unknown(str(error), error.exchange))
        except (ConfigurationError, Unreachable) as error:
            if not self._has_sent:
                raise
            reason = message("not tried: %(reason)s", reason=str(error))
            self._end = Retry(reason, getattr(error, "after", None), not_taken=True)
            return _Answer(self._certain(self._end, group))
        self._has_sent = True
        sent = group[0].payload if len(group) == 1 else [delivery.payload for delivery in group]
        outcome, rule = (step or self._is).answers.read(
            reply, self._is.redactor, sent, many=len(group) > 1, operation=group[0].operation
        )
        if isinstance(outcome, Hold | Stop) or (isinstance(outcome, Retry) and outcome.after is not None):
            self._end = replace(outcome, exchange=None)
            if isinstance(self._end, Retry):
                self._end = replace(self._end, not_taken=True)  # for the others, which are not sent
        outcome = self._certain(outcome, group)
        if step is None:
            self._called_for.update(delivery.idempotency_key for delivery in group)
        return _Answer(outcome, reply, rule)

    def _certain(self, outcome: Outcome | Split, group: Sequence[Delivery]) -> Any:
        """The outcome of one call; of several, an earlier one may have been taken."""
        was_called_for = any(delivery.idempotency_key in self._called_for for delivery in group)
        if isinstance(outcome, Retry) and was_called_for:
            return replace(outcome, not_taken=False)
        if isinstance(outcome, Hold | Stop) and was_called_for:
            return replace(outcome, may_be_taken=True)
        return outcome

    def _items_of(self, group: Sequence[Delivery]) -> list[JSON]:
        return [self._items[id(delivery)] for delivery in group]

    def _sent_items(self, group: Sequence[Delivery], lists: Sequence[Results]) -> list[Sent]:
        """The items of a call, as these lists of results find them again."""
        items = [group[0].payload] if self._is.batch is None else self._items_of(group)
        found = zip(items, group, strict=True)
        return [
            Sent([one.key_of(item, source_of(delivery)) for one in lists], item, place)
            for place, (item, delivery) in enumerate(found)
        ]

    def _instead(self, delivery: Delivery, call: CallTemplate, answer: _Answer, reply: Reply) -> _Answer:
        """What another call gives where this one turns out to be the wrong one, unless a rule decides."""
        if delivery.operation != "upsert":
            gone = if_gone(reply, answer.rule, delivery.operation)
            return answer if gone is None else self._is_gone(gone)
        if answer.rule is not None:
            return answer
        if call is self._is.update and reply.status == 404:
            self._gone.add(delivery.idempotency_key)
            return self._made_anew(replace(delivery, remote={}))
        return self._in_conflict(delivery, call, answer, reply)

    def _made_anew(self, delivery: Delivery) -> _Answer:
        """What is not there any more is created; unless it is there under another id, as after a merge."""
        call = self._is.upsert
        answer = self._sent([delivery], call)
        if answer.reply is None or answer.rule is not None:
            return answer
        return self._in_conflict(delivery, call, answer, answer.reply)

    def _in_conflict(self, delivery: Delivery, call: CallTemplate, answer: _Answer, reply: Reply) -> _Answer:
        """A creation that tells the id of what is there already goes on to the update of that."""
        number = pointed(self._is.conflict_id, reply) if reply.status == 409 else ""
        if number and call is self._is.upsert and self._is.update is not None:
            return self._update(replace(delivery, remote={**delivery.remote, "id": number}), self._is.update)
        return answer

    def _is_gone(self, outcome: Accepted) -> _Answer:
        self._end = None  # a 410 is about this one, and not about all
        return _Answer(outcome)

    def _update(self, known: Delivery, call: CallTemplate) -> _Answer:
        """The update of what was there already; its id is kept, if the answer tells no other one."""
        answer = self._sent([known], call)
        if not isinstance(answer.outcome, Accepted):
            return answer
        return replace(answer, outcome=replace(answer.outcome, remote={"id": known.remote["id"]}))

    def _accepted(
        self, group: Sequence[Delivery], outcome: Accepted, reply: Reply, rule: Rule | None
    ) -> list[Outcome]:
        batch, later = self._is.batch, self._is.jobs
        if later is not None and group[0].operation == "upsert":
            known = [one.remote for one in group] if self._is.keeps_earlier else []
            pending = jobs.pending(later, reply, self._sent_items(group, later.results), outcome, known)
            if pending:
                return pending
            if rule is None:
                nameless = message("answered %(status)s, and names no job to ask for", status=reply.status)
                return [Unknown(nameless, reply.exchange)] * len(group)
        if batch is not None and batch.results and group[0].operation == "upsert":
            sent = self._sent_items(group, batch.results)
            return [
                replace(one, after=outcome.after) if isinstance(one, Accepted) and outcome.after else one
                for one in results.read(batch.results, reply, sent, self._is.redactor)
            ]
        if len(group) > 1 or group[0].operation != "upsert":
            return [outcome] * len(group)
        number = pointed(self._is.remote_id, reply)
        return [replace(outcome, remote={"id": number}) if number else outcome]


def _not_made(error: Exception) -> Outcome:
    """What cannot be sent: it never reached the wire."""
    if isinstance(error, UnusableError):
        return Rejected(str(error), code=error.code, field=error.field)
    return Rejected(str(error), code="invalid_field")
