"""What JSON Schemas (Draft 2020-12) say about credentials, settings and payloads.

Keywords of our own, which validators ignore: `"secret": true` marks a value that is never shown,
`"format": "uri"` one that is shown without its password and query, `"address": true` one that decides where
what is sent goes or who can read it on the way, and `"hint"` replaces the message of a failing `pattern` or
`format`.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
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

Path = tuple[str | int, ...]

MOST_NAMED = 12  # fields that there are, where one is not known
MOST_COMPARED = 10  # unknown fields of one object that are compared with these
LONGEST_COMPARED = 60  # characters

_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,9})?", re.ASCII)
_ADDRESS = re.compile(
    r"(?:^|[^a-z]|(?-i:(?<=[a-z])(?=[A-Z])))"
    r"(?:ur[il]|host|proxy|endpoint|server|broker|domain|address|ssl|tls|verify)",
    re.I,
)


def validate(schema: Schema, value: JSON) -> list[tuple[str, str]]:
    """What is wrong with a value, as (dotted path, sentence); empty when nothing is.

    The sentences name fields and limits and never hold the value: it may be secret or personal.
    """
    return [(_dotted(path), sentence) for path, sentence in placed(schema, value)]


def placed(schema: Schema, value: JSON) -> list[tuple[Path, str]]:
    """As `validate`, with the keys and places in lists that lead to what is wrong, or missing."""
    if not schema:
        return []  # every payload passes through here, and most connectors ask nothing of it
    problems = [problem for error in _errors(schema, value) for problem in _problems(error)]
    hidden = _still_masked(schema, value)
    return problems + [
        ((name,), message("%(field)s is hidden; type it again", field=name)) for name in hidden
    ]


def located(schema: Schema, value: JSON) -> list[tuple[Path, str]]:
    """As `validate`, for values without secrets: with the keys and places in lists that lead to it."""
    return [
        (tuple(error.absolute_path), sentence)
        for error in _errors(schema, value)
        for _path, sentence in _problems(error)
    ]


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


def understood(schema: Schema, value: Mapping[str, JSON]) -> dict[str, JSON]:
    """A copy in which what can only mean one thing is written as the schema has it.

    That is for settings that come from elsewhere, such as Tracardi's.

    A choice in other letter case ("post"), a number or a boolean as text ("30"), and null where a value may
    be left out. Everything else stays, for `validate` to judge.
    """
    required = schema.get("required", ())
    found: dict[str, JSON] = {}
    for name, item in value.items():
        field = schema.get("properties", {}).get(name, {})
        may_be_left_out = bool(field) and name not in required and "null" not in _kinds(field)
        if item is None and may_be_left_out and _kinds(field):
            continue
        found[name] = _understood(field, item)
    return found


def _understood(field: Schema, item: JSON) -> JSON:
    if isinstance(item, Mapping):
        return understood(field, item)
    if not isinstance(item, str):
        return item
    choices = field.get("enum", ())
    if item not in choices:
        alike = [one for one in choices if isinstance(one, str) and one.lower() == item.strip().lower()]
        if len(alike) == 1:
            return alike[0]
    kinds = _kinds(field)
    if kinds in (["number"], ["integer"]) and _NUMBER.fullmatch(item.strip()):
        number = float(item)
        return int(number) if number.is_integer() else number
    if kinds == ["boolean"]:
        return {"true": True, "false": False}.get(item.strip().lower(), item)
    return item


def _kinds(field: Schema) -> list[str]:
    kinds = field.get("type", [])
    return [kinds] if isinstance(kinds, str) else list(kinds)


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
    return [text for _field, text in _secrets(schema, value)]


def fields_with(schema: Schema, value: Mapping[str, JSON], known: Collection[str]) -> list[str]:
    """Dotted paths of the fields in which one of these secret texts is found."""
    return list(dict.fromkeys(field for field, text in _secrets(schema, value) if text in known))


def addresses(schema: Schema, value: Mapping[str, JSON]) -> set[tuple[str, str]]:
    """What decides where a value's secrets go, as (dotted path of the field, what it says).

    Of a URL that is scheme and host: another path is the same place. True or false counts where it is not the
    default. A field says `"address": true` or false; without that its `format` and name tell.
    """
    return {
        (path, _place(item))
        for path, field, item in _fields(schema, with_defaults(schema, value))
        if _is_address(path, field) and not (isinstance(item, bool) and item == field.get("default"))
    }


def _is_address(path: str, field: Schema) -> bool:
    said = field.get("address")
    if isinstance(said, bool):
        return said
    return field.get("format") == "uri" or bool(_ADDRESS.search(path.rpartition(".")[2]))


def _place(item: JSON) -> str:
    text = item if isinstance(item, str) else json.dumps(item, sort_keys=True)
    try:
        parts = urlsplit(text)
    except ValueError:
        return text
    if not parts.scheme or not parts.netloc or "\\" in text:  # programs read a backslash in many ways
        return text
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()


def _fields(schema: Schema, value: JSON, path: str = "") -> Iterator[tuple[str, Schema, JSON]]:
    """The single fields, those that are declared and those that are there."""
    given, declared = _mapping(value), schema.get("properties", {})
    for name in {**declared, **given}:
        field = declared.get(name, {})
        if field.get("properties"):
            yield from _fields(field, given.get(name), _join(path, name))
        else:
            yield _join(path, str(name)), field, given.get(name)


def _secrets(schema: Schema, value: Mapping[str, JSON]) -> Iterator[tuple[str, str]]:
    """Every secret text with the field that holds it."""
    declared = schema.get("properties", {})
    found: list[str] = []
    for name, item in value.items():
        field = declared.get(name, {})
        is_open = field.get("properties") and not field.get("secret") and not is_sensitive_name(name)
        if is_open and isinstance(item, Mapping):
            yield from ((_join(name, inner), text) for inner, text in _secrets(field, item))
            continue
        found.clear()
        _walk(schema, {name: item}, found.append, lambda url: found.extend(url_secrets(url)))
        yield from ((name, text) for text in found if text)


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
    schema: Schema, value: Mapping[str, JSON], on_secret: Callable[[str], Any], on_url: Callable[[str], Any]
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


def _errors(schema: Schema, value: JSON) -> list[ValidationError]:
    found = Draft202012Validator(schema).iter_errors(value)
    return sorted(found, key=lambda error: list(map(str, error.path)))


def _problems(error: ValidationError) -> Iterator[tuple[Path, str]]:
    path = tuple(error.absolute_path)
    if error.validator == "required":
        for missing in _missing(error):
            at = (*path, missing)
            yield at, message("%(field)s is required", field=_dotted(at))
    elif error.validator == "additionalProperties" and error.validator_value is False:
        known = error.schema.get("properties", {}) if isinstance(error.schema, Mapping) else {}
        for number, extra in enumerate(sorted(map(str, set(_mapping(error.instance)) - set(known)))):
            at = (*path, extra)
            yield at, _unknown(at, list(known), number < MOST_COMPARED)
    else:
        yield path, _complaint(error, _dotted(path) or message("the value"))


def _unknown(at: Path, known: Sequence[str], compare: bool) -> Message:
    field, name = _dotted(at), str(at[-1])
    near = get_close_matches(name, known, 1) if compare and len(name) <= LONGEST_COMPARED else []
    if near:
        return message("%(field)s is not a known field; did you mean %(name)s?", field=field, name=near[0])
    if not known:
        return message("%(field)s is not a known field: there are none", field=field)
    names = joined(", ", [*known[:MOST_NAMED], *(["..."] if len(known) > MOST_NAMED else [])])
    return message("%(field)s is not a known field: there are %(names)s", field=field, names=names)


def _missing(error: ValidationError) -> list[str]:
    # the library reports one error per missing field, naming it only in its message
    names: Any = error.validator_value
    required = [str(name) for name in names if name not in _mapping(error.instance)]
    return [name for name in required if error.message.startswith(repr(name))] or required


_COMPLAINTS = {
    "const": message("%(field)s must be %(limit)s"),
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
    if keyword == "const":
        limit = json.dumps(limit, ensure_ascii=False)
    if (keyword, limit) == ("minLength", 1):
        return message("%(field)s %(hint)s", field=field, hint=message("must not be blank"))
    return _COMPLAINTS.get(keyword, _NOT_VALID).with_values(field=field, limit=limit)


def _dotted(path: Path) -> str:
    return ".".join(map(str, path))


def _mapping(value: Any) -> Mapping[str, JSON]:
    return value if isinstance(value, Mapping) else {}


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
