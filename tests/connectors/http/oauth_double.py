"""A service with OAuth 2, as the standards have it, on loopback: authorise, token and API addresses.

Errors are those of RFC 6749 (4.1.2.1, 5.2) with their statuses and headers, PKCE is that of RFC 7636, bearer
errors those of RFC 6750. Refresh tokens count once; one that is used again ends all that came of it, as
RFC 9700 (4.14.2) asks for. `grace` lets the one before count again, as some services do.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote_plus, urlencode, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
CLIENT = ("me", "s3cret-of-the-client")


@dataclass
class Family:
    """What came of one consent."""

    refresh: str = ""
    before: str = ""  # the refresh token that the current one replaced
    access: set[str] = field(default_factory=set)
    revoked: bool = False


@dataclass
class Double:
    redirect_uris: set[str] = field(default_factory=set)
    public_key: Any = None  # of the assertions that it takes
    rotates: bool = True
    grace: bool = False
    gives_refresh: bool = True
    expires_in: int = 3600
    scope: str = "contacts.write"
    extras: dict[str, str] = field(default_factory=dict)
    down: int = 0  # the status that the token address answers, when it does not work
    before_answering: Callable[[], object] = lambda: None  # of the token address
    asked: list[dict[str, str]] = field(default_factory=list)  # of the token address, in order
    called: list[str] = field(default_factory=list)  # the tokens that the API was called with
    families: list[Family] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    url: str = ""

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"double": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def oauth2(self, **more: Any) -> dict[str, Any]:
        """Credentials for it."""
        return {
            "token_url": f"{self.url}/token",
            "authorize_url": f"{self.url}/authorize",
            "client_id": CLIENT[0],
            "client_secret": CLIENT[1],
            **more,
        }

    def consent(self) -> Family:
        """As if a person had agreed before: a family with its first refresh token."""
        family = Family(refresh=f"r-{secrets.token_hex(8)}")
        self.families.append(family)
        return family

    def revoke_access(self) -> None:
        """Access tokens end before their time, as after a restart of the service."""
        for family in self.families:
            family.access.clear()

    # What the addresses answer: status, headers and body.

    def authorize(self, asked: dict[str, str], agrees: bool = True) -> tuple[int, dict[str, str], Any]:
        if asked.get("client_id") != CLIENT[0] or asked.get("redirect_uri") not in self.redirect_uris:
            return 400, {}, "unknown client or redirect URI"  # never a redirect (RFC 6749, 4.1.2.1)
        answer = {"state": asked.get("state", "")}
        if asked.get("response_type") != "code":
            answer["error"] = "unsupported_response_type"
        elif asked.get("code_challenge_method") != "S256" or not asked.get("code_challenge"):
            answer |= {"error": "invalid_request", "error_description": "code challenge required"}
        elif not agrees:
            answer |= {"error": "access_denied", "error_description": "The user said no"}
        else:
            answer["code"] = f"c-{secrets.token_hex(8)}"
            self.codes[answer["code"]] = asked
        return 302, {"Location": f"{asked['redirect_uri']}?{urlencode(answer)}"}, ""

    def token(self, asked: dict[str, str], authorization: str) -> tuple[int, dict[str, str], Any]:
        with self._lock:
            self.asked.append(asked)
            if self.down:
                return self.down, {"Retry-After": "7"}, {"error": "temporarily_unavailable"}
            if asked.get("grant_type") == JWT_BEARER:
                return self._by_assertion(asked.get("assertion", ""))
            if self._client(asked, authorization) != CLIENT:
                basic = {"WWW-Authenticate": 'Basic realm="double"'} if authorization else {}
                return 401, basic, {"error": "invalid_client"}
            by = {
                "authorization_code": self._by_code,
                "refresh_token": self._by_refresh_token,
                "client_credentials": lambda _: self._given(Family()),
            }.get(asked.get("grant_type", ""))
            return by(asked) if by else _refused("unsupported_grant_type")

    @staticmethod
    def _client(asked: dict[str, str], authorization: str) -> tuple[str, ...]:
        if authorization.startswith("Basic "):
            pair = base64.b64decode(authorization.removeprefix("Basic ")).decode()
            return tuple(map(unquote_plus, pair.split(":", 1)))
        return asked.get("client_id", ""), asked.get("client_secret", "")

    def _by_code(self, asked: dict[str, str]) -> tuple[int, dict[str, str], Any]:
        begun = self.codes.pop(asked.get("code", ""), None)
        if begun is None or begun["redirect_uri"] != asked.get("redirect_uri"):
            return _refused("invalid_grant", "unknown code")
        digest = hashlib.sha256(asked.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != begun["code_challenge"]:
            return _refused("invalid_grant", "code verifier does not match")
        return self._given(self.consent())

    def _by_refresh_token(self, asked: dict[str, str]) -> tuple[int, dict[str, str], Any]:
        given = asked.get("refresh_token", "")
        family = next((one for one in self.families if given in (one.refresh, one.before) and given), None)
        if family is None or family.revoked:
            return _refused("invalid_grant", "unknown refresh token")
        if given == family.before and not self.grace:
            family.revoked = True
            family.access.clear()
            return _refused("invalid_grant", "used before")
        if self.rotates:
            family.before, family.refresh = given, f"r-{secrets.token_hex(8)}"
        return self._given(family)

    def _by_assertion(self, assertion: str) -> tuple[int, dict[str, str], Any]:
        signed, _dot, signature = assertion.rpartition(".")
        header, claims = (json.loads(_decoded(part)) for part in signed.split("."))
        try:
            self.public_key.verify(_decoded(signature), signed.encode(), PKCS1v15(), SHA256())
        except InvalidSignature:
            return _refused("invalid_grant", "Invalid JWT Signature.")
        now = time.time()
        fresh = claims["iat"] <= now + 5 and now < claims["exp"] <= claims["iat"] + 180
        if header["alg"] != "RS256" or claims["aud"] != f"{self.url}/token" or not fresh:
            return _refused("invalid_grant", "Invalid JWT")
        return self._given(Family())

    def _given(self, family: Family) -> tuple[int, dict[str, str], Any]:
        access = f"a-{secrets.token_hex(8)}"
        family.access.add(access)
        if family not in self.families:
            self.families.append(family)
        said = {"access_token": access, "token_type": "Bearer", "expires_in": self.expires_in, **self.extras}
        if family.refresh and self.gives_refresh:
            said["refresh_token"] = family.refresh
        return 200, {}, {**said, "scope": self.scope}

    def call(self, authorization: str) -> tuple[int, dict[str, str], Any]:
        token = authorization.removeprefix("Bearer ")
        self.called.append(token)
        if not any(token in family.access for family in self.families):
            challenge = 'Bearer error="invalid_token", error_description="The access token expired"'
            return 401, {"WWW-Authenticate": challenge}, {"error": "invalid_token"}
        return 200, {}, {"ok": True}


def _refused(word: str, description: str = "") -> tuple[int, dict[str, str], Any]:
    said = {"error": word, **({"error_description": description} if description else {})}
    return 400, {}, said


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    double: Double

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        place = urlsplit(self.path)
        authorization = self.headers.get("Authorization", "")
        if place.path == "/authorize":
            asked = {name: values[0] for name, values in parse_qs(place.query).items()}
            answer = self.double.authorize(asked, agrees="no" not in asked)
        elif place.path == "/token":
            self.double.before_answering()
            answer = self.double.token(dict(parse_qsl(body)), authorization)
        else:
            answer = self.double.call(authorization)
        status, headers, said = answer
        content = (said if isinstance(said, str) else json.dumps(said)).encode()
        self.send_response(status)
        usual = {"Content-Type": "application/json", "Cache-Control": "no-store", "Pragma": "no-cache"}
        for name, value in {**usual, **headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_POST = do_HEAD = _answer

    def log_message(self, *args: object) -> None:
        pass
