"""A connector made of a manifest: all its templates and rules are read once, when the file is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from typing import Any, Final, cast
from urllib.parse import urlsplit

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
from destinations.connectors.http import answers, client, results, templates
from destinations.connectors.http.answers import Answers
from destinations.connectors.http.auth.code_grant import CodeGrant
from destinations.connectors.http.client import HttpClient
from destinations.connectors.http.description import Batch, Check, Description, Jobs, Reading, Step
from destinations.connectors.http.engine import HttpSession
from destinations.connectors.http.headers import check_header
from destinations.connectors.http.manifests.reading import Manifest, check_sources
from destinations.connectors.http.manifests.signing_in import Auth
from destinations.connectors.http.results import Listing, Results
from destinations.connectors.http.templates import Base, CallTemplate, extended
from destinations.connectors.redaction import Redactor, url_secrets
from destinations.notation import Template, parse_condition, parse_template
from tracsync.common.messages import message

TIMEOUT: Final = 30.0  # seconds
SHORTEST_SECRET: Final = 12  # characters of a part of a secret path; shorter ones stand in other texts, too
ASKED_AFTER: Final = 30.0  # seconds, of a job
SPREAD: Final = "..."  # the key of an item whose value is an object: its keys become the item's
ICON: Final = ("M4 6h16v12H4z", "M4 10h16M8 14h4")

_FIXED: Final = ("credentials", "settings")
_ONE: Final = ("delivery", *_FIXED)
_MANY: Final = ("items", *_FIXED)
_ITEM: Final = ("delivery", "settings")
_JOB: Final = ("job", *_FIXED)
_CREDENTIALS: Final = re.compile(r"credentials@([A-Za-z_]\w*)", re.ASCII)
_PART_OF_A_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")

Keys = tuple[str | int, ...]


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
        self._address = _Address(manifest)
        self.credentials_schema: Schema = self._address.marked(content["credentials"])
        self._auth = Auth(manifest)
        self._is = _compiled(manifest)

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

    def described(self, credentials: Mapping[str, JSON], settings: Mapping[str, JSON]) -> Description:
        """The file's description with one destination's address, credentials and settings.

        Raises ConfigurationError where something is missing, contradicts itself or cannot be sent.
        """
        given = schemas.checked(self.credentials_schema, credentials)
        return self._with(given, schemas.checked(self.settings_schema, settings))

    def _with(self, given: Mapping[str, JSON], options: Mapping[str, JSON]) -> Description:
        sign_in = self._auth.of(given)
        address = self._address.of(given)
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


class _Address:
    """`base_url`: fixed, or of the credentials, whole or in part."""

    def __init__(self, manifest: Manifest) -> None:
        text: str = manifest.content["base_url"]
        self._text = text
        self._made = manifest.template(text, ("credentials",), "base_url")
        self._fields = _CREDENTIALS.findall(text)
        declared = manifest.content["credentials"].get("properties", {})
        for name in self._fields:
            if name not in declared:
                unknown = message("%(name)s is no field of the credentials", name=name)
                raise manifest.problem(unknown, "base_url")
        self._is_whole = re.fullmatch(r"`?credentials@[A-Za-z_]\w*`?", text) is not None
        self._is_secret = self._is_whole and declared[self._fields[0]].get("secret") is True
        if not self._is_whole and not re.match(r"https://[^\s@?#\\]+$", text.replace("credentials@", "")):
            needed = message(
                "it must begin with https:// and hold no user name, query or spaces; or be credentials@"
                " of a field that holds the address"
            )
            raise manifest.problem(needed, "base_url")

    def marked(self, schema: Mapping[str, Any]) -> Schema:
        """The credentials' schema; what leads somewhere is marked, and secrets do not follow it elsewhere."""
        fields = {
            name: {**field, "address": True} if name in self._fields else field
            for name, field in schema.get("properties", {}).items()
        }
        return {"additionalProperties": False, **schema, "properties": fields}

    def of(self, credentials: Mapping[str, JSON]) -> str:
        """Only a secret one may have a query. Raises ConfigurationError for what is no address."""
        if not self._is_whole:
            for name in self._fields:
                if not _PART_OF_A_HOST.fullmatch(str(credentials.get(name) or "")):
                    no_part = message(
                        "%(field)s must hold letters, digits, dots and hyphens: it is a part of a host"
                    )
                    raise ConfigurationError(no_part.with_values(field=name))
        url = str(self._made.render({"credentials": credentials}) or "").strip()
        parts = _split(url)
        has_query = parts is not None and parts.query and not self._is_secret
        if parts is None or parts.scheme not in ("http", "https") or has_query or "@" in parts.netloc:
            no_url = message("%(field)s must be an address with https://, without user name and query")
            raise ConfigurationError(no_url.with_values(field=", ".join(self._fields) or "base_url"))
        return client.normal_url(url)

    def secrets(self, url: str) -> Iterator[str]:
        """What follows the host of an address that is secret, as of a webhook, in the form that is sent."""
        if self._is_secret:
            parts = urlsplit(url)
            yield from url_secrets(url)
            yield from (text for text in (parts.path, *parts.path.split("/")) if len(text) >= SHORTEST_SECRET)


