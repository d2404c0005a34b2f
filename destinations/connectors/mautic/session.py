"""The calls that bring contacts to Mautic, and what is made of their answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from destinations.connectors import schemas
from destinations.connectors.base import (
    JSON,
    Accepted,
    Delivery,
    Exchange,
    Field,
    Held,
    Outcome,
    Rejected,
    Retry,
    Schema,
    Unknown,
    Unreachable,
)
from destinations.connectors.batches import Step, in_turn
from destinations.connectors.http import client as http
from destinations.connectors.http.payload import UnwritableError
from destinations.connectors.mautic import answers, identity
from destinations.connectors.mautic.answers import Said
from destinations.connectors.mautic.client import MauticClient, request
from destinations.connectors.mautic.identity import Identity, place_of
from tracsync.common.messages import joined, message

BATCH_LIMIT = 200  # Mautic's api_batch_max_limit
# One bad contact among 200 takes 8 failing calls to be found; a server that fails always stops here.
MOST_FAILURES = 12
FIELDS_AT_ONCE = 200
MOST_FIELDS = 2000


PAYLOAD: Final[Schema] = {
    "type": "object",
    "properties": {
        "email": {
            "type": "string",
            "title": message("E-mail"),
            "description": message("What Mautic finds the contact by."),
            "pattern": r"\S",
            "hint": message("must not be blank"),
        },
    },
    "required": ["email"],
}

_NOT_KNOWN = message("it is not known which contact this profile is; another profile may have it now")
_SOMEBODY_ELSE = message(
    "the contact was merged into another one, or given another address by hand: remove it by hand"
)


def first_call(base: str, delivery: Delivery, overwrite_with_blank: bool) -> http.Request:
    """The call that changes something for a delivery that goes alone; raises UnwritableError."""
    if delivery.operation != "upsert":
        known = identity.read(delivery.remote, place_of(base))
        if known is None:
            raise UnwritableError(_NOT_KNOWN)
        return request(base, "DELETE", f"contacts/{known.number}/delete", None, delivery.idempotency_key)
    body = contact(delivery.payload, overwrite_with_blank)
    if moved := _moved(delivery, place_of(base)):
        return request(base, "PATCH", f"contacts/{moved.number}/edit", body, delivery.idempotency_key)
    return request(base, "POST", "contacts/new", body, delivery.idempotency_key)


def _moved(delivery: Delivery, place: str) -> Identity | None:
    """The contact that has another address than this delivery; None if there is none that is known."""
    known = identity.read(delivery.remote, place)
    return known if known and known.mark != identity.mark(place, delivery.payload["email"]) else None


def contact(payload: Mapping[str, JSON], overwrite_with_blank: bool) -> dict[str, JSON]:
    """The payload as Mautic is given it. Any text, "false" too, would switch the option on: so omit it."""
    fields = {name: value for name, value in payload.items() if name != "overwriteWithBlank"}
    if overwrite_with_blank or payload.get("overwriteWithBlank") is True:
        fields["overwriteWithBlank"] = True
    return fields


class MauticSession:
    """Pushes by `contacts/new` for one contact and `contacts/batch/new` for several, which find a contact by
    its address; and by `contacts/{id}/edit`, one by one, where that has changed.
    """

    def __init__(self, client: MauticClient, overwrite_with_blank: bool) -> None:
        self._client, self._overwrite = client, overwrite_with_blank
        self._place = place_of(client.base)
        self._limit = BATCH_LIMIT
        self._failures = 0

    def close(self) -> None:
        self._client.close()

    def check(self) -> str:
        try:
            reply = self._client.call(request(self._client.base, "GET", "contacts?limit=1"))
        except (http.NotSent, http.NoAnswer) as error:
            raise Unreachable(str(error)) from None
        return answers.describe_check(reply, self._client.redactor)

    def fields(self) -> Sequence[Field]:
        """Those of contacts, and what else a contact takes."""
        found: list[Field] = []
        try:
            for start in range(0, MOST_FIELDS, FIELDS_AT_ONCE):
                path = f"fields/contact?limit={FIELDS_AT_ONCE}&start={start}"
                page = answers.fields(self._said("GET", path))
                found += page
                if len(page) < FIELDS_AT_ONCE:
                    break
        except (http.NotSent, http.NoAnswer) as error:
            raise Unreachable(str(error)) from None
        names = {field.name for field in found}
        return [*found, *(Field(name) for name in sorted(answers.PARAMETERS - names))]

    def read(self, deliveries: Sequence[Delivery]) -> Sequence[Held]:
        """By the id that is known of each; of one that was merged into another contact that one."""
        return [self._held(delivery) for delivery in deliveries]

    def _held(self, delivery: Delivery) -> Held:
        known = identity.read(delivery.remote, self._place)
        if known is None:
            return Held(problem=_NOT_KNOWN)
        try:
            return answers.held(self._said("GET", f"contacts/{known.number}"))
        except http.NotSent as error:
            raise Unreachable(str(error)) from None
        except http.NoAnswer as error:
            return Held(problem=str(error))

    def _said(self, method: str, path: str) -> Said:
        call = request(self._client.base, method, path)
        return Said(self._client.call(call, may_be_missing=True), self._client.redactor)

    def push(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        self._failures = 0
        problems = [problem(delivery) for delivery in deliveries]
        outcomes: list[Outcome] = [Rejected(problem, code="invalid_field") for problem in problems]
        usable = [index for index, problem in enumerate(problems) if not problem]
        leaving = [index for index in usable if deliveries[index].operation != "upsert"]
        staying = [index for index in usable if deliveries[index].operation == "upsert"]
        moved = {index: known for index in staying if (known := _moved(deliveries[index], self._place))}
        chunks = self._chunks(deliveries, [index for index in staying if index not in moved])
        # Those that leave go first, then those that move: an address of theirs may be another's now, who
        # would become that contact.
        first = [*leaving, *self._in_order(deliveries, moved)]
        groups = [*([index] for index in first), *chunks]
        done, _halt = in_turn(groups, lambda group: self._send_group(deliveries, group, moved))
        for index, outcome in zip((index for group in groups for index in group), done, strict=True):
            outcomes[index] = self._identified(outcome, deliveries[index])
        if self._failures:  # a call that failed as a whole may have saved some of them
            return [replace(one, not_taken=False) if isinstance(one, Retry) else one for one in outcomes]
        return outcomes

    def _in_order(self, deliveries: Sequence[Delivery], moved: Mapping[int, Identity]) -> list[int]:
        new = {index: identity.mark(self._place, deliveries[index].payload["email"]) for index in moved}
        return identity.in_order({index: (known.mark, new[index]) for index, known in moved.items()})

    def _identified(self, outcome: Outcome, delivery: Delivery) -> Outcome:
        if not isinstance(outcome, Accepted) or delivery.operation != "upsert":
            return outcome
        known = identity.identity(outcome.remote_id, self._place, delivery.payload["email"])
        return replace(outcome, remote={"id": str(known)})

    def _send_group(
        self, deliveries: Sequence[Delivery], group: Sequence[int], moved: Mapping[int, Identity]
    ) -> Step:
        if deliveries[group[0]].operation != "upsert":
            return self._send_removal(deliveries[group[0]])
        known = moved.get(group[0])
        return self._send([deliveries[index] for index in group], known)

    def _chunks(self, deliveries: Sequence[Delivery], indexes: Sequence[int]) -> list[list[int]]:
        """The indexes of the deliveries to send, per call.

        The n-th delivery for an address goes into the n-th wave, so that the last one wins: within one
        batch two contacts with the same address would race or be merged in an order nobody promises.
        """
        waves: dict[int, list[int]] = defaultdict(list)
        seen: dict[str, int] = defaultdict(int)
        for index in indexes:
            address = deliveries[index].payload["email"].strip().casefold()
            waves[seen[address]].append(index)
            seen[address] += 1
        size = self._limit
        return [wave[at : at + size] for wave in waves.values() for at in range(0, len(wave), size)]

    def _send(self, group: Sequence[Delivery], known: Identity | None = None) -> Step:
        try:
            if known is not None:
                return self._move(group[0], known)
            return self._send_one(group[0]) if len(group) == 1 else self._send_batch(group)
        except UnwritableError as error:
            return self._split(group, [Rejected(str(error))] * len(group))
        except http.NotSent as error:
            raise Unreachable(str(error)) from None
        except http.NoAnswer as error:
            # without the body: it holds other contacts too
            unknown = Unknown(str(error), Exchange(error.exchange.request.partition("\n\n")[0]))
            return [unknown] * len(group), _halt(error)

    def _move(self, delivery: Delivery, known: Identity) -> Step:
        """Give a contact another address, so that the profile does not become a second one.

        Only one that still is what it was: Mautic answers for a contact that was merged into another one with
        that, and edits that. One that has been given a third address meanwhile may be somebody else by now.
        """
        said, step = self._look_at(known, delivery)
        if said is None:
            return step
        number, address = answers.number_and_address(said)
        marks = (known.mark, identity.mark(self._place, delivery.payload["email"]))
        if number != known.number or identity.mark(self._place, address) not in marks:
            return self._send_one(replace(delivery, remote={}))
        return self._send_one(delivery)

    def _look_at(self, known: Identity, delivery: Delivery) -> tuple[Said | None, Step]:
        """What Mautic says of a contact, also that it is not there; None where it cannot say now."""
        call = request(self._client.base, "GET", f"contacts/{known.number}")
        try:
            said = Said(self._client.call(call, may_be_missing=True), self._client.redactor)
        except http.NoAnswer as error:  # nothing was to be changed yet
            return None, ([Retry(str(error), not_taken=True)], _halt(error))
        if said.reply.status in (200, *answers.MISSING):
            return said, ([], None)
        failed = Retry(said.reason(delivery.payload), said.wait(), said.reply.exchange, not_taken=True)
        return None, ([failed], answers.halt(said))

    def _send_removal(self, delivery: Delivery) -> Step:
        try:
            return self._remove(delivery)
        except UnwritableError as error:
            return [Rejected(str(error), code="missing_key")], None
        except http.NotSent as error:
            raise Unreachable(str(error)) from None
        except http.NoAnswer as error:
            unknown = Unknown(str(error), error.exchange)
            return [unknown], _halt(error)

    def _remove(self, delivery: Delivery) -> Step:
        """Take the contact away, if it still is what the profile was: the address tells.

        One that was merged into another, or given another address by hand, may be somebody else by now.
        """
        call = first_call(self._client.base, delivery, self._overwrite)
        known = identity.read(delivery.remote, self._place)
        assert known is not None  # there is a call
        said, step = self._look_at(known, delivery)
        if said is None:
            return step
        if said.reply.status in answers.MISSING:
            return [Accepted(detail=answers.GONE, exchange=said.reply.exchange)], answers.halt(said)
        number, address = answers.number_and_address(said)
        if number != known.number or identity.mark(self._place, address) != known.mark:
            return [Rejected(_SOMEBODY_ELSE, said.reply.exchange, code="conflict")], answers.halt(said)
        reply = Said(self._client.call(call, may_be_missing=True), self._client.redactor)
        return [answers.removal(reply)], answers.halt(reply)

    def _send_one(self, delivery: Delivery) -> Step:
        call = first_call(self._client.base, delivery, self._overwrite)
        reply = self._client.call(call, may_be_missing=call.method == "PATCH")
        if reply.status in answers.MISSING:  # deleted since it was looked at
            return self._send_one(replace(delivery, remote={}))
        said = Said(reply, self._client.redactor)
        return [answers.single(said, contact(delivery.payload, self._overwrite))], answers.halt(said)

    def _send_batch(self, group: Sequence[Delivery]) -> Step:
        bodies = [contact(delivery.payload, self._overwrite) for delivery in group]
        call = request(self._client.base, "POST", "contacts/batch/new", bodies)
        said = Said(self._client.call(call), self._client.redactor)
        outcomes = answers.batch(said, bodies)
        allowed = said.batch_maximum()
        if allowed is not None:
            return self._smaller(group, outcomes, allowed)
        if said.reply.status in (413, 500):
            return self._split(group, outcomes)
        return outcomes, answers.halt(said)

    def _smaller(self, group: Sequence[Delivery], refused: list[Outcome], allowed: int) -> Step:
        """The same batch can never pass; pieces of it may, and nothing of it was saved."""
        if not 0 < allowed < len(group):
            return refused, None
        self._limit = allowed
        return in_turn([group[at : at + allowed] for at in range(0, len(group), allowed)], self._send)

    def _split(self, group: Sequence[Delivery], failed: list[Outcome]) -> Step:
        """One contact's exception fails the whole call while earlier ones are saved (#12443): narrow down.

        Sending a saved one again is harmless, Mautic finds it by its address.
        """
        self._failures += 1
        if len(group) == 1 or self._failures > MOST_FAILURES:
            return failed, None
        half = len(group) // 2
        return in_turn([group[:half], group[half:]], self._send)


def _halt(error: http.NoAnswer) -> Retry:
    return Retry(message("not tried: %(reason)s", reason=str(error)), not_taken=True)


def problem(delivery: Delivery) -> str:
    if delivery.operation != "upsert":
        return ""
    found = schemas.validate(PAYLOAD, delivery.payload)
    return joined("; ", (sentence for _path, sentence in found))
