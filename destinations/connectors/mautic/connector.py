"""Mautic: contacts of a marketing automation, over its REST API with OAuth2 client credentials.

Behaviour of the API is taken from mautic/mautic 4.4.13, 5.1.1 and later sources; numbers with # are its
issues and pull requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, closing
from typing import ClassVar

from destinations.connectors import schemas
from destinations.connectors.addresses import Guard
from destinations.connectors.base import JSON, Ability, Delivery, Operation, Preset, Runtime, Schema
from destinations.connectors.http.payload import UnwritableError
from destinations.connectors.mautic.client import MauticClient, authorised, base_url
from destinations.connectors.mautic.session import BATCH_LIMIT, PAYLOAD, MauticSession, first_call, problem
from destinations.connectors.redaction import MASK, Redactor
from tracsync.common.messages import message


class Mautic:
    """Creates, updates or deletes one contact per profile: found by its e-mail, or by its id where that
    changed or it is to be deleted."""

    slug: ClassVar[str] = "mautic"
    name: ClassVar[str] = "Mautic"
    kind: ClassVar[str] = "marketing"
    description: ClassVar[str] = message(
        "Creates and updates contacts in Mautic, found by their e-mail address."
    )
    icon: ClassVar[str] = (
        '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linejoin="round">'
        '<circle cx="9" cy="9" r="3.5"/><path d="M3 21c0-4 2.5-6 6-6s6 2 6 6M15 3h6v6h-3l-2 2V9h-1z"/></svg>'
    )
    needs_remote: ClassVar[bool] = True
    batch_size: ClassVar[int] = BATCH_LIMIT
    operations: ClassVar[tuple[Operation, ...]] = ("upsert", "remove")
    abilities: ClassVar[tuple[Ability, ...]] = ("fields", "read")
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
    payload_schema: ClassVar[Schema] = PAYLOAD

    presets: ClassVar[tuple[Preset, ...]] = (
        Preset(
            name=message("Contacts with an e-mail address"),
            description=message("Name, e-mail and phone of everybody who has an address."),
            prerequisites="profile@data.contact.email.main EXISTS",
            mapping={
                "email": "profile@data.contact.email.main",
                "firstname?": "profile@data.pii.firstname",
                "lastname?": "profile@data.pii.lastname",
                "phone?": "profile@data.contact.phone.main",
            },
        ),
    )

    def open(
        self, credentials: Mapping[str, JSON], settings: Mapping[str, JSON], runtime: Runtime | None = None
    ) -> AbstractContextManager[MauticSession]:
        given = schemas.checked(self.credentials_schema, credentials)
        options = schemas.checked(self.settings_schema, settings)
        lent = runtime or Runtime()
        redactor = Redactor(schemas.secrets(self.credentials_schema, given))
        client = MauticClient(given, Guard(lent.allowed_internal), lent.tokens, redactor)
        return closing(MauticSession(client, bool(options["overwrite_with_blank"])))

    def describe(
        self, credentials: Mapping[str, JSON], settings: Mapping[str, JSON], delivery: Delivery
    ) -> dict[str, JSON]:
        """Keys: method, url, headers, body (text); or only `problem`. Never asks for a token."""
        given = schemas.checked(self.credentials_schema, credentials)
        options = schemas.checked(self.settings_schema, settings)
        try:
            if said := problem(delivery):
                raise UnwritableError(said)
            base = base_url(given["api_url"])
            told = first_call(base, delivery, bool(options["overwrite_with_blank"]))
        except UnwritableError as error:
            return {"problem": str(error)}
        return authorised(told, MASK).describe(Redactor(schemas.secrets(self.credentials_schema, given)))
