"""A destination's form: what, where, whom, how and when; its settings as its connector's schema asks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.utils import ErrorList
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from destinations.admin.base.links import with_help
from destinations.admin.base.tags import TagsField
from destinations.admin.destinations import fields
from destinations.admin.resources import schema_form
from destinations.admin.resources.schema_form import as_for_all, with_present
from destinations.configuration import kept_secrets, validation
from destinations.connectors import registry, schemas
from destinations.connectors.base import ConfigurationError, Connector, Preset
from destinations.connectors.capabilities import presets
from destinations.insight.explain import in_force
from destinations.models import TODAYS, Destination, Resource
from profiles.forms import JSONText, JSONTextField
from tracsync.common.numbers import short
from tracsync.common.translation import translated

PREFIX = "settings"
EXAMPLE = {"id": "profile@id"}
Fieldset = tuple[str, dict[str, Any]]
LINES = re.compile(r"<li>(?=[^<]*\n)")


class ConditionField(forms.CharField):
    """Browsers send line ends as two characters; a condition that was only opened has not changed."""

    def to_python(self, value: Any) -> Any:
        return (super().to_python(value) or "").replace("\r\n", "\n")

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.to_python(initial or ""), data)


class Mistakes(ErrorList):
    """Those of code have a marker below their place, so that their lines scroll: by keyboard as well."""

    def render(self, *args: Any, **kwargs: Any) -> SafeString:
        html = super().render(*args, **kwargs)
        return mark_safe(LINES.sub('<li tabindex="0">', html))  # noqa: S308 - escaped already

    __str__ = __html__ = render


class DestinationForm(forms.ModelForm):
    """Without settings, as for a connector that cannot be used: those stay as they are.

    `preset` is what the form begins with instead of what is stored.
    """

    prerequisites = ConditionField(
        label=gettext_lazy("Prerequisites"),
        required=False,
        widget=JSONText(rows=4, **{"data-notation": "condition"}),
        help_text=gettext_lazy(
            "Which profiles are sent, for example profile@data.contact.email.business EXISTS."
            " Blank: all of them."
        ),
    )
    mapping = JSONTextField(
        label=gettext_lazy("Mapping"),
        unique_keys=True,
        widget=JSONText(rows=10, **{"data-notation": "mapping"}),
        help_text=gettext_lazy('How the payload is made of the profile, for example {"id": "profile@id"}.'),
    )
    tags = TagsField()

    resource_chosen: Resource
    connector: Connector | None = None
    preset: Preset | None = None

    class Meta:
        model = Destination
        fields = (
            *("name", "slug", "description", "resource", "use_test_credentials", "prerequisites", "mapping"),
            *(
                "on_leave",
                "on_delete",
                "quiet_period",
                "max_wait",
                "concurrency",
                "rate_limit",
                "rate_period",
                "enabled",
                "tags",
            ),
        )
        widgets = {"description": forms.Textarea({"rows": 2, "class": "vLargeTextField"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"error_class": Mistakes, **kwargs})
        if self.instance._state.adding:
            self.initial.update(_beginning(self.preset or Preset("")))
        else:
            with suppress(ConfigurationError):  # the page says so, and shows what is stored
                self.instance.bring_up_to_date()
        if self.connector is not None:
            schema = self.connector.settings_schema
            settings = {**self.instance.settings, **(self.preset.settings if self.preset else {})}
            shown = schema_form.settings_initial(schema, PREFIX, settings)
            self.initial = {**shown, **self.initial}
            is_new = self.instance.resource_id is None
            at = Destination(resource=self.resource_chosen) if is_new else self.instance
            fields.suggest(self, PREFIX, schema, at)

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self.instance.resource_id is None:
            return
        typed: dict[str, Any] = {}
        if self.connector is not None:
            schema = self.connector.settings_schema
            typed = schema_form.settings_typed(schema, PREFIX, self.cleaned_data)
            self._take_settings(schema, typed)
        try:
            validation.check_destination(self.instance, entered=typed)
        except ValidationError as error:
            for field, problems in error.error_dict.items():
                if field == PREFIX:
                    self._say_of_settings(problems)
                elif field not in self.errors:  # text that is no JSON was reported as such
                    self.add_error(field if field in self.fields else None, problems)

    def _say_of_settings(self, problems: list[ValidationError]) -> None:
        """Those of the schema were reported field by field; the connector's own begin with their place."""
        for problem in problems:
            text = str(problem.message)
            place = text.split(" ", 1)[0].rstrip(":")
            field = (
                schema_form.field_for(self.connector.settings_schema, PREFIX, place)
                if self.connector
                else None
            )
            if problem.code == kept_secrets.CODE or not self._has_said_of_settings:
                self.add_error(field, problem)

    @property
    def _has_said_of_settings(self) -> bool:
        return any(name.startswith(f"{PREFIX}.") for name in self.errors)

    def _take_settings(self, schema: Any, typed: dict[str, Any]) -> None:
        value = schema_form.settings_value(schema, typed, self.instance.settings)
        self.instance.settings, self.instance.settings_version = value, TODAYS
        for path, sentence in schemas.validate(schema, schemas.with_defaults(schema, value)):
            field = schema_form.field_for(schema, PREFIX, path)
            if field not in self.errors:
                self.add_error(field, sentence)


