"""A push to Redis: all commands at once, then an answer for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from destinations.connectors.base import (
    JSON,
    Accepted,
    ConfigurationError,
    Delivery,
    Exchange,
    Held,
    Hold,
    Outcome,
    Rejected,
    Retry,
    Unknown,
    Unreachable,
)
from destinations.connectors.http.payload import UnwritableError
from destinations.connectors.redaction import Redactor
from destinations.connectors.redis.commands import Command, Target, as_text, command
from destinations.connectors.redis.link import Link, LostError, RedisServer, redis
from tracsync.common.messages import message

_LOST = message("the connection was lost before Redis answered, or no answer came in time")
_USED = {"stream": ("xadd",), "hash": ("eval", "hget", "hset", "hkeys", "hdel", "del", "hgetall")}
# What passes: memory, disks, replicas, a script of somebody else's, a cluster that changes.
_PASSING = ("OOM", "LOADING", "BUSY", "MISCONF", "NOREPLICAS", "TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN")


class RedisSession:
    """For one target; what Redis has carried out stays, whatever becomes of the rest."""

    def __init__(self, link: Link, server: RedisServer, target: Target, redactor: Redactor) -> None:
        self._link, self._server, self._target, self._redactor = link, server, target, redactor
        self._library = redis()

    def close(self) -> None:
        self._link.close()

    def check(self) -> str:
        """Connect, look at the kind of the stream's key, and ask for the rights."""
        key = self._target.key
        kind, who = self._asked([("TYPE", key), ("ACL", "WHOAMI")])
        if isinstance(kind, Exception):
            raise ConfigurationError(self._refusal(kind))
        if self._target.kind == "stream" and kind not in ("stream", "none"):
            raise ConfigurationError(
                message("the key %(key)s is no stream but a %(kind)s", key=key, kind=kind)
            )
        if missing := [] if isinstance(who, Exception) else self._missing_rights(str(who)):
            raise ConfigurationError(
                message("this user may not use these commands: %(names)s", names=", ".join(missing))
            )
        return message("connected to %(server)s", server=str(self._server))

    def _missing_rights(self, user: str) -> list[str]:
        """Of the commands used; none where the user may not ask."""
        used = _USED[self._target.kind]
        tried = [("ACL", "DRYRUN", user, name, *_arguments(name, self._target.key)) for name in used]
        answers = self._asked(tried)
        return [
            name.upper()
            for name, said in zip(used, answers, strict=True)
            if isinstance(said, str) and "permission" in said
        ]

    def read(self, deliveries: Sequence[Delivery]) -> Sequence[Held]:
        """The hashes, with the payload's own writing of what comes to the same text."""
        answers = self._asked([("HGETALL", self._target.hash_key(delivery)) for delivery in deliveries])
        return [self._held(answer, one) for answer, one in zip(answers, deliveries, strict=True)]

    def _held(self, answer: Any, delivery: Delivery) -> Held:
        if isinstance(answer, Exception):
            return Held(problem=self._refusal(answer))
        found: dict[str, JSON] = dict(zip(answer[::2], answer[1::2], strict=True))
        if not found:
            return Held()
        found.pop(self._target.version_field, None)
        sent = delivery.payload if isinstance(delivery.payload, dict) else {}
        for name, value in sent.items():
            if value is None and name not in found:
                found[name] = None
            elif value is not None and found.get(name) == as_text(value):
                found[name] = value
        return Held(found)

    def push(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        outcomes: list[Outcome | None] = []
        commands: list[Command] = []
        for delivery in deliveries:
            try:
                commands.append(command(self._target, delivery))
                outcomes.append(None)
            except UnwritableError as error:
                outcomes.append(Rejected(str(error), code="invalid_field"))
        self._link.connect()
        sent = [one for one, outcome in zip(deliveries, outcomes, strict=True) if outcome is None]
        try:
            answers = self._link.ask(commands)
        except LostError as error:
            answers = error.answers
        answered = iter(self._outcomes(sent, commands, answers))
        return [next(answered) if outcome is None else outcome for outcome in outcomes]

    def _outcomes(
        self, deliveries: Sequence[Delivery], commands: Sequence[Command], answers: Sequence[Any]
    ) -> list[Outcome]:
        """One each; those without an answer are unknown."""
        found: list[Outcome] = []
        for at, delivery in enumerate(deliveries):
            exchange = Exchange(self._redactor.excerpt(shown(commands[at])))
            if at < len(answers):
                found.append(self._outcome(delivery, answers[at], exchange))
            else:
                found.append(Unknown(_LOST, exchange))
        return found

    def _outcome(self, delivery: Delivery, answer: Any, exchange: Exchange) -> Outcome:
        if isinstance(answer, Exception):
            said = self._refusal(answer, delivery)
            if self._target.kind == "hash" and str(answer).startswith("WRONGTYPE"):
                return Rejected(said, exchange, code="conflict")  # this key is something else's
            return Retry(said, None, exchange) if self._passes(answer) else Hold(said, exchange)
        if self._target.kind == "stream":
            return Accepted(detail=message("added as %(id)s", id=str(answer)), exchange=exchange)
        if not answer:
            reason = message("the hash has a later version of the profile: nothing was changed")
            return Rejected(reason, exchange, code="conflict")
        remote = {"id": self._target.hash_key(delivery)} if delivery.operation == "upsert" else None
        return Accepted(remote, exchange=exchange)

    def _passes(self, refusal: Exception) -> bool:
        library = self._library.exceptions
        kinds = (library.OutOfMemoryError, library.TryAgainError, library.ClusterDownError)
        return isinstance(refusal, kinds) or str(refusal).startswith(_PASSING)

    def _refusal(self, refusal: Exception, delivery: Delivery | None = None) -> str:
        payload = [delivery.payload, delivery.key] if delivery else None
        return message("Redis refused it: %(said)s", said=self._redactor.reason(str(refusal), payload))

    def _asked(self, commands: Sequence[Command]) -> list[Any]:
        self._link.connect()
        try:
            return self._link.ask(commands)
        except LostError:
            raise Unreachable(_LOST) from None


def shown(sent: Command) -> str:
    """A command with a line for each part, and the first line of a script."""
    return "\n".join(part.strip().partition("\n")[0] if part.startswith("\n") else part for part in sent)


def _arguments(name: str, key: str) -> tuple[str, ...]:
    """As many as the command needs."""
    return {
        "xadd": (key, "*", "a", "b"),
        "eval": ("return 1", "1", key),
        "hset": (key, "a", "b"),
        "hget": (key, "a"),
        "hdel": (key, "a"),
    }.get(name, (key,))
