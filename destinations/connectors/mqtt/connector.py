"""MQTT: a message for each changed profile, or each profile as the retained message of a topic of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from destinations.connectors import schemas, servers
from destinations.connectors.addresses import Guard
from destinations.connectors.base import JSON, Delivery, Operation, Preset, Schema
from destinations.connectors.mqtt.link import Link
from destinations.connectors.mqtt.session import MqttSession, Target, written
from destinations.connectors.redaction import Redactor
from destinations.connectors.servers import Server, ServerConnector
from tracsync.common.messages import message


class Mqtt(ServerConnector[Server, Target, MqttSession]):
    """A broker that speaks MQTT 5; with older versions nobody knows what became of a message."""

    slug: ClassVar[str] = "mqtt"
    name: ClassVar[str] = "MQTT"
    kind: ClassVar[str] = "messages"
    description: ClassVar[str] = message("Publishes a message for each changed profile to an MQTT broker.")
    icon: ClassVar[str] = (
        '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round">'
        '<path d="M4 20h.01M4 14a6 6 0 016 6M4 9a11 11 0 0111 11M4 4a16 16 0 0116 16"/></svg>'
    )
    operations: ClassVar[tuple[Operation, ...]] = ("upsert", "remove", "erase")
    batch_size: ClassVar[int] = 500
    credentials_schema: ClassVar[Schema] = servers.credentials(8883)
    settings_schema: ClassVar[Schema] = {
        "type": "object",
        "properties": {
            "topic": {
                "type": "string",
                "title": message("Topic"),
                "description": message("Where messages go; {id} in it stands for the profile's id."),
                "minLength": 1,
                "maxLength": 255,
                "pattern": r"^[^+#\x00-\x1f$][^+#\x00-\x1f]*$",
                "hint": message(
                    "must be a topic such as profiles/{id}, without + and #, and not begin with $"
                ),
            },
            "retain": {
                "type": "boolean",
                "title": message("Retain"),
                "description": message(
                    "Have the broker keep the last message of each topic for whoever subscribes later."
                ),
                "default": False,
            },
            "unmatched": {
                "type": "string",
                "title": message("Without subscribers"),
                "description": message(
                    "What becomes of a message that nobody subscribes to and the broker does not retain."
                ),
                "enum": ["retry", "accept"],
                "default": "retry",
            },
        },
        "required": ["topic"],
        "additionalProperties": False,
    }
    payload_schema: ClassVar[Schema] = {}
    presets: ClassVar[tuple[Preset, ...]] = (
        Preset(
            name=message("Each profile's last state"),
            description=message("Keeps id, data and traits of each profile as a retained message."),
            mapping={"id": "profile@id", "data?": "profile@data", "traits?": "profile@traits"},
            settings={"topic": "profiles/{id}", "retain": True},
        ),
        Preset(
            name=message("Messages to subscribers"),
            description=message("Sends id, data and traits of each profile to one topic."),
            mapping={"id": "profile@id", "data?": "profile@data", "traits?": "profile@traits"},
            settings={"topic": "profiles"},
        ),
    )

    def session(self, where: Server, what: Target, guard: Guard, redactor: Redactor) -> MqttSession:
        return MqttSession(Link(where, guard, what.retain), where, what, redactor)

    def described(
        self, where: Server, what: Target, delivery: Delivery, redactor: Redactor
    ) -> dict[str, JSON]:
        """Keys: server, topic, qos, retain, headers (user properties), content_type, body."""
        post, made = written(what, delivery)
        return {
            "server": str(where),
            "topic": redactor.text(post.topic),
            "qos": 1,
            "retain": what.retain,
            "headers": {name: redactor.text(value) for name, value in post.headers.items()},
            "content_type": post.content_type,
            "body": redactor.text(made.text),
        }

    def checked(self, credentials: Mapping[str, JSON], settings: Mapping[str, JSON]) -> tuple[Server, Target]:
        given: dict[str, Any] = schemas.checked(self.credentials_schema, credentials)
        chosen: dict[str, Any] = schemas.checked(self.settings_schema, settings)
        schemas.check_no_references([("host", given["host"]), ("topic", chosen["topic"])])
        return Server(**given), Target(**chosen)
