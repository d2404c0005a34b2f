"""HTTP API: calls any web service for each changed profile, as its settings say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit, urlunsplit

from destinations.connectors import schemas
from destinations.connectors.addresses import Guard
from destinations.connectors.base import (
    JSON,
    Ability,
    ConfigurationError,
    Delivery,
    Operation,
    Preset,
    Runtime,
    Schema,
)
from destinations.connectors.http import answers, client, results, settings_schema, templates
from destinations.connectors.http.answers import Answers
from destinations.connectors.http.auth import (
    aws_sigv4,
    azure_sas,
    jwt_bearer,
    shared_key_jwt,
    webhook_signature,
)
from destinations.connectors.http.auth.code_grant import CodeGrant
from destinations.connectors.http.auth.credentials_schema import CREDENTIALS
from destinations.connectors.http.auth.oauth2 import Grant
from destinations.connectors.http.description import (
    Batch,
    Description,
    Reading,
    names_id,
    refer_to_remote,
)
from destinations.connectors.http.engine import HttpSession
from destinations.connectors.http.presets import PRESETS
from destinations.connectors.http.results import Results
from destinations.connectors.http.templates import Base, CallTemplate
from destinations.connectors.http.wire.request_headers import checked_headers, is_sendable
from destinations.connectors.redaction import Redactor, basic, url_secrets
from destinations.notation import Template
from tracsync.common.messages import message

Value = Mapping[str, Any]

_FIXED = ["settings", "credentials"]  # the same for every delivery
_SINGLE = ["profile", "delivery", *_FIXED]
_LEAVING = ["delivery", *_FIXED]  # who leaves has no document any more
_MANY = ["items", *_FIXED]
_ITEM = ["delivery", "settings"]  # what wraps the items may take them apart
_MADE = ("oauth2", "aws", "azure", "jwt")  # credentials that an Authorization header is made of


class HttpApi:
    """A description of the HTTP engine, made of credentials and settings."""

    slug: ClassVar[str] = "http_api"
    name: ClassVar[str] = "HTTP API"
    kind: ClassVar[str] = "webhooks"
    description: ClassVar[str] = message("Calls a web service for each changed profile.")
    icon: ClassVar[str] = (
        '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round">'
        '<circle cx="12" cy="12" r="9"/><path d="M3 12h18M12 3c5 5 5 13 0 18M12 3c-5 5-5 13 0 18"/></svg>'
    )
    batch_size: ClassVar[int] = 1
    operations: ClassVar[tuple[Operation, ...]] = ("upsert", "remove", "erase")
    abilities: ClassVar[tuple[Ability, ...]] = ("read",)
    credentials_schema: ClassVar[Schema] = CREDENTIALS
    settings_schema: ClassVar[Schema] = settings_schema.SETTINGS
    payload_schema: ClassVar[Schema] = {}
    presets: ClassVar[Sequence[Preset]] = PRESETS

    def open(
        self, credentials: Value, settings: Value, runtime: Runtime | None = None
    ) -> AbstractContextManager[HttpSession]:
        runtime = runtime or Runtime()
        return closing(
            HttpSession(described(credentials, settings), runtime, Guard(runtime.allowed_internal))
        )

    def describe(self, credentials: Value, settings: Value, delivery: Delivery) -> dict[str, JSON]:
        """Keys: method, url, headers, body (text; null when there is none); or only `problem`."""
        return described(credentials, settings).describe(delivery)

    def understood_credentials(self, given: Value) -> Value:
        """Tracardi's forms have `<proxy>` in the place of a proxy that was not entered."""
        return {name: value for name, value in given.items() if (name, value) != ("proxy", "<proxy>")}

    def authorisation(self, credentials: Value) -> CodeGrant | None:
        """Where a person has to let us in. Raises ConfigurationError."""
        return described(credentials, {}).authorisation if credentials.get("oauth2") else None

    def token_basis(self, credentials: Value) -> JSON:
        """Who asks for tokens, and where they are sent: other headers do not end them."""
        places = sorted(schemas.addresses(self.credentials_schema, credentials))
        return [credentials.get("oauth2"), places]

    def operations_with(self, settings: Value) -> Sequence[Operation]:
        """An upsert, and what has a call."""
        leaving: tuple[Operation, ...] = ("remove", "erase")
        return ("upsert", *(name for name in leaving if settings.get(name)))

    def needs_remote_with(self, settings: Value) -> bool:
        """Whether the calls for profiles that leave are made of what the answers to others told."""
        return refer_to_remote(*(_leaving(settings, name) for name in ("remove", "erase")))

    def may_make_another_with(self, settings: Value) -> bool:
        """Whether a push may make another record than the known one, by whose id it leaves."""
        calls = [_leaving(settings, name) for name in ("remove", "erase")]
        return not settings.get("update") and any(map(names_id, calls))

    def abilities_with(self, settings: Value) -> Sequence[Ability]:
        """Reading, where it has a call."""
        return ("read",) if settings.get("read") else ()

    def batch_size_of(self, settings: Value) -> int:
        """As `batch_size`, with these settings."""
        return int((settings.get("batch") or {}).get("size", 1))

    def answers(self, settings: Value) -> Answers:
        """How answers are read with these settings. Raises ConfigurationError."""
        return Answers(answers.rules(settings.get("answers") or (), "answers"))

    def results(self, settings: Value) -> Sequence[Results]:
        """What the answer to a batch says of each item, list by list. Raises ConfigurationError."""
        return _results(settings.get("batch") or {})

    def profile_references(self, settings: Value) -> Sequence[str]:
        """What path, query and headers of an upsert take from the profile: the texts of the references."""
        given = schemas.with_defaults(self.settings_schema, settings)
        upsert, update = _upserts(given)
        calls = [call for call in (upsert, update) if call is not None]
        return sorted({text for call in calls for text in call.references("profile")})


