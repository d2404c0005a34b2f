"""A resource's form: what its connector's schema asks for, in two sets that are never shown again."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from destinations.admin.base.links import with_help
from destinations.admin.base.tags import TagsField
from destinations.admin.resources import schema_form
from destinations.admin.resources.schema_form import with_present
from destinations.configuration import validation
from destinations.connectors import registry, schemas
from destinations.connectors.base import ConfigurationError, Connector
from destinations.connectors.capabilities import limits_of
from destinations.connectors.redaction import MASK
from destinations.insight.explain import calls, rate
from destinations.models import TODAYS, Extension, Resource
from tracsync.common.translation import translated

SETS = ("production", "test")
LIMITS = ("concurrency", "rate_limit", "rate_period")
TEST_LIMITS = tuple(f"test_{name}" for name in LIMITS)
REMOVE_TEST = "test.remove_all"
REMOVES = (".remove", ".remove_all")


class ResourceForm(forms.ModelForm):
    """Without credentials, as for a type whose connector cannot be used."""

    tags = TagsField()

    extension: Extension
    connector: Connector | None = None

    class Meta:
        model = Resource
        fields = ("name", "slug", "enabled", "tags", *LIMITS, *TEST_LIMITS)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for period in {"rate_period", "test_rate_period"} & self.fields.keys():
            self.fields[period].required = False  # where it is not sent, it stays what it is
        if self.instance._state.adding:
            self.instance.type = self.extension
        else:
            with suppress(ConfigurationError):  # the page says so
                self.instance.bring_up_to_date()

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        entered: dict[str, Any] = {}
        if self.connector is not None:
            for name in SETS:
                self._take(name, self.connector)
                schema = self.connector.credentials_schema
                entered[name] = schema_form.secret_value(schema, name, self.cleaned_data, {})
        try:
            validation.check_resource(self.instance, entered=entered)
        except ValidationError as error:
            for field, problems in error.message_dict.items():
                if field in SETS:
                    # What concerns a set as a whole; what concerns a field was said under it.
                    if not any(known.startswith(f"{field}.") for known in self.errors):
                        self.add_error(None, [f"{TITLES[field]}: {problem}" for problem in problems])
                else:
                    self.add_error(field if field in self.fields else None, problems)

    def _take(self, name: str, connector: Connector) -> None:
        schema, stored = connector.credentials_schema, getattr(self.instance, name)
        value = schema_form.secret_value(schema, name, self.cleaned_data, stored)
        if name == "test" and self.cleaned_data.get(REMOVE_TEST):
            value = {}
        setattr(self.instance, name, value)
        self.instance.credentials_version = TODAYS
        if value or name == "production":
            for path, sentence in schemas.validate(schema, schemas.with_defaults(schema, value)):
                field = schema_form.field_for(schema, name, path)
                if field not in self.errors:
                    self.add_error(field, translated(sentence))


def resource_form(extension: Extension, resource: Resource | None) -> type[ResourceForm]:
    """The form for this type; the stored resource tells which fields are set."""
    connector = registry.find(extension.pk)
    if resource is not None:
        with suppress(ConfigurationError):
            resource.bring_up_to_date()
    members: dict[str, Any] = {"extension": extension, "connector": connector, "__module__": __name__}
    if connector is not None:
        for name in SETS:
            stored = getattr(resource, name) if resource else {}
            members |= schema_form.secret_fields(connector.credentials_schema, name, stored)
    if resource is not None and resource.test:
        members[REMOVE_TEST] = forms.BooleanField(
            required=False, label=_("Remove the test credentials"), help_text=_("All of them, when you save.")
        )
    return type("ResourceForm", (ResourceForm,), members)


def put_older(typed: QueryDict, resource: Resource, content: Mapping[str, Any]) -> None:
    """Type the credentials of a version, as far as they are no secret. What is secret, in whole or in part,
    is left blank, which keeps it; what was not there then is removed.
    """
    connector = registry.find(resource.type_id)
    for leaf in schema_form.leaves(connector.credentials_schema if connector else {}):
        for name in SETS:
            field, stored = f"{name}.{leaf.name}", getattr(resource, name)
            was, is_now = schema_form.dig(content[name], leaf.path), schema_form.dig(stored, leaf.path)
            if leaf.secret or MASK in json.dumps([was]) or was == is_now:
                continue
            if schema_form.is_set(was):
                typed[field] = was if isinstance(was, str) else json.dumps(was)
            elif not leaf.required and schema_form.is_set(is_now):
                typed[f"{field}.remove"] = "on"


def removed(form: ResourceForm) -> list[str]:
    """What would be removed when the form is saved, in words."""
    ticked = [name for name, value in form.cleaned_data.items() if value and name.endswith(REMOVES)]
    gone = [(name, str(form.fields[name.removesuffix(".remove")].label)) for name in ticked]
    gone += [
        (name, f"{form.fields[name].label}: {one}") for name in form.fields for one in _left_out(form, name)
    ]
    if REMOVE_TEST in ticked:
        gone = [(name, what) for name, what in gone if not name.startswith("test.")]
        return [*(_in_its_set(*one) for one in gone), _("all test credentials")]
    return [_in_its_set(*one) for one in gone]


def _left_out(form: ResourceForm, name: str) -> list[str]:
    """What an object has stored, and has not any more as it was typed."""
    typed, known = form.cleaned_data.get(name), getattr(form.fields[name], "stored_names", ())
    return [one for one in known if one not in typed] if isinstance(typed, dict) else []


def _in_its_set(name: str, what: str) -> str:
    which = _("%s (production)") if name.startswith("production.") else _("%s (test)")
    return which % what


def fieldsets(form: type[ResourceForm], stored: Resource | None) -> list[tuple[Any, dict[str, Any]]]:
    resource = stored or Resource(type=form.extension)
    declared = form.base_fields
    what = ["name", "slug", "type_name", "enabled", "tags"]
    about = with_help(WRITE_ONLY, "connectors", _("About connectors"))
    shared = _("What the account can bear, of all destinations of this resource together.")
    how_fast = with_help(f"{shared} {_declared(form)}", "concepts#how-fast", _("About limits"))
    simple, *folds = _by_topic(form)
    return [
        (None, {"fields": what}),
        (TITLES["production"], {"fields": _rows("production", simple[1]), "description": about}),
        *(
            (
                with_present(
                    f"{TITLES['production']}: {topic}", _names_set(form, resource, "production", topic)
                ),
                {"fields": _rows("production", names), "classes": ["collapse"]},
            )
            for topic, names in folds
        ),
        (
            with_present(TITLES["test"], _names_set(form, resource, "test")),
            {"fields": _rows("test", declared), "description": TEST, "classes": ["collapse"]},
        ),
        (
            with_present(_("How fast"), _limits(resource, use_test=False)),
            {
                "fields": ["concurrency", ("rate_limit", "rate_period")],
                "description": how_fast,
                "classes": ["collapse"],
            },
        ),
        (
            with_present(_("How fast with the test credentials"), _limits(resource, use_test=True)),
            {
                "fields": ["test_concurrency", ("test_rate_limit", "test_rate_period")],
                "classes": ["collapse"],
            },
        ),
    ]


def _names_set(form: type[ResourceForm], resource: Resource, which: str, topic: str = "") -> list[str]:
    """Of one set of credentials; of all topics where none is named."""
    leaves = schema_form.leaves(form.connector.credentials_schema if form.connector else {})
    these = (leaf for leaf in leaves if topic in ("", leaf.topic))
    return schema_form.names_set(these, getattr(resource, which) or {})


def _limits(resource: Resource, *, use_test: bool) -> list[str]:
    """What holds: as set here, else as the connector says."""
    found = resource.limits(use_test)
    said = [*([calls(found.concurrency)] if found.concurrency else []), *map(rate, found.rates)]
    return said or [_("no limit")]


def _declared(form: type[ResourceForm]) -> str:
    """What holds where nothing is set."""
    declared = limits_of(form.connector)
    said = [*([calls(declared.concurrency)] if declared.concurrency else []), *map(rate, declared.rates)]
    if not said:
        return _("The connector sets no limit of its own.")
    return _("The connector sets: %s.") % ", ".join(said)


def _by_topic(form: type[ResourceForm]) -> list[tuple[str, list[str]]]:
    """The names of the production fields and of their boxes, those without a topic first."""
    groups: dict[str, list[str]] = {"": []}
    for leaf in schema_form.leaves(form.connector.credentials_schema if form.connector else {}):
        name = f"production.{leaf.name}"
        names = [one for one in (name, f"{name}.remove") if one in form.base_fields]
        groups.setdefault(leaf.topic, []).extend(names)
    return list(groups.items())


TITLES = {"production": gettext_lazy("Production credentials"), "test": gettext_lazy("Test credentials")}
WRITE_ONLY = gettext_lazy(
    "What is stored is never shown. Type a value to set or replace it; leave it blank to keep it."
)
TEST = gettext_lazy(
    "For trying things out: “Send test” and destinations that use test credentials. Leave all blank for none."
)


def _rows(name: str, declared: Collection[str]) -> list[Any]:
    """The fields of a set, each with its own box to remove it beside it."""
    rows: list[Any] = []
    for field in declared:
        if field == REMOVE_TEST and name == "test":
            rows.append(field)
        elif field.startswith(f"{name}.") and not field.endswith(".remove") and field != REMOVE_TEST:
            remove = f"{field}.remove"
            rows.append((field, remove) if remove in declared else field)
    return rows
