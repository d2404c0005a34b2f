"""The HTTP engine: what is described becomes calls, and their answers outcomes.

One engine speaks for `http_api` and for every manifest; nothing here knows who made the description.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from destinations.connectors.addresses import Guard
from destinations.connectors.base import (
    JSON,
    Accepted,
    ConfigurationError,
    Delivery,
    Field,
    Held,
    Limits,
    Outcome,
    Rate,
    Retry,
    Runtime,
    Unknown,
    Unreachable,
)
from destinations.connectors.http import answers, jobs, rate_limits, replies
from destinations.connectors.http import client as http
from destinations.connectors.http.answers import Answers, Split, sources_of
from destinations.connectors.http.auth.oauth2 import TIMEOUT, AccessTokens
from destinations.connectors.http.description import (
    NOT_MADE,
    Check,
    Description,
    source_of,
)
from destinations.connectors.http.pushing import Push
from destinations.connectors.http.replies import Reply
from destinations.connectors.http.templates import CallTemplate
from tracsync.common.messages import message

ANSWER_LIMIT: Final = 16 * 1024  # bytes for each item of a call
LONGEST_ANSWER: Final = 8 * 1024 * 1024  # bytes


class HttpSession:
    """Kept-alive connections to one destination."""

    def __init__(
        self, description: Description, runtime: Runtime, guard: Guard, client: http.HttpClient | None = None
    ) -> None:
        """`client`: another one than that which speaks to the network, for trials without it."""
        self._is = description
        size = description.batch.size if description.batch else 1
        most = http.RESPONSE_LIMIT + ANSWER_LIMIT * (size - 1)
        self._client = client or http.HttpClient(
            guard,
            description.redactor,
            timeout=description.timeout,
            proxy=description.proxy,
            verify=description.verify,
            limit=LONGEST_ANSWER if description.listing else min(most, LONGEST_ANSWER),
        )
        self._for_tokens = client or http.HttpClient(
            guard,
            description.redactor,
            timeout=min(description.timeout, TIMEOUT),
            proxy=description.proxy,
            verify=description.verify,
        )
        self._per_call = size
        self._told: Limits | None = None
        self._tokens = (
            AccessTokens(description.grant, self._for_tokens, runtime.tokens, description.redactor)
            if description.grant
            else None
        )

    def close(self) -> None:
        self._client.close()
        self._for_tokens.close()

    def check(self) -> str:
        """Ask as described, or with HEAD, and say what the answer means."""
        if self._is.check is not None:
            return self._asked(self._is.check)
        request = http.Request("HEAD", self._is.base.url, self._is.base.headers)
        try:
            reply = self._exchange(request, "check")
        except (http.NotSent, http.NoAnswer) as error:
            raise Unreachable(str(error)) from None
        return replies.meaning_for_check(reply, self._is.redactor)

    def _asked(self, check: Check) -> str:
        """What the answer to the described call says; only one that is accepted is good."""
        reply = self._answered(check.call, check.answers, {})
        said = answers.rendered(check.says, sources_of(reply))
        return said or message("answered %(status)s", status=reply.status)

    def _answered(self, call: CallTemplate, rules: Answers, more: Mapping[str, JSON]) -> Reply:
        """The good answer to a call that is about nobody, over `more` sources. Raises ConnectorError for any
        other."""
        try:
            request = call.request({**self._is.constants, **more}, None, {})
            reply = self._exchange(request, "check")
        except NOT_MADE as error:
            raise ConfigurationError(str(error)) from None
        except (http.NotSent, http.NoAnswer) as error:
            raise Unreachable(str(error)) from None
        outcome, _rule = rules.read(reply, self._is.redactor)
        if isinstance(outcome, Split):
            outcome = outcome.otherwise
        if isinstance(outcome, Accepted):
            return reply
        if isinstance(outcome, Retry | Unknown):
            raise Unreachable(outcome.reason, getattr(outcome, "after", None))
        raise ConfigurationError(outcome.reason)

    def push(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        return Push(self._is, self._exchange).outcomes(deliveries)

    def poll(self, pending: Sequence[JSON]) -> Sequence[Outcome]:
        """What became of pushes that were Pending, each by its job. Raises ConnectorError."""
        return jobs.outcomes(self._is, self._exchange, pending)

    def limits(self) -> Limits | None:
        """What a RateLimit-Policy has said last. It counts calls, which take a batch of deliveries each."""
        if self._told is None:
            return None
        rates = [Rate(rate.count * self._per_call, rate.seconds) for rate in self._told.rates]
        return Limits(self._told.concurrency, rates)

    def read(self, deliveries: Sequence[Delivery]) -> Sequence[Held]:
        """What the system holds of each. Raises ConnectorError where it cannot be asked."""
        return [self._held(delivery) for delivery in deliveries]

    def fields(self) -> Sequence[Field]:
        """The fields of the system. Raises ConnectorError."""
        listing = self._is.listing
        if listing is None:
            raise ConfigurationError(message("fields is not set up: there is no call for it"))
        rules = listing.answers or self._is.answers
        return listing.fields(lambda page: self._answered(listing.call, rules, {"page": page}))

    def _held(self, delivery: Delivery) -> Held:
        reading = self._is.reading
        if reading is None:
            raise ConfigurationError(message("read is not set up: there is no call for it"))
        sources = {**self._is.constants, "delivery": source_of(delivery)}
        try:
            reply = self._exchange(reading.call.request(sources, delivery.payload, {}), "read")
            if reply.status in replies.GONE:
                return Held()
            rules = reading.answers or self._is.answers
            outcome, _rule = rules.read(reply, self._is.redactor, delivery.payload)
            if isinstance(outcome, Split):
                outcome = outcome.otherwise
            if not isinstance(outcome, Accepted):
                return Held(problem=outcome.reason)
            if reply.json() is None:
                no_json = message("answered %(status)s, and what it says is no JSON", status=reply.status)
                return Held(problem=no_json)
            return Held(reading.at.render({**sources_of(reply), "delivery": sources["delivery"]}))
        except NOT_MADE as error:
            return Held(problem=str(error))
        except http.NotSent as error:
            raise Unreachable(str(error)) from None
        except http.NoAnswer as error:
            return Held(problem=str(error))

    def _exchange(self, request: http.Request, key: str) -> Reply:
        reply = self._signed_in(request, key)
        self._told = rate_limits.policies(reply.headers) or self._told
        return reply

    def _signed_in(self, request: http.Request, key: str) -> Reply:
        """One exchange; with an access token that is refused, a second one with another.

        Raises NotSent, NoAnswer, ConnectorError.
        """
        if self._tokens is None:
            return self._client.send(self._is.signed(request, key))
        token = self._tokens.current()
        reply = self._client.send(self._is.with_token(request, key, token))
        if reply.status == 401:
            token = self._tokens.instead_of(token)
            reply = self._client.send(self._is.with_token(request, key, token))
        return reply
