"""Mautic: contacts of a marketing automation, over its REST API with OAuth2 client credentials.

Behaviour of the API is taken from mautic/mautic 4.4.13, 5.1.1 and later sources; numbers with # are its
issues and pull requests.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, closing
from typing import ClassVar

from destinations.connectors import schemas
from destinations.connectors.addresses import Guard
from destinations.connectors.base import (
    JSON,
    Delivery,
    Exchange,
    Outcome,
    Rejected,
    Retry,
    Runtime,
    Schema,
    Unknown,
    Unreachable,
)
from destinations.connectors.batches import Step, in_turn
from destinations.connectors.http import client as http
from destinations.connectors.http.payload import JSON_TYPE, UnwritableError
from destinations.connectors.mautic import answers
from destinations.connectors.mautic.answers import Said
from destinations.connectors.mautic.client import MauticClient, base_url
from destinations.connectors.redaction import Redactor
from tracsync.common.messages import joined, message

BATCH_LIMIT = 200  # Mautic's api_batch_max_limit
# One bad contact among 200 takes 8 failing calls to be found; a server that fails always stops here.
MOST_FAILURES = 12


class Mautic:
    """Creates or updates one contact per profile; Mautic finds it by its unique fields (the e-mail)."""

    slug: ClassVar[str] = "mautic"
    name: ClassVar[str] = "Mautic"
    description: ClassVar[str] = message(
        "Creates and updates contacts in Mautic, found by their e-mail address."
    )
    icon: ClassVar[str] = (
        '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linejoin="round">'
        '<circle cx="9" cy="8" r="4"/><path d="M2 21c0-5 3-7 7-7s7 2 7 7M15 5h7v6h-6z"/></svg>'
    )
    batch_size: ClassVar[int] = BATCH_LIMIT
    credentials_schema: ClassVar[Schema] = {
        "type": "object",
        "properties": {
            "api_url": {
                "type": "string",
                "title": message("API URL"),
                "description": message("Where Mautic is, with or without /api at the end."),
                "format": "uri",
                "pattern": r"^[Hh][Tt][Tt][Pp][Ss]?://[^/?#@\s]+(/[^?#\s]*)?$",
                "hint": message("must start with http:// or https:// and hold no user name and no ?"),
            },
            "public_key": {
                "type": "string",
                "title": message("Public key"),
                "description": message("The client id of API credentials of the type OAuth 2."),
                "minLength": 1,
            },
            "private_key": {
                "type": "string",
                "title": message("Secret key"),
                "description": message("The client secret that belongs to the public key."),
                "minLength": 1,
                "secret": True,
            },
        },
        "required": ["api_url", "public_key", "private_key"],
        "additionalProperties": False,
    }
    settings_schema: ClassVar[Schema] = {
        "type": "object",
        "properties": {
            "overwrite_with_blank": {
                "type": "boolean",
                "title": message("Overwrite with blank"),
                "description": message("Let blank values clear fields in Mautic; otherwise it ignores them."),
                "default": False,
            },
        },
        "additionalProperties": False,
    }
    payload_schema: ClassVar[Schema] = {
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

    def open(
        self, credentials: Mapping[str, JSON], settings: Mapping[str, JSON], runtime: Runtime | None = None
    ) -> AbstractContextManager[MauticSession]:
        given = schemas.checked(self.credentials_schema, credentials)
        options = schemas.checked(self.settings_schema, settings)
        schemas.check_no_references([("api_url", given["api_url"])])
        http.normal_url(given["api_url"])
        lent = runtime or Runtime()
        redactor = Redactor(schemas.secrets(self.credentials_schema, given))
        client = MauticClient(given, Guard(lent.allowed_internal), lent.tokens, redactor)
        return closing(MauticSession(client, bool(options["overwrite_with_blank"])))

    def describe(
        self, credentials: Mapping[str, JSON], settings: Mapping[str, JSON], delivery: Delivery
    ) -> dict[str, JSON]:
        """Keys: method, url, headers, body (a JSON value); or only `problem`. Never asks for a token."""
        given = schemas.checked(self.credentials_schema, credentials)
        options = schemas.checked(self.settings_schema, settings)
        if problem := _problem(delivery):
            return {"problem": problem}
        return {
            "method": "POST",
            "url": f"{base_url(given['api_url'])}/api/contacts/new",
            "headers": {"Authorization": "********", "Content-Type": JSON_TYPE},
            "body": contact(delivery.payload, bool(options["overwrite_with_blank"])),
        }


def contact(payload: Mapping[str, JSON], overwrite_with_blank: bool) -> dict[str, JSON]:
    """The payload as Mautic is given it. Any text, "false" too, would switch the option on: so omit it."""
    fields = {name: value for name, value in payload.items() if name != "overwriteWithBlank"}
    if overwrite_with_blank or payload.get("overwriteWithBlank") is True:
        fields["overwriteWithBlank"] = True
    return fields


class MauticSession:
    """Pushes by `contacts/new` for one contact and `contacts/batch/new` for several."""

    def __init__(self, client: MauticClient, overwrite_with_blank: bool) -> None:
        self._client, self._overwrite = client, overwrite_with_blank
        self._limit = BATCH_LIMIT
        self._failures = 0

    def close(self) -> None:
        self._client.close()

    def check(self) -> str:
        try:
            reply = self._client.call("GET", "contacts?limit=1")
        except (http.NotSent, http.NoAnswer) as error:
            raise Unreachable(str(error)) from None
        return answers.describe_check(reply, self._client.redactor)

    def push(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        self._failures = 0
        problems = [_problem(delivery) for delivery in deliveries]
        outcomes: list[Outcome] = [Rejected(problem) for problem in problems]
        chunks = self._chunks(deliveries, [index for index, problem in enumerate(problems) if not problem])
        done, _halt = in_turn(chunks, lambda chunk: self._send([deliveries[index] for index in chunk]))
        for index, outcome in zip((index for chunk in chunks for index in chunk), done, strict=True):
            outcomes[index] = outcome
        return outcomes

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

    def _send(self, group: Sequence[Delivery]) -> Step:
        try:
            return self._send_one(group[0]) if len(group) == 1 else self._send_batch(group)
        except UnwritableError as error:
            return self._split(group, [Rejected(str(error))] * len(group))
        except http.NotSent as error:
            raise Unreachable(str(error)) from None
        except http.NoAnswer as error:
            # without the body: it holds other contacts too
            unknown = Unknown(str(error), Exchange(error.exchange.request.partition("\n\n")[0]))
            return [unknown] * len(group), Retry(message("not tried: %(reason)s", reason=str(error)))

    def _send_one(self, delivery: Delivery) -> Step:
        body = contact(delivery.payload, self._overwrite)
        reply = self._client.call("POST", "contacts/new", body, delivery.idempotency_key)
        outcome = answers.single(Said(reply, self._client.redactor), body)
        return [outcome], answers.halt(outcome)

    def _send_batch(self, group: Sequence[Delivery]) -> Step:
        bodies = [contact(delivery.payload, self._overwrite) for delivery in group]
        said = Said(self._client.call("POST", "contacts/batch/new", bodies), self._client.redactor)
        outcomes = answers.batch(said, bodies)
        allowed = said.batch_maximum()
        if allowed is not None:
            return self._smaller(group, outcomes, allowed)
        if said.reply.status in (413, 500):
            return self._split(group, outcomes)
        return outcomes, answers.halt(outcomes[0])

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


def _problem(delivery: Delivery) -> str:
    found = schemas.validate(Mautic.payload_schema, delivery.payload)
    return joined("; ", (sentence for _path, sentence in found))
