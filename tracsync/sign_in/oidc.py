"""Asking an issuer (OpenID Connect) who somebody is: the code flow with state, nonce and PKCE, by Authlib.

Only what an ID token says is believed, signed by a key of the issuer, for us, now, and for what this browser
began. Nothing of it is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from authlib.integrations.django_client import DjangoOAuth2App

NAME = "tracsync"
SECONDS = 10  # for each call to the issuer
KNOWN_SECONDS = 300  # what it says of itself
# Signed with a key that only the issuer has.
ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
)
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")

Claims = dict[str, Any]


class IssuerFailed(Exception):
    """The issuer cannot be asked, refuses, or answers what cannot be believed: a code for the log."""


def is_on() -> bool:
    return bool(settings.TRACSYNC_OIDC_ISSUER)


def begin(request: HttpRequest, back: str) -> HttpResponse:
    """To the issuer, which leads back. Raises IssuerFailed."""
    return _asked(lambda: _client().authorize_redirect(request, back))


def finish(request: HttpRequest) -> Claims:
    """What the issuer says of who has come back from it. Raises IssuerFailed."""
    return _asked(lambda: _claims(request))


def _claims(request: HttpRequest) -> Claims:
    client = _client()
    issuer, audience = settings.TRACSYNC_OIDC_ISSUER, settings.TRACSYNC_OIDC_CLIENT_ID
    wanted = {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": audience}}
    token = client.authorize_access_token(request, claims_options=wanted)
    claims: Claims | None = token.get("userinfo")
    if not claims or not claims.get("sub"):
        raise IssuerFailed("no ID token")
    if "email" not in claims and "userinfo_endpoint" in client.server_metadata:
        more = client.userinfo(token=token)
        if more.get("sub") != claims["sub"]:
            raise IssuerFailed("userinfo of somebody else")
        claims = {**more, **claims}
    return dict(claims)


def _asked(call: Any) -> Any:
    """Raises IssuerFailed, with the kind of what failed and nothing that was answered."""
    from authlib.common.errors import AuthlibBaseError
    from joserfc.errors import JoseError
    from requests import RequestException

    try:
        return call()
    except (AuthlibBaseError, JoseError, RequestException, ValueError, KeyError, TypeError) as error:
        code = getattr(error, "error", "") or type(error).__name__
        raise IssuerFailed(str(code)) from None


def _client() -> DjangoOAuth2App:
    from authlib.integrations.django_client import DjangoIntegration, DjangoOAuth2App

    metadata = _metadata()
    ways = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    basic = "client_secret_basic" in ways or "client_secret_post" not in ways
    return DjangoOAuth2App(
        DjangoIntegration(NAME),
        name=NAME,
        client_id=settings.TRACSYNC_OIDC_CLIENT_ID,
        client_secret=settings.TRACSYNC_OIDC_CLIENT_SECRET,
        client_kwargs={
            "scope": settings.TRACSYNC_OIDC_SCOPES,
            "code_challenge_method": "S256",
            "default_timeout": SECONDS,
            "token_endpoint_auth_method": "client_secret_basic" if basic else "client_secret_post",
        },
        **metadata,
    )


def _metadata() -> dict[str, Any]:
    """What the issuer says of itself. Raises IssuerFailed."""
    import requests

    issuer: str = settings.TRACSYNC_OIDC_ISSUER
    key = f"tracsync.oidc.{issuer}"
    known: dict[str, Any] | None = cache.get(key)
    if known is None:
        answer = requests.get(f"{issuer.rstrip('/')}/.well-known/openid-configuration", timeout=SECONDS)
        answer.raise_for_status()
        known = _checked(answer.json(), issuer)
        cache.set(key, known, KNOWN_SECONDS)
    return dict(known)


def _checked(metadata: dict[str, Any], issuer: str) -> dict[str, Any]:
    if metadata.get("issuer") != issuer:
        raise IssuerFailed("the issuer calls itself otherwise")
    scheme = urlsplit(issuer).scheme
    places = [metadata[name] for name in ENDPOINTS]
    places += [metadata["userinfo_endpoint"]] if "userinfo_endpoint" in metadata else []
    if any(urlsplit(place).scheme not in ("https", scheme) for place in places):
        raise IssuerFailed("an address of the issuer is not encrypted")
    named = metadata.get("id_token_signing_alg_values_supported", ["RS256"])
    metadata["id_token_signing_alg_values_supported"] = [one for one in named if one in ALGORITHMS] or [
        "RS256"
    ]
    return metadata
