"""The access token of a resource in the database, which one worker renews for all.

Whoever renews has a lease instead of a lock: no transaction waits for another system, and where its holder is
killed the next one takes over when the lease ends. A lease is known by its end, which is later than that of
any before: whoever comes too late with an answer stores nothing any more.

Many services take a refresh token only once. The one that came with an answer is stored before the access
token is used. What can be lost is an answer that was on its way when the process, the network or the database
failed: `asked_at` remembers that, the next renewal asks with the token before, and where the service does not
take it any more the destination says why a person has to sign in again.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from destinations.connectors import registry
from destinations.connectors.base import ConfigurationError, MemoryTokenStore, SignInAgain, Token, Unreachable
from destinations.connectors.capabilities import token_basis
from destinations.models import AccessToken, Resource
from destinations.sync import database
from tracsync.common.encryption import UndecryptableValue
from tracsync.common.messages import message


class StoredTokens:
    """What the sessions of a resource's production or test credentials share."""

    RENEWAL = timedelta(seconds=30)  # longer than a request for a token may take
    LOOK_EVERY = 0.1  # seconds

    def __init__(self, resource: Resource, use_test: bool) -> None:
        self._resource, self._use_test = resource, use_test

    def get(self) -> Token | None:
        kept = self._token(self._rows.filter(expires_at__gt=timezone.now()))
        return kept if kept and kept.value else None

    def refresh_token(self) -> str:
        kept = self._token(self._rows)
        return kept.refresh if kept else ""

    def renew(self, stale: Token | None, fetch: Callable[[], Token]) -> Token:
        """Whoever comes second waits, and finds the new token there. Raises what `fetch` raises."""
        while (renewed := self._other_than(stale)) is None:
            if (lease := self._take_lease()) is not None:
                return self._renewed(stale, fetch, lease)
            time.sleep(self.LOOK_EVERY)
        return renewed

    def put(self, token: Token, by: str) -> None:
        """Keep what a person was given. A renewal that is under way stores nothing any more."""
        now = timezone.now()
        values = {"authorised_at": now, "authorised_by": by, **self._values(token, now)}
        AccessToken.objects.update_or_create(
            resource=self._resource, use_test=self._use_test, defaults=values
        )

    @property
    def _rows(self) -> QuerySet[AccessToken]:
        return AccessToken.objects.filter(resource=self._resource, use_test=self._use_test)

    @cached_property
    def _basis(self) -> str:
        return basis(self._resource, self._use_test)

    def _token(self, rows: QuerySet[AccessToken]) -> Token | None:
        """The token kept for these credentials; None also for one that no key opens any more."""
        try:
            row = rows.first()
        except UndecryptableValue:
            return None
        return None if row is None or is_for_others(row, self._basis) else unpacked(row)

    def _other_than(self, stale: Token | None) -> Token | None:
        current = self.get()
        is_new = current is not None and (stale is None or current.value != stale.value)
        return current if is_new else None

    def _take_lease(self) -> datetime | None:
        AccessToken.objects.get_or_create(resource=self._resource, use_test=self._use_test)
        now = timezone.now()
        free = Q(renewing_until=None) | Q(renewing_until__lte=now)
        until = now + self.RENEWAL
        return until if self._rows.filter(free).update(renewing_until=until) else None

    def _renewed(self, stale: Token | None, fetch: Callable[[], Token], lease: datetime) -> Token:
        mine = self._rows.filter(renewing_until=lease)
        asked_before = mine.values_list("asked_at", flat=True).first()
        try:
            renewed = self._other_than(stale)  # by whoever had the lease right before
            if renewed is None:
                mine.update(asked_at=asked_before or timezone.now())
                renewed = database.patiently(partial(self._store, fetch(), lease))
        except SignInAgain as error:
            reason = _with_doubt(error) if asked_before else str(error)
            mine.update(problem=reason, problem_at=timezone.now(), asked_at=asked_before)
            raise SignInAgain(reason) from None
        except (ConfigurationError, Unreachable) as error:
            if not getattr(error, "sent", False):
                mine.update(asked_at=asked_before)
            raise
        finally:
            mine.update(renewing_until=None)
        return renewed

    @transaction.atomic
    def _store(self, token: Token, lease: datetime) -> Token:
        """The token as it is kept; unless the credentials are others by now: whoever uses those asks anew."""
        current = Resource.objects.select_for_update(no_key=True).get(pk=self._resource.pk)
        if basis(current, self._use_test) != self._basis:
            return token
        if (before := self._token(self._rows)) is not None:  # what an answer leaves out is as it was
            extras = {**before.extras, **token.extras}
            token = dataclasses.replace(token, scope=token.scope or before.scope, extras=extras)
        self._rows.filter(renewing_until=lease).update(**self._values(token, timezone.now()))
        return token

    def _values(self, token: Token, now: datetime) -> dict[str, Any]:
        packed = dataclasses.asdict(token)
        del packed["expires_at"]
        return {
            "value": {**packed, "of": self._basis},
            "expires_at": datetime.fromtimestamp(token.expires_at, UTC),
            "renewed_at": now,
            **{"renewing_until": None, "asked_at": None, "problem": "", "problem_at": None},
        }


class TrialTokens(MemoryTokenStore):
    """The tokens of a trial. A refresh token is shared with all: it may count only once."""

    def __init__(self, shared: StoredTokens) -> None:
        super().__init__()
        self._shared = shared

    def refresh_token(self) -> str:
        return self._shared.refresh_token()

    def renew(self, stale: Token | None, fetch: Callable[[], Token]) -> Token:
        return super().renew(stale, lambda: self._fetched(fetch))

    def _fetched(self, fetch: Callable[[], Token]) -> Token:
        if self._shared.refresh_token():
            return self._shared.renew(self._shared.get(), fetch)
        try:
            fetched = fetch()
        except SignInAgain:
            given = self._shared.get()  # by a person, and all there is
            if given is None:
                raise
            return given
        return self._shared.renew(self._shared.get(), lambda: fetched) if fetched.refresh else fetched


def basis(resource: Resource, use_test: bool) -> str:
    """What tokens are kept for: another text when others have to be asked for."""
    connector, credentials = registry.find(resource.type_id), resource.credentials(use_test)
    depends_on = token_basis(connector, credentials) if connector else credentials
    return hashlib.sha256(json.dumps(depends_on, sort_keys=True).encode()).hexdigest()


def forget_others(resource: Resource) -> None:
    """Delete the tokens that were given for other credentials than the resource has now."""
    for row in resource.accesstoken_set.defer("value"):
        try:
            is_mine = "of" in _parts(row) and not is_for_others(row, basis(resource, row.use_test))
        except UndecryptableValue:
            is_mine = False
        if not is_mine:
            row.delete()


def is_for_others(row: AccessToken, own: str) -> bool:
    """Raises UndecryptableValue. What does not say whose it is was deleted with other credentials, always."""
    return _parts(row).get("of", own) != own


def unpacked(row: AccessToken) -> Token:
    parts = _parts(row)
    expires_at = row.expires_at.timestamp() if row.expires_at else 0.0
    return Token(
        parts.get("value", ""),
        expires_at,
        parts.get("refresh", ""),
        parts.get("scope", ""),
        parts.get("extras", {}),
    )


def _parts(row: AccessToken) -> dict[str, Any]:
    """What is kept; a text is a token as releases before wrote it."""
    return row.value if isinstance(row.value, dict) else {"value": row.value or ""}


def _with_doubt(error: SignInAgain) -> str:
    return message(
        "%(problem)s. A renewal before was cut off before its answer was kept, and the service may take each"
        " refresh token only once",
        problem=str(error),
    )