def destination_form(resource: Resource, preset: str = "") -> type[DestinationForm]:
    """The form for destinations at resources of this one's type. `preset`: the number of the one chosen."""
    connector = registry.find(resource.type_id)
    members: dict[str, Any] = {
        "connector": connector,
        "resource_chosen": resource,
        "__module__": __name__,
    }
    if connector is not None:
        offered = dict(enumerate(presets(connector)))
        members["preset"] = offered.get(int(preset) if preset.isdecimal() else -1)
        members |= schema_form.settings_fields(connector.settings_schema, PREFIX)
    members["resource"] = forms.ModelChoiceField(
        label=_("Resource"),
        queryset=Resource.objects.filter(type_id=resource.type_id).defer("production", "test"),
        empty_label=None,
        initial=resource.pk,
        help_text=_("Those of the same type; for another type add another destination."),
    )
    return type("DestinationForm", (DestinationForm,), members)


def _beginning(preset: Preset) -> dict[str, Any]:
    mapping = EXAMPLE if preset.mapping is None else preset.mapping
    return {"prerequisites": preset.prerequisites, "mapping": mapping}


def preset_links(request: HttpRequest, resource: Resource) -> list[dict[str, Any]]:
    """What the page offers to begin with: links to itself."""
    chosen = request.GET.get("preset", "")
    connector = registry.find(resource.type_id)
    return [
        {
            "name": translated(preset.name),
            "description": translated(preset.description),
            "url": f"?resource={resource.pk}&preset={number}",
            "chosen": chosen == str(number),
        }
        for number, preset in enumerate(presets(connector) if connector else ())
    ]


def fieldsets(form: type[DestinationForm], stored: Destination | None) -> list[Fieldset]:
    """From top to bottom: what it is, where to, whom, what, how, when."""
    whom, how = _("The prerequisites: who is sent, and who is not."), _("How to write it")
    what = _("The mapping: what is made of a profile.")
    named = _("Its name, for people; its slug, for programs.")
    sets: list[Fieldset] = [
        _fieldset(_("What it is"), named, "name", "slug", "description", "enabled", "tags"),
        _fieldset(_("Where to"), _("The system that it sends to."), "resource", "use_test_credentials"),
        _fieldset(_("Whom"), with_help(whom, "notation#asking-conditions", how), "prerequisites"),
        _fieldset(_("What"), with_help(what, "notation#making-new-data-templates", how), "mapping"),
    ]
    if form.connector is not None:
        given = form.preset or stored
        sets += _how(form.connector, given.settings if given else {})
    gone = _("What becomes of a profile there that is not wanted any more.")
    about = with_help(gone, "concepts#leaving", _("About leaving"))
    sets.append(_fieldset(_("Leaving"), about, "on_leave", "on_delete"))
    return [*sets, *_advanced(stored or Destination(resource=form.resource_chosen))]


def _advanced(destination: Destination) -> Iterator[Fieldset]:
    """What few need: folded, with what holds at present."""
    waiting = _("How long it waits for the changes of a profile to end.")
    own, quiet = destination.quiet_period is not None, _of(destination.effective_quiet_period)
    said = [_("waits %(time)s") % {"time": quiet if own else as_for_all(quiet)}]
    if longest := destination.effective_max_wait:
        most = _of(longest) if destination.max_wait is not None else as_for_all(_of(longest))
        said.append(_("at most %(time)s") % {"time": most})
    yield _folded(_fieldset(with_present(_("When"), said), waiting, "quiet_period", "max_wait"))
    limits = _("What the other system can bear.")
    said = in_force(destination, timezone.now())
    how_fast = with_present(_("How fast"), said)
    yield _folded(_fieldset(how_fast, limits, "concurrency", ("rate_limit", "rate_period")))


def _of(time: timedelta) -> str:
    return _("%(seconds)s s") % {"seconds": short(time.total_seconds())}


def _folded(fieldset: Fieldset) -> Fieldset:
    title, part = fieldset
    return title, {**part, "classes": ["collapse", *part["classes"]]}


def _how(connector: Connector, settings: Mapping[str, Any]) -> Iterator[Fieldset]:
    """The fields: the simple ones first, the others folded by topic, with what holds in the title."""
    by_topic: dict[str, list[schema_form.Leaf]] = {}
    for leaf in schema_form.leaves(connector.settings_schema):
        by_topic.setdefault(leaf.topic, []).append(leaf)
    for topic, leaves in by_topic.items():
        names = [f"{PREFIX}.{leaf.name}" for leaf in leaves]
        if not topic:
            its = _("The settings of %(name)s.") % {"name": connector.name}
            yield _fieldset(_("How"), with_help(its, "connectors", _("About connectors")), *names)
            continue
        title = with_present(topic, schema_form.present(leaves, dict(settings)))
        yield title, {"fields": names, "classes": ["collapse", "tracsync-topic"]}


def is_secret(fieldset: Fieldset) -> bool:
    """Whether only those who may change a destination may see it: settings hold secrets."""
    return any(str(name).startswith(f"{PREFIX}.") for name in fieldset[1]["fields"])


def _fieldset(title: str, description: str, *fields: str | tuple[str, ...]) -> Fieldset:
    return title, {"fields": list(fields), "description": description, "classes": ["tracsync-step"]}
