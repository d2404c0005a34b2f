"""What is sent to Redis for a delivery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from destinations.connectors.base import JSON, Delivery
from destinations.connectors.http.payload import UnwritableError, json_bytes
from tracsync.common.messages import message

Command = tuple[str, ...]

# A hash is exactly its payload, unless it has a later version. What needs memory comes first: where there is
# none, nothing is changed.
WRITE: Final = """
local held = tonumber(redis.call('HGET', KEYS[1], ARGV[1]))
if held and held > tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
local kept = {[ARGV[1]] = true}
for at = 3, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1])
  kept[ARGV[at]] = true
end
for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
  if not kept[name] then redis.call('HDEL', KEYS[1], name) end
end
return 1
"""
DELETE: Final = """
local held = tonumber(redis.call('HGET', KEYS[1], ARGV[1]))
if held and held > tonumber(ARGV[2]) then return 0 end
redis.call('DEL', KEYS[1])
return 1
"""


@dataclass(frozen=True, slots=True)
class Target:
    """`key`: the stream's, or what those of hashes begin with. `most`: messages in the stream, 0 for any."""

    kind: Literal["stream", "hash"]
    key: str
    most: int
    version_field: str

    def hash_key(self, delivery: Delivery) -> str:
        return str(delivery.remote.get("id") or f"{self.key}{delivery.key}")


def command(target: Target, delivery: Delivery) -> Command:
    """Raises UnwritableError for a payload that cannot be sent."""
    return _added(target, delivery) if target.kind == "stream" else _hash(target, delivery)


def _added(target: Target, delivery: Delivery) -> Command:
    bound = ("MAXLEN", "~", str(target.most)) if target.most else ()
    fields = {
        "operation": delivery.operation,
        "id": delivery.key,
        "version": str(delivery.version),
        "idempotency_key": delivery.idempotency_key,
    }
    if delivery.operation == "upsert":
        fields["payload"] = json_bytes(delivery.payload).decode()
    return ("XADD", target.key, *bound, "*", *(part for field in fields.items() for part in field))


def _hash(target: Target, delivery: Delivery) -> Command:
    if not delivery.key and not delivery.remote.get("id"):
        raise UnwritableError(message("the delivery has no key: a hash needs the profile's id"))
    script = DELETE
    fields: tuple[str, ...] = ()
    if delivery.operation == "upsert":
        script, fields = WRITE, _fields(target, delivery.payload)
    key = target.hash_key(delivery)
    return ("EVAL", script, "1", key, target.version_field, str(delivery.version), *fields)


def _fields(target: Target, payload: JSON) -> tuple[str, ...]:
    if not isinstance(payload, Mapping):
        raise UnwritableError(message("the payload must be an object: each of its fields is one of the hash"))
    if target.version_field in payload:
        raise UnwritableError(
            message(
                "the field %(name)s holds the version: take it out of the mapping", name=target.version_field
            )
        )
    json_bytes(payload)
    return tuple(
        part for name, value in payload.items() if value is not None for part in (name, as_text(value))
    )


def as_text(value: JSON) -> str:
    """A value in a hash: texts as they are, everything else as JSON."""
    return value if isinstance(value, str) else json_bytes(value).decode()