def described(credentials: Value, settings: Value) -> Description:
    """Raises ConfigurationError where something is missing, contradicts itself or cannot be sent."""
    given = schemas.checked(HttpApi.credentials_schema, credentials)
    options = schemas.checked(HttpApi.settings_schema, settings)
    schemas.check_no_references(_fixed_texts(given, options))
    templates.check_formulas(options)
    client.normal_url(given["url"])  # it may be one that cannot even be taken apart
    url, authorization = _authorization(given)
    if given["proxy"]:
        client.check_proxy(given["proxy"])
    base = Base(client.normal_url(url), _headers(given, options, authorization))
    jwt = shared_key_jwt.credentials(**given["jwt"]) if given.get("jwt") else None
    upsert, update = _upserts(options, base)
    return Description(
        base=base,
        upsert=upsert,
        redactor=_redactor(given, options, [authorization[6:].strip(), jwt.written if jwt else ""]),
        update=update,
        remove=_leaving(options, "remove", base),
        erase=_leaving(options, "erase", base),
        reading=_reading(options, base),
        batch=_batch(options),
        answers=HttpApi().answers(options),
        remote_id=_told(options, "remote_id"),
        conflict_id=_told(options, "conflict_id"),
        grant=grant_of(given["oauth2"]) if given.get("oauth2") else None,
        signer=_signer(given, options),
        aws=aws_sigv4.Credentials(**given["aws"]) if given.get("aws") else None,
        azure=azure_sas.Credentials(**given["azure"]) if given.get("azure") else None,
        jwt=jwt,
        constants={"settings": schemas.mask(HttpApi.settings_schema, options), "credentials": given},
        timeout=float(options["timeout"]),
        proxy=given["proxy"],
        verify=given["ssl_check"] and options["ssl_check"],
    )


def _upserts(options: Value, base: Base | None = None) -> tuple[CallTemplate, CallTemplate | None]:
    """The call for all, or for what has no remote id, and that for what has one."""
    common = {"encoding": options["encoding"], "numeric_booleans": options["numeric_booleans"]}
    batch, update = options.get("batch"), options.get("update")
    if batch:
        if update:
            raise ConfigurationError(
                message("give either update or batch, not both: a call of several cannot be made by id")
            )
        body = "items@" if batch.get("body") is None else batch["body"]
        templates.template(body, "batch.body", _MANY)  # where it is wrong, its own name is to be said
        return templates.call({**options, "body": body}, "", _MANY, base), None
    upsert = templates.call(options, "", _SINGLE, base)
    if not update:
        return upsert, None
    if not options.get("remote_id"):
        raise ConfigurationError(
            message("update needs remote_id, where an answer tells the id, such as answer@id")
        )
    return upsert, templates.call({"method": "PUT", **common, **update}, "update", _SINGLE, base)


def _leaving(options: Value, name: str, base: Base | None = None) -> CallTemplate | None:
    given = options.get(name)
    if not given:
        return None
    common = {at: options[at] for at in ("encoding", "numeric_booleans") if at in options}
    return templates.call({"method": "DELETE", **common, **given}, name, _LEAVING, base, document=False)


def _reading(options: Value, base: Base) -> Reading | None:
    given = options.get("read")
    if not given:
        return None
    common = {"encoding": options["encoding"], "numeric_booleans": options["numeric_booleans"]}
    made = templates.call({"method": "GET", **common, **given}, "read", _LEAVING, base, document=False)
    return Reading(made, templates.template(given["at"], "read.at", answers.READ_BACK))


def _batch(options: Value) -> Batch | None:
    given = options.get("batch")
    if not given:
        return None
    found = _results(given)
    identity = given.get("identity")
    made = templates.template(identity, "batch.identity", results.SENT) if identity else None
    results.check_varies(made, "batch.identity", "item@email")
    item = options.get("body")
    return Batch(
        size=given["size"],
        bytes=given.get("bytes", 0),
        item=None if item is None else templates.template(item, "body", _ITEM),
        identity=made or (found[0].key if found else None),
        results=found,
    )


def _results(batch: Value) -> list[Results]:
    listed = batch.get("results") or []
    lists = [listed] if isinstance(listed, Mapping) else listed
    return [results.results(one, "batch.results") for one in lists]