def _split(url: str) -> Any:
    try:
        return urlsplit(url)
    except ValueError:
        return None


def _compiled(manifest: Manifest) -> Description:
    """Everything but what a destination adds."""
    content = manifest.content
    push, limits = content["push"], content.get("limits", {})
    is_batch = limits.get("batch", 1) > 1
    _check_combination(manifest, is_batch)
    rules = _rules(manifest, "answers")
    body_sources = _MANY if is_batch else _ONE
    request = push["request"]
    if is_batch and "body" not in request:
        request = {**request, "body": "items@"}
    header = content.get("idempotency_header", "Idempotency-Key")
    if header:
        with manifest.at("idempotency_header"):
            check_header(header, "")
    return Description(
        base=Base(),
        redactor=Redactor(),
        upsert=_call(manifest, request, ("push", "request"), body_sources),
        update=_optional_call(manifest, push.get("update"), ("push", "update"), "POST"),
        remove=_optional_call(manifest, content.get("remove"), ("remove",)),
        erase=_optional_call(manifest, content.get("erase"), ("erase",)),
        check=_check(manifest, rules),
        steps=_steps(manifest, rules),
        jobs=_jobs(manifest, is_batch),
        batch=_batch(manifest, limits, push) if is_batch else None,
        answers=Answers(rules),
        reading=_reading(manifest, rules),
        listing=_listing(manifest, rules),
        remote_id=_pointer(manifest, "remote_id"),
        conflict_id=_pointer(manifest, "conflict_id"),
        keep=manifest.template(content["keep"], _ITEM, "keep") if "keep" in content else None,
        key_header=header,
        timeout=float(limits.get("timeout", TIMEOUT)),
    )


def _check_combination(manifest: Manifest, is_batch: bool) -> None:
    """What would do nothing, or cannot be."""
    content = manifest.content
    push, poll = content["push"], content.get("poll", {})
    alone = message("%(name)s is for calls of one profile: leave it out, or limits.batch")
    several = message("%(name)s is for calls of several profiles: set limits.batch, or leave it out")
    wrong: list[tuple[Keys, Any]] = []
    if is_batch:
        wrong += [((name,), alone) for name in ("steps", "remote_id", "conflict_id") if name in content]
        wrong += [(("push", "update"), alone)] if "update" in push else []
        wrong += [(("poll", "remote_id"), alone)] if "remote_id" in poll else []
    else:
        wrong += [((name,), several) for name in ("identity", "together", "results") if name in content]
        wrong += [(("push", "item"), several)] if "item" in push else []
        wrong += [(("poll", "results"), several)] if "results" in poll else []
        wrong += [(("limits", "bytes"), several)] if "bytes" in content.get("limits", {}) else []
    if poll and "keep" in content:
        at_once = message("%(name)s is for systems that answer at once: leave it out, or poll")
        wrong.append((("keep",), at_once))
    for keys, said in wrong:
        raise manifest.problem(said.with_values(name=".".join(map(str, keys))), *keys)
    if "update" in push and not ({"remote_id", "steps"} & content.keys() or "remote_id" in poll):
        needed = message("update needs remote_id, where an answer tells the id, such as answer@id")
        raise manifest.problem(needed, "push", "update")
    if ("steps" in content or "conflict_id" in content) and "update" not in push:
        needed = message("what is found needs a call of its own: push.update")
        raise manifest.problem(needed, "steps" if "steps" in content else "conflict_id")


