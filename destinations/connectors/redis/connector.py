"""Redis: a stream that gets a message for each change, or a hash for each profile."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from destinations.connectors import schemas, servers
from destinations.connectors.addresses import Guard
from destinations.connectors.base import JSON, Ability, Delivery, Operation, Preset, Schema
from destinations.connectors.redaction import Redactor
from destinations.connectors.redis.commands import Target, command
from destinations.connectors.redis.link import Link, RedisServer
from destinations.connectors.redis.session import RedisSession
from destinations.connectors.servers import ServerConnector
from tracsync.common.messages import message


class Redis(ServerConnector[RedisServer, Target, RedisSession]):
    """Redis 7 or later, or what speaks its protocol; one server, no cluster."""

    slug: ClassVar[str] = "redis"
    name: ClassVar[str] = "Redis"
    kind: ClassVar[str] = "databases"
    description: ClassVar[str] = message(
        "Adds a message for each changed profile to a stream, or keeps a hash for each."
    )
    icon: ClassVar[str] = (
        '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linejoin="round">'
        '<path d="M12 3l9 4-9 4-9-4zM3 12l9 4 9-4M3 17l9 4 9-4"/></svg>'
    )
    operations: ClassVar[tuple[Operation, ...]] = ("upsert", "remove", "erase")
    abilities: ClassVar[tuple[Ability, ...]] = ("read",)
    batch_size: ClassVar[int] = 500
    credentials_schema: ClassVar[Schema] = servers.credentials(
        6379,
        database={
            "type": "integer",
            "title": message("Database"),
            "description": message("The number of the database."),
            "minimum": 0,
            "maximum": 65535,
            "default": 0,
        },
        user={**servers.USER, "description": message("Blank for the default user.")},
    )
    settings_schema: ClassVar[Schema] = {
        "type": "object",
        "properties": {
            "kind": {
                "type": "string",
                "title": message("Kind"),
                "description": message("A message for each change in a stream, or a hash for each profile."),
                "enum": ["stream", "hash"],
                "default": "stream",
            },
            "key": {
                "type": "string",
                "title": message("Key"),
                "description": message(
                    "The key of the stream, or what the keys of hashes begin with; the profile's id follows."
                ),
                "minLength": 1,
                "maxLength": 255,
            },
            "most": {
                "type": "integer",
                "title": message("Most messages"),
                "description": message("About how many messages the stream keeps; 0 for all of them."),
                "minimum": 0,
                "maximum": 1_000_000_000,
                "default": 0,
            },
            "version_field": {
                "type": "string",
                "title": message("Version field"),
                "description": message("The field of a hash that holds the profile's version."),
                "minLength": 1,
                "maxLength": 255,
                "default": "_version",
            },
        },
        "required": ["key"],
        "additionalProperties": False,
    }
    payload_schema: ClassVar[Schema] = {}
    presets: ClassVar[tuple[Preset, ...]] = (
        Preset(
            name=message("Profiles to a stream"),
            description=message("Sends id, data and traits of each profile, and keeps a million messages."),
            mapping={"id": "profile@id", "data?": "profile@data", "traits?": "profile@traits"},
            settings={"kind": "stream", "key": "profiles", "most": 1_000_000},
        ),
        Preset(
            name=message("A hash for each profile"),
            description=message("Keeps data and traits under the key profile: and the id."),
            mapping={"data?": "profile@data", "traits?": "profile@traits"},
            settings={"kind": "hash", "key": "profile:"},
        ),
    )

    def abilities_with(self, settings: Mapping[str, JSON]) -> Collection[Ability]:
        return self.abilities if settings.get("kind") == "hash" else ()

    def session(self, where: RedisServer, what: Target, guard: Guard, redactor: Redactor) -> RedisSession:
        return RedisSession(Link(where, guard), where, what, redactor)

    def described(
        self, where: RedisServer, what: Target, delivery: Delivery, redactor: Redactor
    ) -> dict[str, JSON]:
        """Keys: server, command (a list of texts)."""
        return {"server": str(where), "command": [redactor.text(one) for one in command(what, delivery)]}

    def checked(
        self, credentials: Mapping[str, JSON], settings: Mapping[str, JSON]
    ) -> tuple[RedisServer, Target]:
        given: dict[str, Any] = schemas.checked(self.credentials_schema, credentials)
        chosen: dict[str, Any] = schemas.checked(self.settings_schema, settings)
        names = ("key", "version_field")
        schemas.check_no_references([("host", given["host"]), *((name, chosen[name]) for name in names)])
        return RedisServer(**given), Target(**chosen)
