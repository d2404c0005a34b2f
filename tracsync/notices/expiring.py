"""Tokens and certificates that end soon, and that nothing renews by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from django.utils.translation import gettext as _

from destinations.models import AccessToken, Resource
from destinations.sync.tokens import store
from tracsync.common import times
from tracsync.common.encryption import UndecryptableValue
from tracsync.models import ApiToken, Event
from tracsync.notices.findings import Finding

SOON = timedelta(days=14)
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----[^-]{1,20000}-----END CERTIFICATE-----")
MOST_TEXT = 200_000  # characters of a credential that are looked through


def expiring(now: datetime) -> Iterator[Finding]:
    """What ends within two weeks and has not ended yet."""
    soon = {"expires_at__gt": now, "expires_at__lte": now + SOON}
    for token in ApiToken.objects.filter(**soon):
        assert token.expires_at is not None
        yield _finding("api_token", token, token.name, token.expires_at, now)
    for kept in AccessToken.objects.filter(**soon, problem="").select_related("resource"):
        if not _renews(kept):
            assert kept.expires_at is not None
            yield _finding("access_token", kept.resource, kept.resource.name, kept.expires_at, now)
    for resource, ends_at in _certificates(now):
        if ends_at <= now + SOON:
            yield _finding("certificate", resource, resource.name, ends_at, now)


def _finding(what: str, row: Any, name: str, ends_at: datetime, now: datetime) -> Finding:
    def sentence() -> str:
        texts = {
            "api_token": _("The API token %(name)s ends at %(time)s: rotate it before."),
            "access_token": _(
                "The access token of the resource %(name)s ends at %(time)s, and nothing renews it:"
                " authorise it again before."
            ),
            "certificate": _(
                "A certificate among the credentials of the resource %(name)s ends at %(time)s: enter a new"
                " one before."
            ),
        }
        return texts[what] % {"name": name, "time": times.told(ends_at, now)}

    key = f"expiring:{what}:{row.pk}:{ends_at.isoformat()}"
    about = {"what": what, "pk": row.pk, "name": name}
    return Finding(key, Event.EXPIRING, now, sentence, about=about)


def _renews(kept: AccessToken) -> bool:
    """By a refresh token; one that a client asks for anew each time was given by nobody."""
    if kept.authorised_at is None:
        return True
    try:
        return bool(store.unpacked(kept).refresh)
    except UndecryptableValue:
        return True  # its destination says so


def _certificates(now: datetime) -> Iterator[tuple[Resource, datetime]]:
    """Of each resource that is on, the one among its production credentials that ends next."""
    for pk in Resource.objects.filter(enabled=True).values_list("pk", flat=True):
        try:
            resource = Resource.objects.get(pk=pk)
        except (Resource.DoesNotExist, UndecryptableValue):
            continue
        ends = [end for text in _texts(resource.production) for end in _ends(text) if end > now]
        if ends:
            yield resource, min(ends)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value[:MOST_TEXT]
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)


def _ends(text: str) -> Iterator[datetime]:
    for pem in _CERTIFICATE.findall(text.replace("\\n", "\n")):
        try:
            yield x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc
        except (ValueError, x509.InvalidVersion):  # what it is used for says that it is none
            continue
