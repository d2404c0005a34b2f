"""What the HTTP engine is told of one destination: where, who is calling, what a call looks like, what its
answer means. `http_api` makes a `Description` of its settings, a manifest of its file.
"""

from __future__ import annotations

import hashlib
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from destinations.connectors.base import JSON, Delivery, Token
from destinations.connectors.http import client as http
from destinations.connectors.http import payload
from destinations.connectors.http.answers import Answers
from destinations.connectors.http.auth import aws_sigv4, azure_sas, shared_key_jwt
from destinations.connectors.http.auth.code_grant import CodeGrant
from destinations.connectors.http.auth.oauth2 import Grant
from destinations.connectors.http.auth.webhook_signature import WebhookSigner
from destinations.connectors.http.listing import Listing
from destinations.connectors.http.results import Results
from destinations.connectors.http.templates import Base, CallTemplate, UnusableError
from destinations.connectors.redaction import Redactor
from destinations.notation import NotationError, Template, at
from tracsync.common.messages import message

MOST_KEPT: Final = 20  # items of a list that is kept of what was sent
TOKEN: Final = "(access token)"  # noqa: S105 - what stands for it in a preview, where there is none


@dataclass(frozen=True, slots=True)
class Batch:
    """Several items in one call: at most `size` of them and `bytes` of body, 0 for no limit.

    `item` makes an item of a delivery (None: its payload), and `beside` an object whose keys it has, too,
    unless they are its own; the call's body has them as `items@`. Two items with the same `identity` never
    share a call, nor do two that differ in what `together` makes of them.
    """

    size: int
    bytes: int = 0
    item: Template | None = None
    beside: Template | None = None
    identity: Template | None = None
    together: Template | None = None
    results: Sequence[Results] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """A call that changes nothing, for a connection test. `says`: what a good answer says, over answer@."""

    call: CallTemplate
    answers: Answers
    says: Template | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A search for what has no remote id; `id` points into its answer. It changes nothing."""

    find: CallTemplate
    id: Template
    answers: Answers


@dataclass(frozen=True, slots=True)
class Reading:
    """How to ask what the system holds: the call, and where its answer tells it, over answer@, reply@
    and delivery@. `answers`: its rules; those of all calls if None.
    """

    call: CallTemplate
    at: Template
    answers: Answers | None = None


@dataclass(frozen=True, slots=True)
class Jobs:
    """How a push is followed whose answer names a job instead of saying what becomes of it.

    `name` points into that answer, over answer@ and reply@; `call` asks for what it makes, an object that is
    its `job@`. Of the answers to that none is an end without a rule that says so. `after`: seconds until the
    job is asked for, where no answer says how many. `results` are of a job of several items, `remote_id` of
    one of a single item.
    """

    name: Template
    call: CallTemplate
    answers: Answers
    after: float
    results: Sequence[Results] = ()
    remote_id: Template | None = None


@dataclass(frozen=True, slots=True)
class Description:
    """Everything about one destination. `constants`: what `settings@` and `credentials@` lead to.

    `upsert` is the call for what is delivered, or only for what has no remote id where there is an `update`.
    `remote_id` points into an answer, over answer@ and reply@; so does `conflict_id`, of a 409. `keep` makes
    an object of what was sent, which is kept beside the id. `steps` come before a call for what has no remote
    id, until one of them finds it; with them there is no `batch`.
    """

    base: Base
    upsert: CallTemplate
    redactor: Redactor
    update: CallTemplate | None = None
    remove: CallTemplate | None = None
    erase: CallTemplate | None = None
    check: Check | None = None
    steps: Sequence[Step] = ()
    jobs: Jobs | None = None
    reading: Reading | None = None
    listing: Listing | None = None
    batch: Batch | None = None
    answers: Answers = field(default_factory=Answers)
    remote_id: Template | None = None
    conflict_id: Template | None = None
    keep: Template | None = None
    key_header: str = "Idempotency-Key"
    grant: Grant | None = None
    signer: WebhookSigner | None = None
    aws: aws_sigv4.Credentials | None = None
    azure: azure_sas.Credentials | None = None
    jwt: shared_key_jwt.Credentials | None = None
    constants: Mapping[str, JSON] = field(default_factory=dict)
    timeout: float = 10.0
    proxy: str = ""
    verify: bool = True

    @property
    def finds_who_leaves(self) -> bool:
        """Whether the steps find a profile by what is known of it without its payload."""
        told = [text for step in self.steps for text in step.find.references("delivery")]
        return bool(self.steps) and not any(text.startswith(_OF_A_PAYLOAD) for text in told)

    @property
    def needs_remote(self) -> bool:
        """Whether only an answer to a push tells by what the profile is taken away again."""
        return refer_to_remote(self.remove, self.erase) and not self.finds_who_leaves

    @property
    def leaves_by_id(self) -> bool:
        """Whether the calls for profiles that leave are made of what the system calls them."""
        return any(names_id(call) for call in (self.remove, self.erase))

    @property
    def keeps_earlier(self) -> bool:
        """Whether earlier ids are of use: to the calls for who leaves, or to people where there are none."""
        return self.leaves_by_id or (self.remove is None and self.erase is None)

    @property
    def may_make_another(self) -> bool:
        """Whether a push may make another record of a profile whose id is known; only its answer tells."""
        return self.update is None and self.leaves_by_id and self.needs_remote

    @property
    def authorisation(self) -> CodeGrant | None:
        """How a person lets us in; None where nobody has to."""
        if self.grant is None or self.grant.grant != "authorization_code":
            return None
        return CodeGrant(self.grant, self.redactor, self.proxy, self.verify)

    def at(self, base: Base, redactor: Redactor, **more: Any) -> Description:
        """The same for one address and its secrets; `more` are other fields."""
        calls = {name: getattr(self, name) for name in ("upsert", "update", "remove", "erase")}
        moved = {name: call and call.beginning_with(base) for name, call in calls.items()}
        asking = {
            name: one and replace(one, call=one.call.beginning_with(base))
            for name in ("check", "jobs", "reading", "listing")
            for one in [getattr(self, name)]
        }
        steps = [replace(step, find=step.find.beginning_with(base)) for step in self.steps]
        return replace(self, base=base, redactor=redactor, steps=steps, **asking, **moved, **more)

    def call_of(self, delivery: Delivery) -> CallTemplate:
        """The call that a delivery begins with. Raises UnusableError where there is none."""
        if delivery.operation == "upsert":
            return self.update if self.update is not None and delivery.remote.get("id") else self.upsert
        call = self.erase if delivery.operation == "erase" else self.remove
        if call is None:
            problem = message("%(name)s is not set up: there is no call for it", name=delivery.operation)
            raise UnusableError(problem, "not_supported", "")
        return call

    def request(
        self,
        deliveries: Sequence[Delivery],
        call: CallTemplate | None = None,
        items: Sequence[JSON] | None = None,
        *,
        has_key: bool = True,
    ) -> http.Request:
        """The request of one delivery, or of several upserts, whose `items` may have been made before.

        `has_key`: not of a search, since a server that knows the key would answer it again to what follows.
        Raises what `CallTemplate.request` raises.
        """
        first = deliveries[0]
        call = call or self.call_of(first)
        more = {self.key_header: key_of(deliveries)} if self.key_header and has_key else {}
        if call.is_plain:
            return call.request({}, first.payload, more)
        sources: dict[str, Any] = {**self.constants, "delivery": source_of(first), "profile": first.profile}
        if self.batch is not None and first.operation == "upsert":
            sources["items"] = items or [self.item(delivery) for delivery in deliveries]
        with _time_of(first):
            return call.request(sources, first.payload, more)

    def item(self, delivery: Delivery) -> JSON:
        """What stands for a delivery in a call of several."""
        if self.batch is None or self.batch.item is None:
            return delivery.payload
        sources = {**self.constants, "delivery": source_of(delivery)}
        with _time_of(delivery):
            made = self.batch.item.render(sources)
            beside = self.batch.beside.render(sources) if self.batch.beside else None
        return {**beside, **made} if isinstance(beside, Mapping) else made

    def signed(self, request: http.Request, key: str, token: str = "") -> http.Request:
        """The request with who is calling, as of now: it is signed anew at each try."""
        if token:
            request = replace(request, headers={**request.headers, "Authorization": f"Bearer {token}"})
        if self.signer is not None:
            request = self.signer.signed(request, key, int(time.time()))
        if self.aws is not None:
            request = replace(request, url=http.normal_url(request.url))
            request = aws_sigv4.signed(request, self.aws, datetime.now(UTC))
        if self.azure is not None:
            request = replace(request, url=http.normal_url(request.url))
            request = azure_sas.signed(request, self.azure, int(time.time()))
        if self.jwt is not None:
            request = shared_key_jwt.signed(request, self.jwt, int(time.time()))
        return request

    def with_token(self, request: http.Request, key: str, token: Token) -> http.Request:
        """As `signed`, with an access token and where that leads. Raises ConfigurationError."""
        at = request if self.grant is None else self.grant.addressed(request, token)
        return self.signed(at, key, token.value)

    def describe(self, delivery: Delivery) -> dict[str, JSON]:
        """Keys: method, url, headers, body (text; null when there is none); or only `problem`."""
        try:
            request = self.request([delivery])
        except NOT_MADE as error:
            return {"problem": str(error)}
        token = TOKEN if self.grant is not None else ""
        return self.signed(request, key_of([delivery]), token).describe(self.redactor)


_OF_A_PAYLOAD: Final = ("delivery@payload", "delivery@...")


def refer_to_remote(*calls: CallTemplate | None) -> bool:
    """Whether any of the calls is made of what was kept of an answer."""
    told = (text for call in calls if call is not None for text in call.references("delivery"))
    return any(text.startswith("delivery@remote") for text in told)


def names_id(call: CallTemplate | None) -> bool:
    """Whether a call is made of the remote id."""
    told = () if call is None else call.references("delivery")
    return any(text.startswith(_OF_AN_ID) for text in told)


_OF_AN_ID: Final = ("delivery@remote.id", "delivery@remote...", "delivery@...")
NOT_MADE: Final = (UnusableError, payload.UnwritableError, NotationError)


def _time_of(delivery: Delivery) -> AbstractContextManager[None]:
    """What is made within has the delivery's moment as its `now`."""
    return nullcontext() if delivery.moment is None else at(delivery.moment)


def kept(made: Mapping[str, JSON], known: Mapping[str, JSON]) -> dict[str, JSON]:
    """What is known of a profile from now on. Lists go before what they had before, up to MOST_KEPT."""
    found = {**known}
    for name, value in made.items():
        if isinstance(value, list):
            before = known.get(name)
            items = [*value, *(before if isinstance(before, list) else ())]
            value = [one for at, one in enumerate(items) if one is not None and one not in items[:at]]
            value = value[:MOST_KEPT]
        found[name] = value
    return found


def source_of(delivery: Delivery) -> dict[str, JSON]:
    """What `delivery@` leads to."""
    return {
        "key": delivery.key,
        "payload": delivery.payload,
        "remote": delivery.remote,
        "version": delivery.version,
        "operation": delivery.operation,
        "idempotency_key": delivery.idempotency_key,
    }


def key_of(deliveries: Sequence[Delivery]) -> str:
    """The idempotency key of a call: the delivery's, or one for just these several."""
    if len(deliveries) == 1:
        return deliveries[0].idempotency_key
    keys = "\n".join(delivery.idempotency_key for delivery in deliveries)
    return urlsafe_b64encode(hashlib.sha256(keys.encode()).digest()).decode().rstrip("=")
