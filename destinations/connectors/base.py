"""The contract between the sync engine and the code that speaks to one kind of external system.

A connector is one class in one module. It says what it needs (JSON Schemas) and turns a list of
deliveries into a list of outcomes; when to push, what to retry and how long to wait is the engine's.
Nothing here knows the database.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Final, Literal, Protocol

from tracsync.common.messages import message

JSON = Any
Schema = Mapping[str, Any]
Operation = Literal["upsert", "remove", "erase"]
Part = Literal["credentials", "settings"]
Ability = Literal["fields", "read"]

LONGEST_ID: Final = 255  # characters of what a system calls a profile


@dataclass(frozen=True, slots=True)
class Delivery:
    """One push on its way: a payload to hold from now on, or a profile to take away.

    `idempotency_key` is the same for all repeats of one push and for nothing else; at most 64 characters.
    `remote` is what was kept of the last answer that accepted this profile, {} if nothing is known: its "id"
    there, and what else the connector needs to find it again. It is not to be changed, nor is the payload.
    `key` is the profile's id, for partitions, groups and names of objects; `version` grows with each change
    of the profile. "remove" takes the profile out of the system, "erase" also what the system would keep of
    it; neither has a payload, and both are accepted where it is not there any more. `profile` is the profile
    itself, where the connector says that it takes more than the payload from it (`profile_references`).
    `moment` is that of the first try: a repeat sends the same, also of what depends on the time.
    """

    payload: JSON
    idempotency_key: str
    remote: Mapping[str, JSON] = field(default_factory=dict)
    operation: Operation = "upsert"
    key: str = ""
    version: int = 0
    profile: Mapping[str, JSON] = field(default_factory=dict, repr=False)
    moment: datetime | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """What went over the wire, secrets masked: for the attempt log, as far as the operator keeps it."""

    request: str = ""
    response: str = ""
    status: int | None = None


# Every outcome may have a `code` for its kind, such as invalid_field, missing_key, duplicate, suppressed,
# too_large, conflict or not_found (small letters, digits and _, at most 50), and name the `field` that it is
# about: pages and the API group by both.


@dataclass(frozen=True, slots=True)
class Accepted:
    """The destination holds the payload now, or the profile no more.

    `remote` is kept and comes back with the next delivery of this profile; None keeps what is known. Its
    "id", at most LONGEST_ID characters, is shown to people and searched for; everything else in it is
    encrypted. A longer one is not kept: what is cut would be the id of somebody else. "earlier", a list, is
    for the ids of other records that are this profile's, too: see earlier.py.
    It is at most 4 KiB as JSON. `after`: seconds the destination asks everyone to wait all the same.
    """

    remote: Mapping[str, JSON] | None = None
    detail: str = ""
    exchange: Exchange | None = None
    after: float | None = None
    code: str = ""
    field: str = ""

    @property
    def remote_id(self) -> str:
        """What the destination calls the profile, "" if it did not say."""
        return str((self.remote or {}).get("id", ""))


@dataclass(frozen=True, slots=True)
class Retry:
    """Not delivered, and waiting may help. `after`: seconds the destination asked everyone to wait.

    `not_taken`: it is certain that nothing of it has arrived: it was never sent, or turned away before
    anybody looked at it. Without that it is in doubt, as after Unknown.
    """

    reason: str
    after: float | None = None
    exchange: Exchange | None = None
    code: str = ""
    field: str = ""
    not_taken: bool = False


@dataclass(frozen=True, slots=True)
class Rejected:
    """Not delivered, and repeating the same push cannot help. `after`: seconds it asks everyone to wait."""

    reason: str
    exchange: Exchange | None = None
    after: float | None = None
    code: str = ""
    field: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Sent, but whether it arrived cannot be told; it will be repeated with the same key."""

    reason: str
    exchange: Exchange | None = None
    code: str = ""
    field: str = ""


@dataclass(frozen=True, slots=True)
class Hold:
    """Not delivered, for a reason that lies in the destination (credentials, rights): all others wait.

    `may_be_taken`: another call of the same push had it before, and may have been carried out.
    """

    reason: str
    exchange: Exchange | None = None
    code: str = ""
    field: str = ""
    may_be_taken: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """Not delivered, and nothing is wanted there any more: all waits until a person starts it again.

    `may_be_taken`: as of Hold.
    """

    reason: str
    exchange: Exchange | None = None
    code: str = ""
    field: str = ""
    may_be_taken: bool = False


@dataclass(frozen=True, slots=True)
class Pending:
    """Taken, and what becomes of it is told later: a session's `poll` is asked for `job` in `after` seconds.

    `job` is what the system calls the work: any JSON, at most 4 KiB; it is kept encrypted. `after` is from a
    second to an hour. Where no end is told within a day, the push counts as unknown.
    """

    job: JSON
    after: float
    reason: str = message("the destination has it, and answers later")
    exchange: Exchange | None = None
    code: str = ""
    field: str = ""


Outcome = Accepted | Retry | Rejected | Unknown | Hold | Stop | Pending


class ConnectorError(Exception):
    """The whole destination cannot be used now; the message is for an operator and holds no secret."""


class ConfigurationError(ConnectorError):
    """A person has to change credentials or settings before anything can be delivered."""


class SignInAgain(ConfigurationError):
    """Access tokens are given no more until a person signs in there again, or enters a new refresh token."""


class Unreachable(ConnectorError):
    """The system does not answer; it may later.

    `after`: seconds it asked to wait, where it did. `sent`: what was asked may have been carried out all the
    same, such as that a refresh token was taken and another one given.
    """

    def __init__(self, message: str, after: float | None = None, *, sent: bool = False) -> None:
        super().__init__(message)
        self.after, self.sent = after, sent


