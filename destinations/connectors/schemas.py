"""What JSON Schemas (Draft 2020-12) say about credentials, settings and payloads.

Keywords of our own, which validators ignore: `"secret": true` marks a value that is never shown,
`"format": "uri"` one that is shown without its password and query, and `"hint"` replaces the message
of a failing `pattern` or `format`.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from destinations.connectors.base import JSON, ConfigurationError, Schema
from destinations.connectors.redaction import MASK, is_sensitive_name, mask_url, url_secrets
from tracsync.common.messages import Message, joined, message

_TYPES = {
    "string": message("text"),
    "number": message("a number"),
    "integer": message("a whole number"),
    "boolean": message("true or false"),
    "object": message("an object"),
    "array": message("a list"),
    "null": message("null"),
}

# As the notation writes it; a password before the @ of an address is none.
_REFERENCE = re.compile(r"\{\{|(?<![\w:.+-])profile@")


def validate(schema: Schema, value: JSON) -> list[tuple[str, str]]:
    """What is wrong with a value, as (dotted path, sentence); empty when nothing is.

    The sentences name fields and limits and never hold the value: it may be secret or personal.
    """
    if not schema:
        return []  # every payload passes through here, and most connectors ask nothing of it
    errors = sorted(
        Draft202012Validator(schema).iter_errors(value), key=lambda error: list(map(str, error.path))
    )
    problems = [problem for error in errors for problem in _problems(error)]
    hidden = _still_masked(schema, value)
    return problems + [(path, message("%(field)s is hidden; type it again", field=path)) for path in hidden]


def checked(schema: Schema, value: Mapping[str, JSON]) -> dict[str, JSON]:
    """The value with its defaults; raises ConfigurationError saying what is wrong with it."""
    filled = with_defaults(schema, value)
    problems = validate(schema, filled)
    if problems:
        raise ConfigurationError(joined("; ", (sentence for _path, sentence in problems)))
    return filled


def check_no_references(texts: Iterable[tuple[str, str]]) -> None:
    """Refuse what its writer expects to be filled in, and is not; raises ConfigurationError.

    `texts`: what is sent as it stands, with the names of the fields.
    """
    for field, text in texts:
        if _REFERENCE.search(text):
            raise ConfigurationError(
                message(
                    "%(field)s holds {{ or profile@ and would be sent just so:"
                    " only the mapping takes values from the profile",
                    field=field,
                )
            )


def with_defaults(schema: Schema, value: Mapping[str, JSON]) -> dict[str, JSON]:
    """A copy of the value with missing fields filled from the schema's defaults, inside objects too."""
    filled = copy.deepcopy(dict(value))
    for name, field in schema.get("properties", {}).items():
        if name not in filled and "default" in field:
            filled[name] = copy.deepcopy(field["default"])
        if isinstance(filled.get(name), Mapping):
            filled[name] = with_defaults(field, filled[name])
    return filled


def secret_fields(schema: Schema) -> list[str]:
    """Dotted paths of the fields marked `"secret": true`."""
    found = []
    for name, field in schema.get("properties", {}).items():
        if field.get("secret"):
            found.append(name)
        else:
            found += [f"{name}.{inner}" for inner in secret_fields(field)]
    return found


def secrets(schema: Schema, value: Mapping[str, JSON]) -> list[str]:
    """Every secret text in a value: what `mask` hides."""
    found: list[str] = []

    def note(text: str) -> str:
        found.append(text)
        return text

    def note_url(url: str) -> str:
        found.extend(url_secrets(url))
        return url

    _walk(schema, value, note, note_url)
    return [text for text in found if text]


def mask(schema: Schema, value: Mapping[str, JSON]) -> dict[str, JSON]:
    """A copy that may be shown.

    Every text under a secret field, or under a name such as Authorization or *token*, becomes
    "********"; in an object the names stay. URLs lose their password and the values of their query.
    Blank texts stay blank, so that one sees what is not set.
    """
    return dict(_walk(schema, value, lambda text: MASK if text else "", mask_url))


def unmask(schema: Schema, new: Mapping[str, JSON], stored: Mapping[str, JSON]) -> dict[str, JSON]:
    """`new` with each masked text replaced by what is stored in its place.

    A secret without its counterpart stays "********", which `validate` then refuses. So does a URL's
    secret when the URL now leads to another host: it must not follow to a place it was not given for.
    """
    return {name: _unmask(field, stored.get(name)) for name, field in new.items()}


def _unmask(new: JSON, stored: JSON) -> JSON:
    if isinstance(new, Mapping) and isinstance(stored, Mapping):
        return {name: _unmask(value, stored.get(name)) for name, value in new.items()}
    if new == MASK:
        return MASK if stored is None else copy.deepcopy(stored)
    if isinstance(new, str) and isinstance(stored, str) and MASK in new:
        return stored if new == mask_url(stored) else _unmask_url(new, stored)
    return new


