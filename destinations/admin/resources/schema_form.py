"""Form fields made from a connector's JSON Schema, and values made from what was typed into them.

Objects with known properties become one field per property, named by their dotted path; objects of any
keys, lists and the unusual become JSON text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from destinations.connectors import schemas
from destinations.connectors.redaction import MASK
from profiles.forms import JSONText, JSONTextField
from tracsync.common.numbers import short
from tracsync.common.translation import translated

Value = dict[str, Any]
MOST_PRESENT = 3  # values that a fold tells, where they are only defaults


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value in a schema's object. `labels`: the titles on the way to it; `topic`: the fold it is in."""

    path: tuple[str, ...]
    schema: Mapping[str, Any]
    labels: tuple[str, ...]
    required: bool
    topic: str = ""

    @property
    def name(self) -> str:
        return ".".join(self.path)

    @property
    def kind(self) -> str:
        return _kind(self.schema)

    @property
    def secret(self) -> bool:
        return bool(self.schema.get("secret"))


def leaves(
    schema: Mapping[str, Any],
    path: tuple[str, ...] = (),
    labels: tuple[str, ...] = (),
    needed: bool = True,
    topic: str = "",
) -> Iterator[Leaf]:
    """What is required within an object is required where the object is (`needed`)."""
    required = schema.get("required", ()) if needed else ()
    for name, field in schema.get("properties", {}).items():
        titles = (*labels, translated(field.get("title", name)))
        within = topic or translated(str(field.get("topic", "")))
        if _kind(field) == "object" and field.get("properties") and not field.get("secret"):
            yield from leaves(field, (*path, name), titles, name in required, within)
        else:
            yield Leaf((*path, name), field, titles, name in required, within)


def settings_fields(schema: Mapping[str, Any], prefix: str) -> dict[str, forms.Field]:
    """Fields that show what is stored, secrets masked."""
    return {f"{prefix}.{leaf.name}": _settings_field(leaf) for leaf in leaves(schema)}


def settings_initial(schema: Mapping[str, Any], prefix: str, stored: Value) -> Value:
    """With the defaults also of objects that are not there: a browser would choose the first of a list."""
    shown = schemas.mask(schema, schemas.with_defaults(schema, stored))
    found = {}
    for leaf in leaves(schema):
        value = dig(shown, leaf.path)
        found[f"{prefix}.{leaf.name}"] = leaf.schema.get("default") if value is None else value
    return found


def settings_typed(schema: Mapping[str, Any], prefix: str, cleaned: Value) -> Value:
    """What the fields say, masks included."""
    typed = _required_objects(schema)
    for leaf in leaves(schema):
        value = _typed(cleaned.get(f"{prefix}.{leaf.name}"))
        if value is not None and (value != "" or "default" in leaf.schema):
            bury(typed, leaf.path, value)
    return typed


def settings_value(schema: Mapping[str, Any], typed: Value, stored: Value) -> Value:
    """What the fields mean: masked texts are what is stored, and what was not touched stays as it was.

    A default is only written down where it is already: opening and saving changes nothing, and what is
    changed back is as it was.
    """
    typed = schemas.unmask(schema, typed, stored)
    known = set(schema.get("properties", {}))
    result = {name: value for name, value in stored.items() if name not in known} | _required_objects(schema)
    for leaf in leaves(schema):
        value, before = dig(typed, leaf.path), dig(stored, leaf.path)
        if value is not None and (value == before or value != leaf.schema.get("default")):
            bury(result, leaf.path, before if value == before else value)
    return result


def secret_fields(schema: Mapping[str, Any], prefix: str, stored: Value) -> dict[str, forms.Field]:
    """Fields that show nothing of what is stored, each with a box to remove it where it may be missing."""
    fields: dict[str, forms.Field] = {}
    for leaf in leaves(schema):
        name, value = f"{prefix}.{leaf.name}", dig(stored, leaf.path)
        fields[name] = _secret_field(leaf, value)
        fields[name].stored_names = _names(leaf, value)  # type: ignore[attr-defined]
        if is_set(value) and not leaf.required:
            help = _("What is stored, when you save. It asks first.")
            fields[f"{name}.remove"] = forms.BooleanField(required=False, label=_("remove"), help_text=help)
    return fields


