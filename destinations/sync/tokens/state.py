"""What is known of a resource's access token, without the token: for people, and for the API."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.utils import timezone

from destinations.connectors import registry
from destinations.connectors.base import Authorisation, ConnectorError
from destinations.connectors.capabilities import authorisation
from destinations.models import AccessToken, Resource
from destinations.sync.tokens import store
from tracsync.common.encryption import UndecryptableValue
from tracsync.common.messages import message


class State(StrEnum):
    NOT_NEEDED = "not_needed"  # nobody has to authorise anything, and no token is kept
    MISSING = "missing"  # a person has to authorise it first
    GIVEN = "given"  # there is a token, or one that the next is asked for with
    ENDED = "ended"  # only a person can go on


NOT_AUTHORISED = message("nobody has authorised it yet")
OVER = message("the access token has ended, and the service gave no refresh token: authorise it again")


@dataclass(frozen=True, slots=True)
class TokenState:
    """`expires_at` is the access token's; `renews`: whether there is a refresh token to renew it with.

    `asks`: whether a person authorises it, in the browser. `since` and `by`: when and by whom that was done.
    `reason`: why it is MISSING or ENDED, and since when (`ended_at`).
    """

    state: State
    asks: bool = False
    since: datetime | None = None
    by: str = ""
    renewed_at: datetime | None = None
    expires_at: datetime | None = None
    renews: bool = False
    scope: str = ""
    reason: str = ""
    ended_at: datetime | None = None

    @property
    def needs_person(self) -> bool:
        return self.state in (State.MISSING, State.ENDED)


def way(resource: Resource, use_test: bool) -> Authorisation | None:
    """How a person authorises it; None where nobody has to. Raises ConnectorError."""
    credentials = resource.credentials(use_test)
    return authorisation(registry.get(resource.type_id), credentials) if credentials else None


def read(resource: Resource, use_test: bool) -> TokenState:
    """Of credentials that cannot be used nothing is said here: forms and pushes say what is wrong."""
    try:
        asks = way(resource, use_test) is not None
    except ConnectorError:
        return TokenState(State.NOT_NEEDED)
    nothing = TokenState(State.MISSING, True, reason=NOT_AUTHORISED) if asks else TokenState(State.NOT_NEEDED)
    try:
        row = AccessToken.objects.filter(resource=resource, use_test=use_test).first()
        if row is None or store.is_for_others(row, store.basis(resource, use_test)):
            return nothing
        return _kept(row, asks) if row.value else _never_given(row, nothing)
    except UndecryptableValue as error:
        return TokenState(State.ENDED, asks, reason=str(error)) if asks else nothing


def _never_given(row: AccessToken, nothing: TokenState) -> TokenState:
    """A row that only a renewal has made; its refresh token may have been refused at once."""
    if nothing.asks or not row.problem:
        return nothing
    return TokenState(State.ENDED, reason=row.problem, ended_at=row.problem_at)


def _kept(row: AccessToken, asks: bool) -> TokenState:
    token = store.unpacked(row)
    reason, ended_at = row.problem, row.problem_at
    if asks and not reason and not token.refresh and row.expires_at and row.expires_at <= timezone.now():
        reason, ended_at = OVER, row.expires_at
    return TokenState(
        State.ENDED if reason else State.GIVEN,
        asks,
        row.authorised_at,
        row.authorised_by,
        row.renewed_at,
        row.expires_at,
        bool(token.refresh),
        token.scope,
        reason,
        ended_at,
    )