def _call(
    manifest: Manifest,
    given: Mapping[str, Any],
    keys: Keys,
    sources: Sequence[str],
    method: str = "POST",
    *,
    document: bool = True,
) -> CallTemplate:
    content = manifest.content
    own = {name.removesuffix("?").lower() for name in given.get("headers", {})}
    common = {
        name: value
        for name, value in content.get("headers", {}).items()
        if name.removesuffix("?").lower() not in own
    }
    full = {"method": method, **given, "headers": {**common, **given.get("headers", {})}}
    with manifest.at(*keys):
        templates.check_formulas(full)
        for name in ("query", "headers", "body"):
            check_sources(full.get(name), sources)
        return templates.call(full, "", sources, document=document)


def _optional_call(manifest: Manifest, given: Any, keys: Keys, method: str = "DELETE") -> CallTemplate | None:
    if given is None:
        return None
    return _call(manifest, given, keys, _ONE, method, document=keys == ("push", "update"))


def _check(manifest: Manifest, rules: Sequence[Any]) -> Check | None:
    given = manifest.content.get("check")
    if given is None:
        return None
    says = None
    if "says" in given:
        says = manifest.template(given["says"], answers.SOURCES, "check", "says")
    own = _rules(manifest, "check", "answers")
    call = _call(manifest, given["request"], ("check", "request"), _FIXED, "GET", document=False)
    return Check(call, Answers([*own, *rules]), says)


def _reading(manifest: Manifest, rules: Sequence[Any]) -> Reading | None:
    given = manifest.content.get("read")
    if given is None:
        return None
    call = _call(manifest, given["request"], ("read", "request"), _ONE, "GET", document=False)
    at = manifest.template(given["at"], answers.READ_BACK, "read", "at")
    return Reading(call, at, Answers([*_rules(manifest, "read", "answers"), *rules]))


def _listing(manifest: Manifest, rules: Sequence[Any]) -> Listing | None:
    given = manifest.content.get("fields")
    if given is None:
        return None
    points = {}
    for name in ("name", "title", "type", "unique", "read_only", "choices", "choice", "within"):
        if name in given:
            with manifest.at("fields", name):
                points[name] = cast(Template, results.pointer(given[name], name))
    call = _call(manifest, given["request"], ("fields", "request"), _FIXED, "GET", document=False)
    at = manifest.template(given["at"], answers.SOURCES, "fields", "at")
    choice, within = points.pop("choice", None), points.pop("within", None)
    own = Answers([*_rules(manifest, "fields", "answers"), *rules])
    return Listing(call, at, points, choice, given.get("prefix", ""), within, own)


def _steps(manifest: Manifest, rules: Sequence[Any]) -> list[Step]:
    found = []
    for number, given in enumerate(manifest.content.get("steps", ())):
        at: Keys = ("steps", number)
        pointer = _told(manifest, given["id"], *at, "id")
        own = _rules(manifest, *at, "answers") if "answers" in given else rules
        call = _call(manifest, given["find"], (*at, "find"), _ONE, "GET", document=False)
        found.append(Step(call, pointer, Answers(own)))
    return found


def _jobs(manifest: Manifest, is_batch: bool) -> Jobs | None:
    """How a push that is answered later is followed. Raises ManifestError."""
    given = manifest.content.get("poll")
    if given is None:
        return None
    if is_batch and "results" not in given:
        needed = message("results is required with limits.batch: what a job says of each of its profiles")
        raise manifest.problem(needed, "poll")
    if not any(one["is"] == "accepted" for one in given["answers"]):
        endless = message("a rule has to say accepted of a job that is done: what no rule knows is no end")
        raise manifest.problem(endless, "poll", "answers")
    for number, one in enumerate(given["answers"]):
        for name in ("many", "operation"):
            if name in one.get("when", {}):
                nothing = message("%(name)s is nothing to ask of an answer about a job")
                raise manifest.problem(nothing.with_values(name=name), "poll", "answers", number, "when")
    remote_id = None
    if "remote_id" in given:
        remote_id = _told(manifest, given["remote_id"], "poll", "remote_id")
    return Jobs(
        name=_told(manifest, given["job"], "poll", "job"),
        call=_call(manifest, given["request"], ("poll", "request"), _JOB, "GET", document=False),
        answers=Answers(_rules(manifest, "poll", "answers")),
        after=float(given.get("after", ASKED_AFTER)),
        results=_results(manifest, "poll", "results"),
        remote_id=remote_id,
    )


