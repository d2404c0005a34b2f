"""Letting tracsync in at a service: a person goes there, agrees, and comes back with a code.

Who comes back has to be who went: a `state` that nobody can guess counts once, for a few minutes, for the
user and the resource that it was made for. Whether the browser is the same is checked by the caller
(`Started.keep`).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from destinations.connectors.base import ConfigurationError, ConnectorError, Runtime, Token
from destinations.connectors.redaction import cut
from destinations.models import AuthorisationRequest, Resource
from destinations.sync import health
from destinations.sync.tokens import state as token_state
from destinations.sync.tokens.store import StoredTokens, basis
from tracsync.common import trail
from tracsync.common.messages import message
from tracsync.common.trail import Action

LIFE = timedelta(minutes=10)
LONGEST_CODE = 4000  # characters
UNKNOWN = message(
    "Nothing was authorised: this answer belongs to nothing that you began here. Press Authorise."
)


class NotAuthorised(Exception):
    """Why nothing came of it, in a sentence for the person. `resource`: where it is known."""

    def __init__(self, text: str, resource: Resource | None = None) -> None:
        super().__init__(text)
        self.resource = resource


@dataclass(frozen=True, slots=True)
class Started:
    """`url`: where the browser goes next. `keep`: what it has to have in its session when it comes back."""

    url: str
    host: str
    keep: str


def begin(resource: Resource, use_test: bool, user: Any, redirect_uri: str) -> Started:
    """Raises ConnectorError where there is nothing to be authorised, or the credentials cannot be used."""
    way = token_state.way(resource, use_test)
    if way is None:
        raise ConfigurationError(message("nobody has to authorise these credentials"))
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    url = way.url(redirect_uri, state, verifier)
    kept: Any = {"verifier": verifier, "redirect_uri": redirect_uri, "of": basis(resource, use_test)}
    AuthorisationRequest.objects.create(
        state=hash_of(state),
        user=str(user.pk),
        resource=resource,
        use_test=use_test,
        secrets=kept,
        expires_at=timezone.now() + LIFE,
    )
    return Started(url, way.host, hash_of(state))


def hash_of(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()


def take(state: str, user: Any) -> AuthorisationRequest:
    """The request that a state was made for; it counts no more from now on. Raises NotAuthorised."""
    rows = AuthorisationRequest.objects.filter(state=hash_of(state), user=str(user.pk))
    found = rows.select_related("resource__type").first()
    if found is None:
        raise NotAuthorised(UNKNOWN)
    now = timezone.now()
    if not rows.filter(used_at=None).update(used_at=now):
        again = message("Nothing more was done: this answer was used before, as when a page is loaded again.")
        raise NotAuthorised(again, found.resource)
    if found.expires_at <= now:
        late = message(
            "Nothing was authorised: more than %(number)s minutes have passed. Press Authorise again.",
            number=LIFE.seconds // 60,
        )
        raise NotAuthorised(late, found.resource)
    return found


def finish(request: AuthorisationRequest, answer: Mapping[str, str], by: str) -> Token:
    """Exchange the code of an answer (RFC 6749, 4.1.2) for tokens, keep them, and let what waits go.

    Raises NotAuthorised.
    """
    resource, use_test, kept = request.resource, request.use_test, request.secrets
    try:
        way = token_state.way(resource, use_test)
        if way is None or kept["of"] != basis(resource, use_test):
            changed = message("Nothing was authorised: the credentials were changed meanwhile. Begin again.")
            raise NotAuthorised(changed, resource)
        if answer.get("error"):
            raise NotAuthorised(_refused(way.host, answer), resource)
        code = answer.get("code", "")
        if not 0 < len(code) <= LONGEST_CODE:
            without = message("Nothing was authorised: %(host)s sent no code along.", host=way.host)
            raise NotAuthorised(without, resource)
        runtime = Runtime(allowed_internal=settings.TRACSYNC_ALLOWED_INTERNAL_NETWORKS)
        token = way.token(code, kept["redirect_uri"], kept["verifier"], runtime)
    except ConnectorError as error:
        failed = message("Nothing was authorised: %(reason)s. Begin again.", reason=str(error))
        raise NotAuthorised(failed, resource) from None
    with transaction.atomic():
        StoredTokens(resource, use_test).put(token, by)
        trail.note(
            Action.AUTHORISED, resource, changes={"credentials": [None, "test" if use_test else "production"]}
        )
        for destination in resource.destinations.filter(use_test_credentials=use_test).only("pk"):
            health.let_in(destination)
    return token


def _refused(host: str, answer: Mapping[str, str]) -> str:
    """What it says comes through the browser: it is shown as a text, and short."""
    told = ": ".join(filter(None, (answer["error"], answer.get("error_description", ""))))
    shown = cut(" ".join("".join(one if one.isprintable() else " " for one in told[:300]).split()))
    if answer["error"] == "access_denied":
        refused = message("Nothing was authorised: at %(host)s it was not agreed to (%(reason)s).")
    else:
        refused = message("Nothing was authorised: %(host)s refused (%(reason)s).")
    return refused.with_values(host=host, reason=shown)