def _told(options: Value, name: str) -> Template | None:
    return answers.pointer(options[name], name) if options.get(name) else None


def grant_of(oauth: Value) -> Grant:
    """Of OAuth 2 credentials with their defaults. Raises ConfigurationError."""
    for grant, name in _NEEDED:
        if oauth["grant"] == grant and not oauth[name]:
            raise ConfigurationError(message("the grant %(grant)s needs %(name)s", grant=grant, name=name))
    for name in ("token_url", "authorize_url"):
        if oauth[name]:
            client.normal_url(oauth[name])
    of_key = {name: oauth[name] for name in ("key_id", "subject")}
    key = None
    if oauth["grant"] == "jwt_bearer":
        key = jwt_bearer.Key(jwt_bearer.private_key(oauth["private_key"]), **of_key)
    rest = {name: value for name, value in oauth.items() if name not in ("private_key", *of_key)}
    return Grant(**rest, key=key)


_NEEDED = (
    ("refresh_token", "refresh_token"),
    ("authorization_code", "authorize_url"),
    ("jwt_bearer", "private_key"),
)


def _signer(given: Value, options: Value) -> webhook_signature.WebhookSigner | None:
    sign = options.get("sign")
    if not sign or not any(sign.values()):
        return None
    if not sign["scheme"]:
        raise ConfigurationError(message("sign needs a scheme: nothing is signed without it"))
    form = {name: sign[name] for name in ("signed", "digest", "prefix", "timestamp_header")}
    return webhook_signature.signer(sign["scheme"], given["signing_secrets"], sign["header"], form)


def _redactor(given: Value, options: Value, made: Sequence[str]) -> Redactor:
    """`made`: secrets that are made of those that were entered."""
    secrets = schemas.secrets(HttpApi.credentials_schema, given) + schemas.secrets(
        HttpApi.settings_schema, options
    )
    names = [*given["headers"], (options.get("sign") or {}).get("header", "")]
    return Redactor([*secrets, *url_secrets(given["proxy"]), *made], filter(None, names))


def _headers(given: Value, options: Value, authorization: str) -> dict[str, str]:
    """Those of every call, which the settings' own go on from."""
    headers = checked_headers(given["headers"])
    own = {name.removesuffix("?").lower() for name in options["headers"]}
    if cookies := _cookies(options["cookies"]):
        if "Cookie" in headers or "cookie" in own:
            raise ConfigurationError(message("give either a Cookie header or cookies, not both"))
        headers.update(checked_headers({"Cookie": "; ".join(cookies)}))
    if authorization or any(map(given.get, _MADE)):
        if "Authorization" in headers or "authorization" in own:
            raise ConfigurationError(
                message("give either an Authorization header or a token or user name, not both")
            )
        if authorization:
            headers["Authorization"] = authorization
    headers.pop("Idempotency-Key", None)  # it is ours
    return dict(headers)


def _fixed_texts(given: Value, options: Value) -> Iterator[tuple[str, str]]:
    """What is sent as it stands, by the name of its field."""
    yield from (("url", given["url"]), ("proxy", given["proxy"]))
    for field, group in (("headers", given["headers"]), ("cookies", options["cookies"])):
        yield from ((f"{field}.{name}", f"{name} {value}") for name, value in group.items())


def _authorization(given: Value) -> tuple[str, str]:
    """The URL without its user information, and the Authorization header's value ("" for none)."""
    parts = urlsplit(given["url"])
    userinfo, at, host = parts.netloc.rpartition("@")
    url = urlunsplit(parts._replace(netloc=host))
    ways = (
        *(given["token"], given["username"] or given["password"], at),
        *map(given.get, _MADE),
    )
    if sum(map(bool, ways)) > 1:
        raise ConfigurationError(
            message(
                "give only one of a token, a user name and password, OAuth 2, AWS, Azure, and a shared key"
            )
        )
    if given["token"]:
        bearer = {"Authorization": f"Bearer {given['token'].strip()}"}
        return url, checked_headers(bearer)["Authorization"]
    username, _colon, password = userinfo.partition(":")
    found = (unquote(username), unquote(password)) if at else (given["username"], given["password"])
    return url, f"Basic {basic(*found)}" if any(found) else ""


def _cookies(cookies: Mapping[str, str]) -> list[str]:
    for name, value in cookies.items():
        if not name.strip() or set(name) & set('=;, \t"'):
            text = message(
                "the name of cookie “%(name)s” cannot be blank or hold = ; , quotes or spaces", name=name
            )
            raise ConfigurationError(text)
        if set(value) & set(";,"):
            raise ConfigurationError(message("the value of cookie “%(name)s” cannot hold ; or ,", name=name))
        if not is_sendable(value):
            text = message(
                "the value of cookie “%(name)s” holds characters that a cookie cannot carry", name=name
            )
            raise ConfigurationError(text)
    return [f"{name}={value}" for name, value in cookies.items()]