def _rules(manifest: Manifest, *keys: str | int) -> list[answers.Rule]:
    found = []
    for number, one in enumerate(_given(manifest, keys) or ()):
        _check_meaning(manifest, one, (*keys, number))
        with manifest.at(*keys, number):
            found += answers.rules([one], "rule")
    return found


def _check_meaning(manifest: Manifest, rule: Mapping[str, Any], keys: Keys) -> None:
    """A job may be pending and cannot be split; of other answers it is the other way round."""
    refused = "split" if keys[0] == "poll" else answers.PENDING
    if rule["is"] == refused:
        elsewhere = message("%(name)s has no meaning here: pending is of poll, split of all other answers")
        raise manifest.problem(elsewhere.with_values(name=refused), *keys, "is")


def _given(manifest: Manifest, keys: Keys) -> Any:
    """What stands at a place of the file; nothing, if nothing stands there."""
    given: Any = manifest.content
    for key in keys:
        given = given.get(key, {}) if isinstance(key, str) else given[key]
    return given


def _batch(manifest: Manifest, limits: Mapping[str, Any], push: Mapping[str, Any]) -> Batch:
    content = manifest.content
    item, beside = _item(manifest, push)
    identity, together = (
        manifest.template(content[name], results.SENT, name) if name in content else None
        for name in ("identity", "together")
    )
    lists = _results(manifest, "results")
    keyed = lists or _results(manifest, "poll", "results")
    return Batch(
        size=limits["batch"],
        bytes=limits.get("bytes", 0),
        item=item,
        beside=beside,
        identity=identity or (keyed[0].key if keyed else None),
        together=together,
        results=lists,
    )


def _item(manifest: Manifest, push: Mapping[str, Any]) -> tuple[Template | None, Template | None]:
    """What an item is made by, and what gives it the keys of an object."""
    given = push.get("item")
    if given is None:
        return None, None
    if not isinstance(given, Mapping) or SPREAD not in given:
        return manifest.template(given, _ITEM, "push", "item"), None
    own = {name: value for name, value in given.items() if name != SPREAD}
    beside = manifest.template(given[SPREAD], _ITEM, "push", "item", SPREAD)
    return manifest.template(own, _ITEM, "push", "item"), beside


def _results(manifest: Manifest, *keys: str) -> list[Results]:
    """The lists of entries that stand there, or the only one."""
    if keys[-1] not in _given(manifest, keys[:-1]):
        return []
    given = _given(manifest, keys)
    places: list[tuple[Any, Keys]] = [(given, keys)]
    if isinstance(given, list):
        places = [(one, (*keys, number)) for number, one in enumerate(given)]
    found = []
    for one, place in places:
        for number, rule in enumerate(one.get("answers", ())):
            _check_meaning(manifest, rule, (*place, "answers", number))
        with manifest.at(*place):
            found.append(results.results(one, "results"))
    return found


def _pointer(manifest: Manifest, name: str) -> Template | None:
    if name not in manifest.content:
        return None
    return _told(manifest, manifest.content[name], name)


def _told(manifest: Manifest, value: JSON, *keys: str | int) -> Template:
    """Something that an answer tells. Raises ManifestError for what would be the same of every answer."""
    told = manifest.template(value, answers.SOURCES, *keys)
    if not told.references:
        pointing = message("%(name)s has to point into an answer, such as answer@id", name=str(keys[-1]))
        raise manifest.problem(pointing, *keys)
    return told


def _presets(manifest: Manifest, settings_schema: Schema) -> list[Preset]:
    found = []
    for number, given in enumerate(manifest.content.get("presets", ())):
        at: Keys = ("presets", number)
        preset = Preset(
            given["name"],
            given["description"],
            given.get("prerequisites", ""),
            given["mapping"],
            given.get("settings", {}),
        )
        with manifest.at(*at, "mapping"):
            parse_template(preset.mapping)
        with manifest.at(*at, "prerequisites"):
            if preset.prerequisites:
                parse_condition(preset.prerequisites)
        filled = schemas.with_defaults(settings_schema, preset.settings)
        for keys, sentence in schemas.located(settings_schema, filled):
            raise manifest.problem(sentence, *at, "settings", *keys)
        found.append(preset)
    return found


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
