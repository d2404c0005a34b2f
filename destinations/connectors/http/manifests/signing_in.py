"""`auth` of a manifest: how its calls show who is calling."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from destinations.connectors import schemas
from destinations.connectors.base import JSON, ConfigurationError
from destinations.connectors.http.auth import aws_sigv4, azure_sas, shared_key_jwt, webhook_signature
from destinations.connectors.http.auth.credentials_schema import CREDENTIALS
from destinations.connectors.http.auth.oauth2 import Grant
from destinations.connectors.http.auth.webhook_signature import WebhookSigner
from destinations.connectors.http.connector import grant_of
from destinations.connectors.http.manifests.reading import Manifest
from destinations.connectors.http.wire.request_headers import check_header, checked_headers
from destinations.connectors.redaction import basic
from destinations.notation import Template
from tracsync.common.messages import message

_SOURCES: Final = ("credentials",)
_KEYS: Final[Mapping[str, Sequence[str]]] = {
    "none": (),
    "basic": ("username", "password"),
    "bearer": ("token", "proof", "proof_key"),
    "header": ("name", "value"),
    "query": ("name", "value"),
    "oauth2": (
        *("token_url", "client_id", "client_secret", "scope", "audience", "client_auth", "grant"),
        *("refresh_token", "authorize_url", "authorize_params", "private_key", "key_id", "subject"),
        "address_field",
    ),
    "signature": ("scheme", "header", "secrets", "signed", "digest", "prefix", "timestamp_header"),
    "azure": ("key_name", "key", "resource"),
    "jwt": ("key", "encoding", "key_id", "issuer", "subject", "audience", "prefix"),
    "aws": ("access_key", "secret_key", "session_token", "region", "service"),
}
_FORM: Final = ("signed", "digest", "prefix", "timestamp_header")  # of a signature: texts of their own


@dataclass(frozen=True, slots=True)
class SignIn:
    """What one resource's credentials add to its calls. `secrets` are made of them and are not among them."""

    headers: Mapping[str, str] = field(default_factory=dict)
    query: Sequence[tuple[str, str]] = ()
    grant: Grant | None = None
    signer: WebhookSigner | None = None
    aws: aws_sigv4.Credentials | None = None
    azure: azure_sas.Credentials | None = None
    jwt: shared_key_jwt.Credentials | None = None
    secrets: Sequence[str] = ()


class Auth:
    """Templates over `credentials@`, read once."""

    def __init__(self, manifest: Manifest) -> None:
        given: Mapping[str, Any] = manifest.content.get("auth") or {"type": "none"}
        self.kind: str = given["type"]
        for name in given:
            if name not in ("type", "$comment", *_KEYS[self.kind]):
                stray = message("%(name)s is nothing for %(kind)s; it takes: %(names)s")
                names = ", ".join(_KEYS[self.kind]) or message("none")
                raise manifest.problem(
                    stray.with_values(name=name, kind=self.kind, names=names), "auth", name
                )
        self._parts: dict[str, Template] = {}
        fixed = _FORM if self.kind == "signature" else ()
        self._fixed = {name: str(given[name]) for name in fixed if name in given}
        for name in _KEYS[self.kind]:
            if name in given and name not in self._fixed:
                self._parts[name] = manifest.template(given[name], _SOURCES, "auth", name)
        if self.kind == "signature":
            with manifest.at("auth"):
                webhook_signature.checked_form(given["scheme"], given.get("header", ""), self._fixed)
        self.header_name = str(given.get("name" if self.kind == "header" else "header") or "")
        if self.header_name:
            with manifest.at("auth", "name" if self.kind == "header" else "header"):
                check_header(self.header_name, "")

    def sign_in(self, credentials: Mapping[str, JSON]) -> SignIn:
        """Raises ConfigurationError where something is missing or cannot be sent."""
        values = {name: made.render({"credentials": credentials}) for name, made in self._parts.items()}
        told = {name: value for name, value in values.items() if value is not None}
        return _SIGN_INS[self.kind]({**told, **self._fixed})


def _basic(values: Mapping[str, Any]) -> SignIn:
    pair = basic(str(values.get("username", "")), str(values.get("password", "")))
    return SignIn({"Authorization": f"Basic {pair}"}, secrets=[pair])


def _bearer(values: Mapping[str, Any]) -> SignIn:
    token = _needed(values, "token").strip()
    headers = checked_headers({"Authorization": f"Bearer {token}"})
    if not values.get("proof_key"):
        return SignIn(headers)
    proof = hmac.new(str(values["proof_key"]).strip().encode(), token.encode(), "sha256").hexdigest()
    return SignIn(headers, [(_needed(values, "proof"), proof)], secrets=[proof])


def _header(values: Mapping[str, Any]) -> SignIn:
    return SignIn(checked_headers({_needed(values, "name"): _needed(values, "value").strip()}))


def _query(values: Mapping[str, Any]) -> SignIn:
    return SignIn(query=[(_needed(values, "name"), _needed(values, "value"))])


def _oauth2(values: Mapping[str, Any]) -> SignIn:
    return SignIn(grant=grant_of(schemas.checked(CREDENTIALS["properties"]["oauth2"], values)))


def _signature(values: Mapping[str, Any]) -> SignIn:
    secrets = values.get("secrets") or []
    listed = secrets if isinstance(secrets, list) else [secrets]
    form = {name: values[name] for name in _FORM if name in values}
    return SignIn(signer=webhook_signature.signer(values["scheme"], listed, values.get("header", ""), form))


def _azure(values: Mapping[str, Any]) -> SignIn:
    return SignIn(azure=azure_sas.Credentials(**{name: str(value) for name, value in values.items()}))


def _jwt(values: Mapping[str, Any]) -> SignIn:
    given = {name: str(value) for name, value in values.items() if name != "key"}
    made = shared_key_jwt.credentials(_needed(values, "key"), **given)
    return SignIn(jwt=made, secrets=[made.written])


def _aws(values: Mapping[str, Any]) -> SignIn:
    return SignIn(aws=aws_sigv4.Credentials(**{name: str(value) for name, value in values.items()}))


_SIGN_INS: Final = {
    "none": lambda _values: SignIn(),
    "basic": _basic,
    "bearer": _bearer,
    "header": _header,
    "query": _query,
    "oauth2": _oauth2,
    "signature": _signature,
    "aws": _aws,
    "azure": _azure,
    "jwt": _jwt,
}


def _needed(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    if not isinstance(value, str | int) or not str(value).strip():
        raise ConfigurationError(message("what signs in is missing: auth.%(name)s", name=name))
    return str(value)
