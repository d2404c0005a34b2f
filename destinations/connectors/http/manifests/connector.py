"""A connector made of a manifest: all its templates and rules are read once, when the file is."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from typing import Any, Final

from destinations.connectors import schemas
from destinations.connectors.addresses import Guard
from destinations.connectors.base import (
    JSON,
    Ability,
    ConfigurationError,
    Delivery,
    Limits,
    Operation,
    Part,
    Preset,
    Rate,
    Runtime,
    Schema,
)
from destinations.connectors.http.answers import Answers
from destinations.connectors.http.auth.code_grant import CodeGrant
from destinations.connectors.http.client import HttpClient
from destinations.connectors.http.description import Description
from destinations.connectors.http.engine import HttpSession
from destinations.connectors.http.manifests.address import Address
from destinations.connectors.http.manifests.compiled import compiled
from destinations.connectors.http.manifests.members import check_members
from destinations.connectors.http.manifests.reading import Manifest, check_sources
from destinations.connectors.http.manifests.signing_in import Auth
from destinations.connectors.http.results import Results
from destinations.connectors.http.templates import Base, extended
from destinations.connectors.redaction import Redactor
from destinations.notation import Template, parse_condition, parse_template
from tracsync.common.messages import message

ICON: Final = ("M4 6h16v12H4z", "M4 10h16M8 14h4")

_SETTING: Final = re.compile(r"settings@([A-Za-z_]\w*)", re.ASCII)


class ManifestConnector:
    """What every class of the contract has, from a file. Raises ManifestError for one that is wrong."""

    def __init__(self, manifest: Manifest) -> None:
        content = manifest.content
        self.manifest = manifest
        self.slug: str = content["slug"]
        self.release: str = content["version"]
        self.name: str = content["name"]
        self.description: str = content["description"]
        self.kind: str = content.get("kind", "other")
        self.docs: str = content.get("docs", "")
        self.icon = _icon(content.get("icon") or ICON)
        self.settings_schema: Schema = {
            "type": "object",
            "properties": {},
            "additionalProperties": False,
        } | content.get("settings", {})
        self.payload_schema: Schema = content.get("payload", {})
        limits: Mapping[str, Any] = content.get("limits", {})
        self.batch_size: int = limits.get("batch", 1)
        self.limits = Limits(
            limits.get("concurrency"),
            [Rate(one["count"], one["seconds"]) for one in limits.get("rates", ())],
        )
        self.presets = _presets(manifest, self.settings_schema)
        self._migrations = _migrations(manifest)
        self.version = 1 + len(self._migrations)
        self.operations: Sequence[Operation] = ("upsert", *(one for one in _LEAVING if one in content))
        self.abilities: Sequence[Ability] = [one for one in _TELLING if one in content]
        self._address = Address(manifest)
        self.credentials_schema: Schema = self._address.marked(content["credentials"])
        self._auth = Auth(manifest)
        self._is = compiled(manifest)
        check_members(manifest)
        self.needs_remote = self._is.needs_remote
        self.may_make_another = self._is.may_make_another
        self.fields_settings = self._fields_settings()

    def _fields_settings(self) -> Collection[str]:
        """What the call for the fields takes from the settings."""
        references = self._is.listing.call.references("settings") if self._is.listing else ()
        named = [_SETTING.match(text) for text in references]
        return {one[1] for one in named if one} if all(named) else {*self.settings_schema["properties"]}

    def open(
        self,
        credentials: Mapping[str, JSON],
        settings: Mapping[str, JSON],
        runtime: Runtime | None = None,
        client: HttpClient | None = None,
    ) -> AbstractContextManager[HttpSession]:
        """`client`: another one than that which speaks to the network, for trials without it."""
        runtime = runtime or Runtime()
        guard = Guard(runtime.allowed_internal)
        return closing(HttpSession(self.described(credentials, settings), runtime, guard, client))

    def describe(
        self, credentials: Mapping[str, JSON], settings: Mapping[str, JSON], delivery: Delivery
    ) -> dict[str, JSON]:
        """Keys: method, url, headers, body (text; null when there is none); or only `problem`."""
        return self.described(credentials, settings).describe(delivery)

    def migrate(self, part: Part, old: dict[str, JSON], version: int) -> JSON:
        """What was stored when the file had so many migrations less, step by step. Raises NotationError."""
        for step in self._migrations[version - 1 :]:
            if part in step:
                old = step[part].render({"old": old})
        return old

    def authorisation(self, credentials: Mapping[str, JSON]) -> CodeGrant | None:
        """Where a person has to let us in. Raises ConfigurationError."""
        return self._with(schemas.checked(self.credentials_schema, credentials), {}).authorisation

    def answers(self, _settings: Mapping[str, JSON]) -> Answers:
        """How answers are read."""
        return self._is.answers

    def results(self, _settings: Mapping[str, JSON]) -> Sequence[Results]:
        """What the answer to a batch says of each item, list by list."""
        return self._is.batch.results if self._is.batch else ()

    def described(self, credentials: Mapping[str, JSON], settings: Mapping[str, JSON]) -> Description:
        """The file's description with one destination's address, credentials and settings.

        Raises ConfigurationError where something is missing, contradicts itself or cannot be sent.
        """
        given = schemas.checked(self.credentials_schema, credentials)
        return self._with(given, schemas.checked(self.settings_schema, settings))

    def _with(self, given: Mapping[str, JSON], options: Mapping[str, JSON]) -> Description:
        sign_in = self._auth.sign_in(given)
        address = self._address.render(given)
        base = Base(extended(address, "", sign_in.query), sign_in.headers)
        own = [*sign_in.secrets, *self._address.secrets(address)]
        secrets = [*schemas.secrets(self.credentials_schema, given), *own]
        return self._is.at(
            base,
            Redactor(secrets, filter(None, [self._auth.header_name])),
            grant=sign_in.grant,
            signer=sign_in.signer,
            aws=sign_in.aws,
            azure=sign_in.azure,
            jwt=sign_in.jwt,
            constants={"credentials": given, "settings": options},
        )


def _presets(manifest: Manifest, settings_schema: Schema) -> list[Preset]:
    found = []
    for number, given in enumerate(manifest.content.get("presets", ())):
        at = ("presets", number)
        preset = Preset(
            given["name"],
            given["description"],
            given.get("prerequisites", ""),
            given["mapping"],
            given.get("settings", {}),
        )
        with manifest.at(*at, "mapping"):
            check_sources(preset.mapping, ("profile",))
            parse_template(preset.mapping)
            _check_complete(preset.mapping, manifest.content.get("payload", {}))
        with manifest.at(*at, "prerequisites"):
            if preset.prerequisites:
                parse_condition(preset.prerequisites)
        filled = schemas.with_defaults(settings_schema, preset.settings)
        for keys, sentence in schemas.located(settings_schema, filled):
            raise manifest.problem(sentence, *at, "settings", *keys)
        found.append(preset)
    return found


def _check_complete(mapping: JSON, payload: Schema) -> None:
    """Raises ConfigurationError for a mapping whose payloads would all be refused."""
    made = {name.removesuffix("?") for name in mapping} if isinstance(mapping, Mapping) else set()
    if not made or any(name.startswith("$") for name in made):
        return  # what it makes is not known before
    for name in payload.get("required", ()):
        if name not in made:
            raise ConfigurationError(message("%(field)s is required by payload", field=name))


def _migrations(manifest: Manifest) -> list[dict[str, Template]]:
    """The first one is for what was stored before there were any."""
    return [
        {
            part: manifest.template(step[part], ("old",), "migrations", number, part)
            for part in ("credentials", "settings")
            if part in step
        }
        for number, step in enumerate(manifest.content.get("migrations", ()))
    ]


def _icon(paths: Sequence[str]) -> str:
    """An SVG element; nothing but lines comes from the file."""
    drawn = "".join(f'<path d="{path}"/>' for path in paths)
    return (
        '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round"'
        f' stroke-linejoin="round">{drawn}</svg>'
    )


_TELLING: Final[tuple[Ability, ...]] = ("fields", "read")
_LEAVING: Final[tuple[Operation, ...]] = ("remove", "erase")