def secret_value(schema: Mapping[str, Any], prefix: str, cleaned: Value, stored: Value) -> Value:
    """What is stored, with what was typed in its place and without what is to be removed.

    Of an object a masked value is what is stored under its name.
    """
    result: Value = {}
    for leaf in leaves(schema):
        name = f"{prefix}.{leaf.name}"
        value = _typed(cleaned.get(name))
        if isinstance(value, dict):
            value = schemas.unmask({}, {"": value}, {"": dig(stored, leaf.path)})[""]
        if value in (None, ""):
            value = None if cleaned.get(f"{name}.remove") else dig(stored, leaf.path)
        if value is not None:
            bury(result, leaf.path, value)
    return result


def present(leaves: Iterable[Leaf], stored: Value) -> list[str]:
    """What holds of these, in short: what is set, and the defaults of the others that have a plain one.

    Only plain values are told: others are long, or secret.
    """
    is_set_here, defaults = [], []
    for leaf in leaves:
        label, value, default = ": ".join(leaf.labels), dig(stored, leaf.path), leaf.schema.get("default")
        if is_set(value) and value != default:
            told = "" if leaf.secret else _plain(leaf, value)
            is_set_here.append(f"{label}: {told}" if told else label)
        elif _counts(leaf, stored) and (told := _plain(leaf, default)):
            defaults.append(as_for_all(f"{label}: {told}"))
    return [*is_set_here, *defaults[: max(0, MOST_PRESENT - len(is_set_here))]] or [_("nothing set")]


def _counts(leaf: Leaf, stored: Value) -> bool:
    """Whether its default holds: not where the object that it would be in is not there."""
    return len(leaf.path) == 1 or isinstance(dig(stored, leaf.path[:-1]), Mapping)


def names_set(leaves: Iterable[Leaf], stored: Value) -> list[str]:
    """What is set of these, by name alone: values that are never shown."""
    found = [": ".join(leaf.labels) for leaf in leaves if is_set(dig(stored, leaf.path))]
    return found or [_("nothing set")]


def _plain(leaf: Leaf, value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, int | float):
        return short(value)
    return value if isinstance(value, str) and "enum" in leaf.schema else ""


def with_present(title: Any, values: Iterable[str]) -> SafeString:
    """The title of a fold that says what holds, so that nobody has to open it to know."""
    return format_html('{} <span class="t-present">{}</span>', title, "; ".join(values))


def as_for_all(value: str) -> str:
    return _("%(value)s, as for all") % {"value": value}


def field_for(schema: Mapping[str, Any], prefix: str, path: str) -> str | None:
    """The form field that a complaint about this dotted path belongs to."""
    for leaf in leaves(schema):
        if path == leaf.name or path.startswith(f"{leaf.name}.") or leaf.name.startswith(f"{path}."):
            return f"{prefix}.{leaf.name}"
    return None


def is_set(value: Any) -> bool:
    return value not in (None, "", {}, [])


