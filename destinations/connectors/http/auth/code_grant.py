"""The code grant of OAuth 2: a person authorises in the browser (RFC 6749, 4.1; PKCE: RFC 7636)."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from destinations.connectors.addresses import Guard
from destinations.connectors.base import Runtime, Token
from destinations.connectors.http import client as http
from destinations.connectors.http.auth import oauth2
from destinations.connectors.redaction import Redactor


@dataclass(frozen=True, slots=True)
class CodeGrant:
    """`destinations.connectors.base.Authorisation` of what has a `Grant`."""

    grant: oauth2.Grant
    redactor: Redactor
    proxy: str = ""
    verify: bool = True

    @property
    def host(self) -> str:
        return urlsplit(self.grant.authorize_url).hostname or ""

    def url(self, redirect_uri: str, state: str, verifier: str) -> str:
        parts = urlsplit(http.normal_url(self.grant.authorize_url))
        challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        asked = {
            **dict(parse_qsl(parts.query, keep_blank_values=True)),
            "scope": self.grant.scope,
            "audience": self.grant.audience,
            **self.grant.authorize_params,
            "response_type": "code",
            "client_id": self.grant.client_id,
            "redirect_uri": redirect_uri,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        query = urlencode({name: value for name, value in asked.items() if value})
        return urlunsplit(parts._replace(query=query))

    def token(self, code: str, redirect_uri: str, verifier: str, runtime: Runtime) -> Token:
        for secret in (code, verifier):
            self.redactor.add(secret)
        client = http.HttpClient(
            Guard(runtime.allowed_internal),
            self.redactor,
            timeout=oauth2.TIMEOUT,
            proxy=self.proxy,
            verify=self.verify,
        )
        with closing(client):
            request = self.grant.exchange(code, redirect_uri, verifier)
            return oauth2.asked(request, self.grant, client, self.redactor)
