"""NATS: a message for each changed profile in a stream of JetStream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from destinations.connectors import schemas, servers
from destinations.connectors.addresses import Guard
from destinations.connectors.base import JSON, Delivery, Operation, Preset, Schema
from destinations.connectors.nats.link import Link
from destinations.connectors.nats.session import NatsSession, Target, written
from destinations.connectors.redaction import Redactor
from destinations.connectors.servers import Server, ServerConnector
from tracsync.common.messages import message


class Nats(ServerConnector[Server, Target, NatsSession]):
    """A server of NATS 2.9 or later with JetStream."""

    slug: ClassVar[str] = "nats"
    name: ClassVar[str] = "NATS JetStream"
    kind: ClassVar[str] = "messages"
    description: ClassVar[str] = message("Adds a message for each changed profile to a stream of NATS.")
    icon: ClassVar[str] = (
        '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linejoin="round">'
        '<path d="M3 4h18v13h-8l4 4-7-4H3zM8 13V8l8 5V8"/></svg>'
    )
    operations: ClassVar[tuple[Operation, ...]] = ("upsert", "remove", "erase")
    batch_size: ClassVar[int] = 500
    credentials_schema: ClassVar[Schema] = servers.credentials(
        4222,
        user={
            **servers.USER,
            "description": message("Blank where the password is a token, or none is asked for."),
        },
    )
    settings_schema: ClassVar[Schema] = {
        "type": "object",
        "properties": {
            "stream": {
                "type": "string",
                "title": message("Stream"),
                "description": message("The stream that takes the subject; it is never made from here."),
                "minLength": 1,
                "maxLength": 255,
                "pattern": r"^[^\s.*>/\\]+$",
                "hint": message("must be a name without spaces, dots, *, > and slashes"),
            },
            "subject": {
                "type": "string",
                "title": message("Subject"),
                "description": message("Where messages go; {id} in it stands for the profile's id."),
                "minLength": 1,
                "maxLength": 255,
                "pattern": r"^[^\s.*>$][^\s*>]*$",
                "hint": message("must be a subject without spaces, * and >, such as profiles.{id}"),
            },
        },
        "required": ["stream", "subject"],
        "additionalProperties": False,
    }
    payload_schema: ClassVar[Schema] = {}
    presets: ClassVar[tuple[Preset, ...]] = (
        Preset(
            name=message("Profiles to a stream"),
            description=message("Sends id, data and traits of each profile, to a subject of its own."),
            mapping={"id": "profile@id", "data?": "profile@data", "traits?": "profile@traits"},
            settings={"stream": "profiles", "subject": "profiles.{id}"},
        ),
    )

    def session(self, where: Server, what: Target, guard: Guard, redactor: Redactor) -> NatsSession:
        return NatsSession(Link(where, guard), where, what, redactor)

    def described(
        self, where: Server, what: Target, delivery: Delivery, redactor: Redactor
    ) -> dict[str, JSON]:
        """Keys: server, stream, subject, headers, body."""
        post, made = written(what, delivery)
        return {
            "server": str(where),
            "stream": what.stream,
            "subject": redactor.text(post.subject),
            "headers": {name: redactor.text(value) for name, value in post.headers.items()},
            "body": redactor.text(made.text),
        }

    def checked(self, credentials: Mapping[str, JSON], settings: Mapping[str, JSON]) -> tuple[Server, Target]:
        given: dict[str, Any] = schemas.checked(self.credentials_schema, credentials)
        chosen: dict[str, Any] = schemas.checked(self.settings_schema, settings)
        schemas.check_no_references([("host", given["host"]), *chosen.items()])
        return Server(**given), Target(**chosen)
