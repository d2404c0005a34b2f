"""A destination's form: what, where, whom, how and when; its settings as its connector's schema asks."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.utils import ErrorList
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from destinations.admin.base.links import with_help
from destinations.admin.base.tags import TagsField
from destinations.admin.resources import schema_form
from destinations.configuration import kept_secrets, validation
from destinations.connectors import registry, schemas
from destinations.connectors.base import Connector
from destinations.models import Destination, Resource
from profiles.forms import JSONText, JSONTextField

PREFIX = "settings"
EXAMPLE = {"id": "profile@id"}
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
    """Without settings, as for a connector that cannot be used: those stay as they are."""

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
        widget=JSONText(rows=10, **{"data-notation": "mapping"}),
        help_text=gettext_lazy('How the payload is made of the profile, for example {"id": "profile@id"}.'),
    )
    tags = TagsField()

    connector: Connector | None = None

    class Meta:
        model = Destination
        fields = (
            *("name", "description", "resource", "use_test_credentials", "prerequisites", "mapping"),
            *(
                "on_leave",
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
            self.initial["mapping"] = EXAMPLE
        if self.connector is not None:
            schema = self.connector.settings_schema
            shown = schema_form.settings_initial(schema, PREFIX, self.instance.settings)
            self.initial = {**shown, **self.initial}

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
            # Settings were reported field by field, and text that is no JSON as such.
            for field, problems in error.error_dict.items():
                if field == PREFIX:
                    problems = [problem for problem in problems if problem.code == kept_secrets.CODE]
                if problems and field not in self.errors:
                    self.add_error(field if field in self.fields else None, problems)

    def _take_settings(self, schema: Any, typed: dict[str, Any]) -> None:
        value = schema_form.settings_value(schema, typed, self.instance.settings)
        self.instance.settings = value
        for path, sentence in schemas.validate(schema, schemas.with_defaults(schema, value)):
            field = schema_form.field_for(schema, PREFIX, path)
            if field not in self.errors:
                self.add_error(field, sentence)


def destination_form(resource: Resource) -> type[DestinationForm]:
    """The form for destinations at resources of this one's type."""
    connector = registry.find(resource.type_id)
    members: dict[str, Any] = {"connector": connector, "__module__": __name__}
    if connector is not None:
        members |= schema_form.settings_fields(connector.settings_schema, PREFIX)
    members["resource"] = forms.ModelChoiceField(
        label=_("Resource"),
        queryset=Resource.objects.filter(type_id=resource.type_id).defer("production", "test"),
        empty_label=None,
        initial=resource.pk,
        help_text=_("Those of the same type; for another type add another destination."),
    )
    return type("DestinationForm", (DestinationForm,), members)


def fieldsets(form: type[DestinationForm]) -> list[tuple[str, dict[str, Any]]]:
    """From top to bottom: what it is, where to, whom, what, how, when."""
    settings = [name for name in form.base_fields if name.startswith(f"{PREFIX}.")]
    whom, how = _("The prerequisites: who is sent, and who is not."), _("How to write it")
    what = _("The mapping: what is made of a profile.")
    sets: list[tuple[str, dict[str, Any]]] = [
        _fieldset(_("What it is"), _("Its name, for people."), "name", "description", "enabled", "tags"),
        _fieldset(_("Where to"), _("The system that it sends to."), "resource", "use_test_credentials"),
        _fieldset(_("Whom"), with_help(whom, "notation#asking-conditions", how), "prerequisites"),
        _fieldset(_("What"), with_help(what, "notation#making-new-data-templates", how), "mapping"),
    ]
    if form.connector is not None and settings:
        its = _("The settings of %(name)s.") % {"name": form.connector.name}
        sets.append(_fieldset(_("How"), with_help(its, "connectors", _("About connectors")), *settings))
    gone = _("What becomes of a profile there that is not wanted any more.")
    sets.append(_fieldset(_("Leaving"), with_help(gone, "concepts#leaving", _("About leaving")), "on_leave"))
    waiting = _("How long it waits for the changes of a profile to end.")
    sets.append(_fieldset(_("When"), waiting, "quiet_period", "max_wait"))
    limits = _("What the other system can bear.")
    return [*sets, _fieldset(_("How fast"), limits, "concurrency", ("rate_limit", "rate_period"))]


def is_secret(fieldset: tuple[str, dict[str, Any]]) -> bool:
    """Whether only those who may change a destination may see it: settings hold secrets."""
    return any(str(name).startswith(f"{PREFIX}.") for name in fieldset[1]["fields"])


def _fieldset(title: str, description: str, *fields: str | tuple[str, ...]) -> tuple[str, dict[str, Any]]:
    return title, {"fields": list(fields), "description": description, "classes": ["tracsync-step"]}
