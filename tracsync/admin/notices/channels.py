"""Notice channels: where notices go, of what, and a test."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import DateTimeField
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from destinations.admin.base.object_actions import Act, ActingAdmin, Button
from tracsync.admin import date_and_time
from tracsync.common import times
from tracsync.common.bounded_lists import LeanAdmin
from tracsync.common.trail.edit_conflicts import SaysWhoWasFaster
from tracsync.common.translation import translated
from tracsync.models import Event, NoticeChannel
from tracsync.notices import checking, outbox

SECRETS = ("url", "signing_secret")


class EventsField(forms.TypedMultipleChoiceField):
    def __init__(self, **options: Any) -> None:
        super().__init__(
            choices=Event.choices,
            widget=forms.CheckboxSelectMultiple,
            required=False,
            label=gettext_lazy("Events"),
            help_text=gettext_lazy("What it is told of."),
            **options,
        )


class ChannelForm(forms.ModelForm):
    """What is secret is shown nowhere: blank keeps it."""

    events = EventsField()
    recipients = forms.CharField(
        required=False,
        label=gettext_lazy("Recipients"),
        help_text=gettext_lazy("Of an e-mail: addresses, with commas between them."),
        widget=forms.TextInput({"class": "vTextField"}),
    )
    url = forms.CharField(
        required=False,
        label=gettext_lazy("Address"),
        help_text=gettext_lazy("Of a webhook, Slack or Microsoft Teams: where notices are posted to."),
        widget=forms.PasswordInput({"class": "vTextField", "autocomplete": "new-password"}),
    )
    signing_secret = forms.CharField(
        required=False,
        label=gettext_lazy("Signing secret"),
        help_text=gettext_lazy(
            "Of a webhook: whsec_ and at least 16 bytes in base64; the receiver checks with it."
        ),
        widget=forms.PasswordInput({"class": "vTextField", "autocomplete": "new-password"}),
    )

    class Meta:
        model = NoticeChannel
        fields = ("name", "kind", "language", "events", "destinations", "enabled", "muted_until")
        widgets = {"destinations": forms.CheckboxSelectMultiple}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name, told in self._told().items():
            if name in self.fields:
                self.fields[name].help_text = f"{self.fields[name].help_text} {told}"
        if "recipients" in self.fields:
            self.initial["recipients"] = ", ".join(self.instance.recipients)

    def _told(self) -> dict[str, str]:
        """What is said of the secrets: whether they are set, and a new one to take."""
        stored = self.instance.secrets if self.instance.pk else {}
        told = {name: _("Set; blank keeps it.") for name in SECRETS if stored.get(name)}
        secret = f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"
        return {"signing_secret": _("A new one: %(secret)s") % {"secret": secret}} | told

    def clean_recipients(self) -> list[str]:
        found = (one.strip() for one in self.cleaned_data["recipients"].split(","))
        return list(dict.fromkeys(one for one in found if one))

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        channel = self.instance
        typed = {name: self.cleaned_data.get(name) for name in SECRETS}
        channel.secrets = {**channel.secrets, **{name: text for name, text in typed.items() if text}}
        channel.recipients = self.cleaned_data.get("recipients", channel.recipients)
        try:
            checking.check(channel)
        except ValidationError as error:
            for name, problems in error.error_dict.items():
                self.add_error(name if name in self.fields else None, problems)


def send_test(request: HttpRequest, model_admin: ActingAdmin, channel: NoticeChannel) -> None:
    problem = outbox.send_test(channel)
    failed = _("The test could not be sent: %(reason)s") % {"reason": problem}
    model_admin.say(request, failed if problem else _("The test was sent."), warning=bool(problem))


@admin.register(NoticeChannel)
class NoticeChannelAdmin(SaysWhoWasFaster, ActingAdmin, LeanAdmin):
    form = ChannelForm
    formfield_overrides = {DateTimeField: date_and_time.FIELD}
    list_display = ("name", "kind", "enabled", "last_sent", "last_problem")
    list_filter = ("kind", "enabled")
    search_fields = ("name",)
    search_help_text = gettext_lazy("A part of the name.")
    acts = {"test": Act(send_test)}
    goes_with = {
        "tracsync.NoticeChannel_destinations": "",
        "tracsync.Notice": ngettext_lazy(
            "%(count)s notice that it sent or was to send",
            "%(count)s notices that it sent or was to send",
            "count",
        ),
    }

    def for_list(self, rows: Any) -> Any:
        return rows.defer("secrets")

    def get_fieldsets(self, request: HttpRequest, obj: NoticeChannel | None = None) -> Any:
        shared = ("language", "events", "destinations", "enabled", "muted_until")
        if obj is None:
            return [(None, {"fields": ("name", "kind", "recipients", *SECRETS, *shared)})]
        return [
            (None, {"fields": ("name", "kind", *self._way(obj), *shared)}),
            (_("About"), {"fields": ("last_sent", "last_problem")}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: NoticeChannel | None = None) -> Any:
        if obj is None:
            return ()
        return ("kind", "last_sent", "last_problem", *(("person",) if obj.user_id else ()))

    def has_delete_permission(self, request: HttpRequest, obj: NoticeChannel | None = None) -> bool:
        """A person's own would be made anew: it is turned off instead."""
        is_shared = obj is None or obj.user_id is None
        return is_shared and super().has_delete_permission(request, obj)

    def get_actions(self, request: HttpRequest) -> Any:
        return {}  # of many at once a person's own would go with the others

    @admin.display(description=gettext_lazy("person"))
    def person(self, channel: NoticeChannel) -> str:
        assert channel.user is not None
        return f"{channel.user.get_username()} <{channel.user.email}>"

    @admin.display(description=gettext_lazy("last sent"), ordering="sent_at")
    def last_sent(self, channel: NoticeChannel) -> str:
        return times.shown(channel.sent_at, _("never"))

    @admin.display(description=gettext_lazy("problem"))
    def last_problem(self, channel: NoticeChannel) -> str:
        return translated(channel.problem) or "-"

    def buttons(self, request: HttpRequest, obj: NoticeChannel) -> Iterable[Button]:
        note = _("Sends a message that says that it is a test.")
        yield Button(_("Send a test"), self.url("test", obj), note)

    def _way(self, channel: NoticeChannel) -> tuple[str, ...]:
        if channel.user_id is not None:
            return ("person",)
        if channel.kind == NoticeChannel.Kind.EMAIL:
            return ("recipients",)
        return SECRETS if channel.kind == NoticeChannel.Kind.WEBHOOK else ("url",)