def dig(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def bury(value: Value, path: tuple[str, ...], leaf: Any) -> None:
    for name in path[:-1]:
        value = value.setdefault(name, {})
    value[path[-1]] = leaf


def _kind(schema: Mapping[str, Any]) -> str:
    """The one type that a value has beside null; "" where it may have several."""
    kind = schema.get("type", "")
    kinds = [kind] if isinstance(kind, str) else [one for one in kind if one != "null"]
    return str(kinds[0]) if len(kinds) == 1 else ""


def _required_objects(schema: Mapping[str, Any]) -> Value:
    """Those that must exist, so that complaints are about the fields in them."""
    fields = schema.get("properties", {})
    names = [name for name in schema.get("required", ()) if fields.get(name, {}).get("properties")]
    return {name: _required_objects(fields[name]) for name in names}


def _typed(value: Any) -> Any:
    """10 where a form says 10.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _settings_field(leaf: Leaf) -> forms.Field:
    hidden = " " + _("What is stored is shown as %(mask)s.") % {"mask": MASK} if leaf.secret else ""
    common: Value = {
        "label": ": ".join(leaf.labels),
        "required": False,
        "help_text": format_html("{}{}", _help(leaf), hidden),
    }
    choices = leaf.schema.get("enum")
    if choices:
        blank = [] if "default" in leaf.schema else [("", "---------")]
        return _choice(choices, blank, **common)
    if leaf.kind == "boolean":
        return forms.BooleanField(**common)
    return _plain_field(leaf, forms.PasswordInput(render_value=True) if leaf.secret else None, common)


def _names(leaf: Leaf, stored: Any) -> list[str]:
    """Those of an object of texts, which may be seen: their values are not."""
    return list(stored) if leaf.kind == "object" and isinstance(stored, Mapping) else []


class TemplateField(JSONTextField):
    """A template: a text is written as it is, an object or a list as JSON."""

    def to_python(self, value: Any) -> Any:
        text = (value or "").strip()
        is_json = text.startswith(("{", "[", '"')) and not text.startswith("{{")
        return super().to_python(value) if is_json or not text else text


class SecretText(JSONText):
    """As a password field does it: what was typed is not shown again, not even beside an error."""

    def format_value(self, value: Any) -> str:
        return ""


def _secret_field(leaf: Leaf, stored: Any) -> forms.Field:
    note = format_html("<strong>{}</strong> {}", _note(leaf, stored), _help(leaf))
    common: Value = {"label": ": ".join(leaf.labels), "required": False, "help_text": note}
    unchanged = [("", _("as it is") if is_set(stored) else _("default"))]
    choices = (True, False) if leaf.kind == "boolean" else leaf.schema.get("enum")
    if choices:
        return _choice(choices, unchanged, **common)
    # Browsers would fill stored passwords into fields that are called so.
    field = _plain_field(leaf, None, common) if not leaf.secret else None
    field = field or _plain_field(
        leaf, forms.PasswordInput({"autocomplete": "new-password"}), common, SecretText
    )
    if "data-rows" in field.widget.attrs and (names := _names(leaf, stored)):
        field.widget.attrs["data-stored"] = json.dumps(dict.fromkeys(names, MASK))
    return field


def _plain_field(
    leaf: Leaf, secret_widget: forms.Widget | None, common: Value, text: type[JSONText] = JSONText
) -> forms.Field:
    if leaf.kind == "string":
        widget = secret_widget or forms.TextInput({"autocomplete": "off"})
        widget.attrs["class"] = "vTextField"
        return forms.CharField(widget=widget, strip=not leaf.secret, **common)
    if leaf.kind == "number":
        return forms.FloatField(**common)
    if leaf.kind == "integer":
        return forms.IntegerField(**common)
    kinds: dict[str, type] = {"object": dict, "array": list}
    field = JSONTextField if leaf.kind in kinds else TemplateField
    widget = text(rows=4, **_rows(leaf))
    return field(kind=kinds.get(leaf.kind), unique_keys=True, widget=widget, **common)


def _rows(leaf: Leaf) -> dict[str, str]:
    """What rows.js needs to show an object of texts as rows; the words are the reader's."""
    if leaf.kind != "object" or not leaf.schema.get("additionalProperties"):
        return {}
    return {
        "data-mask": MASK,
        "data-rows": ": ".join(leaf.labels),
        "data-name": _("Name"),
        "data-value": _("Value"),
        "data-add": _("Add a row"),
        "data-remove": _("Remove"),
        "data-twice": _("Another row has this name."),
    }


def _choice(values: Any, blank: list[tuple[str, str]], **common: Any) -> forms.Field:
    names = {str(value).lower() if isinstance(value, bool) else str(value): value for value in values}
    choices = blank + [(name, _in_words(value) or _("(blank)")) for name, value in names.items()]
    return forms.TypedChoiceField(choices=choices, coerce=names.__getitem__, empty_value=None, **common)


def _in_words(value: Any) -> str:
    """As a person says it, who knows no Python."""
    return (_("yes") if value else _("no")) if isinstance(value, bool) else str(value)


def _help(leaf: Leaf) -> str:
    parts = [_("Required.")] if leaf.required else []
    parts.append(translated(str(leaf.schema.get("description", ""))))
    if leaf.kind == "object":
        as_json = _('As JSON, for example {"name": "value"}.')
        parts.append(format_html('<span class="tracsync-as-json">{}</span>', as_json))
    return format_html_join(" ", "{}", ((part,) for part in parts if part))


def _note(leaf: Leaf, stored: Any) -> str:
    if not is_set(stored):
        default = leaf.schema.get("default")
        if is_set(default) and not leaf.secret:
            return conditional_escape(_("Not set; then %(default)s.") % {"default": _in_words(default)})
        return _("Not set.")
    is_address = leaf.schema.get("format") == "uri" or leaf.path[-1] in ("url", "api_url")
    host = _host(stored) if is_address and not leaf.secret else ""
    shown = ", ".join(_names(leaf, stored)) or host
    note = _("Set (%(host)s); blank keeps it.") % {"host": shown} if shown else _("Set; blank keeps it.")
    return conditional_escape(note)


def _host(url: Any) -> str:
    """Where an address leads, without anything that may be secret."""
    scheme, found, rest = str(url).partition("://")
    authority = rest.replace("?", "/").replace("#", "/").replace("\\", "/").partition("/")[0]
    return f"{scheme}://{authority.rpartition('@')[2]}" if found else ""
