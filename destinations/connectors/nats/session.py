"""A push to NATS: all messages at once, then the stream's word on each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from destinations.connectors.base import (
    Accepted,
    ConfigurationError,
    Delivery,
    Exchange,
    Hold,
    Outcome,
    Rejected,
    Retry,
    Unknown,
    Unreachable,
)
from destinations.connectors.envelope import ID, Envelope, LazyExchange, envelope, filled_in
from destinations.connectors.http.payload import UnwritableError
from destinations.connectors.nats.link import (
    EXPECTED_STREAM,
    Denied,
    DeniedError,
    Kept,
    Link,
    LostError,
    NoStream,
    NotSent,
    Post,
    Refused,
    Word,
    nats,
)
from destinations.connectors.redaction import Redactor
from destinations.connectors.servers import Server
from tracsync.common.messages import message

_LOST: Final = message("the connection was lost before the stream answered, or no answer came in time")
_NOT_TRIED: Final = message("not tried: %(reason)s", reason=message("the connection was lost"))
_KEPT: Final = message("the stream %(name)s has it as %(number)s")
_REPEATED: Final = message("the stream %(name)s had it already, as %(number)s")
_TOO_LARGE: Final = 10054  # the server's number for a message that is larger than the stream takes
_AROUND: Final = len(b"NATS/1.0\r\n\r\n")  # the headers
_NOT_IN_SUBJECTS: Final = " *>"


@dataclass(frozen=True, slots=True)
class Target:
    """`subject` may have `{id}` in it, for the profile's id. `stream` has to be the one that takes it."""

    stream: str
    subject: str


def written(target: Target, delivery: Delivery) -> tuple[Post, Envelope]:
    """The message of a delivery. Raises UnwritableError for what cannot be sent."""
    made = envelope(delivery)
    subject = filled_in(target.subject, delivery, _NOT_IN_SUBJECTS)
    if subject.startswith(".") or subject.endswith(".") or ".." in subject:
        raise UnwritableError(
            message("the profile's id has characters that cannot stand in %(place)s", place=target.subject)
        )
    headers = {"Nats-Msg-Id": delivery.idempotency_key, **made.headers}
    return Post(subject, headers, made.body or b""), made


class NatsSession:
    """For one stream; what it has acknowledged stays, whatever becomes of the rest."""

    def __init__(self, link: Link, server: Server, target: Target, redactor: Redactor) -> None:
        self._link, self._server, self._target, self._redactor = link, server, target, redactor
        self._errors = nats().js.errors

    def close(self) -> None:
        self._link.close()

    def check(self) -> str:
        """Connect and look at the stream, where this user may."""
        target = self._target
        told = {"server": str(self._server), "name": target.stream}
        self._link.connect()
        try:
            stream = self._link.stream(target.stream)
        except DeniedError:
            return message(
                "connected to %(server)s; without the right to publish to %(right)s the stream cannot be"
                " looked at",
                right=f"$JS.API.STREAM.INFO.{target.stream}",
                **told,
            )
        except LostError:
            raise Unreachable(_LOST) from None
        except self._errors.NotFoundError:
            raise ConfigurationError(message("there is no stream %(name)s", **told)) from None
        except self._errors.ServiceUnavailableError:
            raise ConfigurationError(message("JetStream is not enabled for this user")) from None
        except self._errors.Error as error:
            said = self._redactor.reason(str(error))
            raise ConfigurationError(message("NATS refused it: %(said)s", said=said)) from None
        if not any(_covers(one, target.subject.replace(ID, "id")) for one in stream.config.subjects or ()):
            raise ConfigurationError(
                message(
                    "the stream %(name)s does not take the subject %(subject)s",
                    subject=target.subject,
                    **told,
                )
            )
        return message("connected to %(server)s: the stream %(name)s is there", **told)

    def push(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        self._link.connect()
        outcomes: list[Outcome | None] = []
        posts: list[Post] = []
        exchanges: list[Exchange] = []
        for delivery in deliveries:
            try:
                post, made = written(self._target, delivery)
            except UnwritableError as error:
                outcomes.append(Rejected(str(error), code="invalid_field"))
                continue
            exchange = self._exchange(post, made)
            outcomes.append(self._too_large(post, exchange))
            if outcomes[-1] is None:
                posts.append(post)
                exchanges.append(exchange)
        answers = self._link.publish(self._target.stream, posts)
        said = iter(
            self._outcome(one, post, exchange)
            for one, post, exchange in zip(answers, posts, exchanges, strict=True)
        )
        return [next(said) if outcome is None else outcome for outcome in outcomes]

    def _exchange(self, post: Post, made: Envelope) -> Exchange:
        return LazyExchange(lambda: self._redactor.excerpt(made.show(post.subject)))

    def _too_large(self, post: Post, exchange: Exchange) -> Outcome | None:
        """The server would end the connection."""
        most = self._link.most_bytes
        lines = [*post.headers.items(), (EXPECTED_STREAM, self._target.stream)]
        headers = _AROUND + sum(len(f"{name}: {value}".encode()) + 2 for name, value in lines)
        if headers + len(post.body) <= most:
            return None
        reason = message(
            "the message is larger than the server takes (max_payload: %(most)s bytes)", most=most
        )
        return Rejected(reason, exchange, code="too_large")

    def _outcome(self, word: Word | None, post: Post, exchange: Exchange) -> Outcome:
        match word:
            case Kept(name, number, is_repeat):
                detail = _REPEATED if is_repeat else _KEPT
                return Accepted(detail=detail.with_values(name=name, number=number), exchange=exchange)
            case Refused():
                return self._refused(word, exchange)
            case NoStream():
                reason = message("no stream takes the subject %(name)s", name=post.subject)
                return Hold(reason, exchange, code="not_found")
            case Denied():
                reason = message("this user may not publish to %(name)s", name=post.subject)
                return Hold(reason, exchange, code="denied")
            case NotSent():
                return Retry(_NOT_TRIED, not_taken=True)
        return Unknown(_LOST, exchange)

    def _refused(self, word: Refused, exchange: Exchange) -> Outcome:
        said = self._redactor.reason(word.said)
        reason = message("the stream refused it: %(said)s", said=said)
        if word.number == _TOO_LARGE:
            return Rejected(reason, exchange, code="too_large")
        return Retry(reason, None, exchange) if word.status >= 500 else Hold(reason, exchange)


def _covers(pattern: str, subject: str) -> bool:
    """Whether a stream's subject takes this one: * stands for one part, > for all that follow."""
    wanted, parts = pattern.split("."), subject.split(".")
    for at, one in enumerate(wanted):
        if one == ">":
            return len(parts) > at
        if at >= len(parts) or one not in ("*", parts[at]):
            return False
    return len(wanted) == len(parts)
