"""A manifest's templates and rules, read once: a description that each destination only adds itself to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from destinations.connectors.base import JSON, ConfigurationError
from destinations.connectors.http import answers, results, templates
from destinations.connectors.http.answers import Answers
from destinations.connectors.http.description import Batch, Check, Description, Jobs, Reading, Step
from destinations.connectors.http.listing import NEXT, Listing
from destinations.connectors.http.manifests.reading import Manifest, check_sources
from destinations.connectors.http.results import Results
from destinations.connectors.http.templates import Base, CallTemplate
from destinations.connectors.http.wire.request_headers import check_header
from destinations.connectors.redaction import Redactor
from destinations.notation import Template
from tracsync.common.messages import message

TIMEOUT: Final = 30.0  # seconds
ASKED_AFTER: Final = 30.0  # seconds, of a job
SPREAD: Final = "..."  # the key of an item whose value is an object: its keys become the item's

_FIXED: Final = ("credentials", "settings")
_ONE: Final = ("delivery", *_FIXED)
_MANY: Final = ("items", *_FIXED)
_ITEM: Final = ("delivery", "settings")
_JOB: Final = ("job", *_FIXED)
_PAGE: Final = ("page", *_FIXED)

Keys = tuple[str | int, ...]


def compiled(manifest: Manifest) -> Description:
    """Raises ManifestError."""
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
        _check_no_spread(full.get("body"))
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
    return Listing(
        _call(manifest, given["request"], ("fields", "request"), _PAGE, "GET", document=False),
        manifest.template(given["at"], answers.SOURCES, "fields", "at"),
        choice=points.pop("choice", None),
        prefix=given.get("prefix", ""),
        within=points.pop("within", None),
        next=_told(manifest, given["next"], "fields", "next", sources=NEXT) if "next" in given else None,
        points=points,
        answers=Answers([*_rules(manifest, "fields", "answers"), *rules]),
    )


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
    with manifest.at("identity"):
        results.check_varies(identity, "identity", "item@email")
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
    with manifest.at("push", "item"):
        _check_no_spread([*given.values()] if isinstance(given, Mapping) else given)
    if not isinstance(given, Mapping) or SPREAD not in given:
        return manifest.template(given, _ITEM, "push", "item"), None
    own = {name: value for name, value in given.items() if name != SPREAD}
    beside = manifest.template(given[SPREAD], _ITEM, "push", "item", SPREAD)
    return manifest.template(own, _ITEM, "push", "item"), beside


def _check_no_spread(value: JSON) -> None:
    """Raises ConfigurationError: it would be sent as a key of this name."""
    if isinstance(value, Mapping):
        if SPREAD in value:
            only = message("... takes the keys of an object at the top of push.item only: write the keys out")
            raise ConfigurationError(only)
        value = [*value.values()]
    if isinstance(value, list):
        for inner in value:
            _check_no_spread(inner)


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


def _told(
    manifest: Manifest, value: JSON, *keys: str | int, sources: Sequence[str] = answers.SOURCES
) -> Template:
    """Something that an answer tells. Raises ManifestError for what would be the same of every answer."""
    with manifest.at(*keys):
        check_sources(value, sources)
        return answers.pointer(value, str(keys[-1]), sources)