@dataclass(frozen=True, slots=True)
class Token:
    """An access token. `expires_at` in epoch seconds.

    `refresh`: what the next one is asked for with, "" if that is not with a refresh token. `scope`: what it
    may be used for, as the service says it. `extras`: other texts that came with it, such as an address.
    """

    value: str = field(repr=False)
    expires_at: float
    refresh: str = field(default="", repr=False)
    scope: str = ""
    extras: Mapping[str, str] = field(default_factory=dict)


class TokenStore(Protocol):
    """Where sessions of one resource share an access token, whatever process they run in."""

    def get(self) -> Token | None:
        """The stored token unless it has expired."""

    def refresh_token(self) -> str:
        """The refresh token that came with the last access token, also with one that has expired."""

    def renew(self, stale: Token | None, fetch: Callable[[], Token]) -> Token:
        """Replace `stale`; only one caller fetches, the others get what it fetched.

        A stored token that has expired is replaced too, whatever `stale` is. What `fetch` raises
        (ConnectorError) goes through.
        """


class MemoryTokenStore:
    """A token store for one session: for "Test connection", previews and tests."""

    def __init__(self) -> None:
        self._token: Token | None = None

    def get(self) -> Token | None:
        if self._token is None or self._token.expires_at <= time.time():
            return None
        return self._token

    def refresh_token(self) -> str:
        return self._token.refresh if self._token else ""

    def renew(self, stale: Token | None, fetch: Callable[[], Token]) -> Token:
        current = self.get()
        if current is None or current == stale:
            current = self._token = fetch()
        return current


@dataclass(frozen=True, slots=True)
class Runtime:
    """What the installation lends a session.

    `allowed_internal`: CIDRs and host names that may be reached although they are internal; without
    them loopback, private, link-local and other special addresses are refused.
    """

    allowed_internal: Sequence[str] = ()
    tokens: TokenStore = field(default_factory=MemoryTokenStore)


@dataclass(frozen=True, slots=True)
class Field:
    """A field that the system has. `name`: as the payload has it, one within another with a dot between.

    `type` is the system's own word for it. `choices`: the values that it takes, none where any will do.
    """

    name: str
    title: str = ""
    type: str = ""
    unique: bool = False
    read_only: bool = False
    choices: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Held:
    """What the system holds of one profile, in the form of the payload and perhaps with more fields.

    None: the profile is not there. `problem`: why it cannot be told; it holds no secret.
    """

    payload: JSON = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Preset:
    """A common shape to begin a destination with: a form is filled in with it, and nothing is saved.

    `settings` holds what is different from the defaults; `mapping` is a template in the notation.
    """

    name: str
    description: str = ""
    prerequisites: str = ""
    mapping: JSON = None
    settings: Mapping[str, JSON] = field(default_factory=dict)


class Authorisation(Protocol):
    """How a person lets tracsync in at a service: the code grant of OAuth 2 (RFC 6749, 4.1)."""

    @property
    def host(self) -> str:
        """Where the person is sent to, in words for people."""

    def url(self, redirect_uri: str, state: str, verifier: str) -> str:
        """The address that the person's browser is sent to. `verifier`: a secret of this one time (PKCE)."""

    def token(self, code: str, redirect_uri: str, verifier: str, runtime: Runtime) -> Token:
        """What the service gives for the code that the person came back with. Raises ConnectorError."""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` deliveries within any `seconds`, wherever these begin."""

    count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Limits:
    """What an account at the system may be asked for; nothing is no limit.

    `concurrency`: the most calls under way at once. All `rates` hold together.
    """

    concurrency: int | None = None
    rates: Sequence[Rate] = ()


class Session(Protocol):
    """Open connections, tokens and pools for one destination; used by one thread at a time."""

    def check(self) -> str:
        """Try the connection without changing anything.

        Returns what happened in words; raises ConnectorError with what went wrong in words.
        """

    def push(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        """Deliver; one outcome per delivery, in the same order.

        One bad item fails alone. Raises ConnectorError only when nothing could be tried at all.
        """


class KnowingSession(Session, Protocol):
    """One of a connector with `abilities`; it need only have what these name. Nothing is changed by it."""

    def fields(self) -> Sequence[Field]:
        """The fields of the system. Raises ConnectorError."""

    def read(self, deliveries: Sequence[Delivery]) -> Sequence[Held]:
        """What the system holds, one for each delivery, in order. Raises ConnectorError only for all of them.

        The deliveries are upserts, with what the mapping makes now as their payload.
        """


class Connector(Protocol):
    """One kind of external system."""

    slug: ClassVar[str]
    name: ClassVar[str]
    description: ClassVar[str]
    icon: ClassVar[str]  # the text of an SVG element
    credentials_schema: ClassVar[Schema]
    settings_schema: ClassVar[Schema]
    payload_schema: ClassVar[Schema]  # of an upsert
    batch_size: ClassVar[int]  # how many deliveries one call of push may be given

    def open(
        self, credentials: Mapping[str, JSON], settings: Mapping[str, JSON], runtime: Runtime = ...
    ) -> AbstractContextManager[Session]:
        """A session; nothing is connected before the first use. Raises ConfigurationError."""

    def describe(
        self, credentials: Mapping[str, JSON], settings: Mapping[str, JSON], delivery: Delivery
    ) -> dict[str, JSON]:
        """The request that `push` would make, secrets masked, without making it: for previews."""