def _unmask_url(new: str, stored: str) -> str:
    try:
        parts, known = urlsplit(new), urlsplit(stored)
    except ValueError:
        return new
    userinfo, at, host = parts.netloc.rpartition("@")
    known_userinfo, _at, known_host = known.netloc.rpartition("@")
    if (parts.scheme, host) != (known.scheme, known_host):
        return new
    if MASK in userinfo and mask_url(stored).startswith(f"{parts.scheme}://{userinfo}@"):
        userinfo = known_userinfo
    values = dict(parse_qsl(known.query, keep_blank_values=True))
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = urlencode(
        [(name, values.get(name, MASK) if value == MASK else value) for name, value in pairs], safe="*"
    )
    return urlunsplit(parts._replace(netloc=f"{userinfo}{at}{host}", query=query))


def _walk(
    schema: Schema, value: Mapping[str, JSON], on_secret: Callable[[str], str], on_url: Callable[[str], str]
) -> Any:
    """A copy of the value with secret texts and URLs replaced."""

    def visit(field: Schema, name: str, item: JSON, hidden: bool) -> JSON:
        hidden = hidden or bool(field.get("secret")) or is_sensitive_name(name)
        if isinstance(item, Mapping):
            known, other = field.get("properties", {}), field.get("additionalProperties")
            rest = other if isinstance(other, Mapping) else {}
            return {key: visit(known.get(key, rest), str(key), inner, hidden) for key, inner in item.items()}
        if isinstance(item, list):
            return [visit(field.get("items", {}), "", inner, hidden) for inner in item]
        if hidden and not isinstance(item, bool | None):
            return on_secret(str(item))
        return on_url(item) if isinstance(item, str) and field.get("format") == "uri" else item

    return visit(schema, "", value, hidden=False)


def _still_masked(schema: Schema, value: JSON) -> Iterator[str]:
    given = _mapping(value)
    for name, field in schema.get("properties", {}).items():
        hidden = secrets({"properties": {name: field}}, {name: given.get(name)})
        if any(MASK in text for text in hidden):
            yield name


def _problems(error: ValidationError) -> Iterator[tuple[str, str]]:
    path = ".".join(str(part) for part in error.absolute_path)
    if error.validator == "required":
        for missing in _missing(error):
            yield _join(path, missing), message("%(field)s is required", field=_join(path, missing))
    elif error.validator == "additionalProperties" and error.validator_value is False:
        known = error.schema.get("properties", {}) if isinstance(error.schema, Mapping) else {}
        for extra in sorted(str(key) for key in set(_mapping(error.instance)) - set(known)):
            yield _join(path, extra), message("%(field)s is not a known field", field=_join(path, extra))
    else:
        yield path, _complaint(error, path or message("the value"))


def _missing(error: ValidationError) -> list[str]:
    # the library reports one error per missing field, naming it only in its message
    names: Any = error.validator_value
    required = [str(name) for name in names if name not in _mapping(error.instance)]
    return [name for name in required if error.message.startswith(repr(name))] or required


_COMPLAINTS = {
    "const": message("%(field)s has another value than required"),
    "minimum": message("%(field)s must be at least %(limit)s"),
    "maximum": message("%(field)s must be at most %(limit)s"),
    "exclusiveMinimum": message("%(field)s must be more than %(limit)s"),
    "exclusiveMaximum": message("%(field)s must be less than %(limit)s"),
    "minLength": message("%(field)s must have at least %(limit)s characters"),
    "maxLength": message("%(field)s must have at most %(limit)s characters"),
    "minItems": message("%(field)s must have at least %(limit)s items"),
    "maxItems": message("%(field)s must have at most %(limit)s items"),
    "minProperties": message("%(field)s must have at least %(limit)s fields"),
    "uniqueItems": message("%(field)s must not repeat an item"),
    "pattern": message("%(field)s does not have the right form"),
    "format": message("%(field)s is not a valid %(limit)s"),
}
_NOT_VALID = message("%(field)s is not valid")


def _complaint(error: ValidationError, field: str) -> Message:
    limit: Any = error.validator_value
    keyword = str(error.validator)
    hint = error.schema.get("hint") if isinstance(error.schema, Mapping) else None
    if hint and keyword in ("pattern", "format"):
        return message("%(field)s %(hint)s", field=field, hint=hint)
    if keyword == "type":
        kinds = [limit] if isinstance(limit, str) else limit
        kind = joined(message(" or "), (_TYPES.get(kind, kind) for kind in kinds))
        return message("%(field)s must be %(kind)s", field=field, kind=kind)
    if keyword == "enum":
        choices = joined(", ", (str(choice) or message("(blank)") for choice in limit))
        return message("%(field)s must be one of %(choices)s", field=field, choices=choices)
    if (keyword, limit) == ("minLength", 1):
        return message("%(field)s %(hint)s", field=field, hint=message("must not be blank"))
    return _COMPLAINTS.get(keyword, _NOT_VALID).with_values(field=field, limit=limit)


def _mapping(value: Any) -> Mapping[str, JSON]:
    return value if isinstance(value, Mapping) else {}


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
