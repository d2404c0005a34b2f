"""API tokens: made here, shown once, rotated, revoked by deleting them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import DateTimeField, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from destinations.admin.base.links import Link
from destinations.admin.base.object_actions import ActingAdmin
from destinations.models import Destination
from profiles import sources
from tracsync import rights, tokens
from tracsync.admin import date_and_time
from tracsync.common import times
from tracsync.common.bounded_lists import LeanAdmin, NullFilter
from tracsync.common.rest import scopes as areas
from tracsync.common.trail.edit_conflicts import SaysWhoWasFaster
from tracsync.models import ApiToken

TEXT = "tracsync_token_text"  # of the request that makes a token: kept nowhere else
HOUR = timedelta(hours=1)
LABELS = {
    areas.INGEST: gettext_lazy("Ingest: create and change profiles, and read none"),
    "profiles:read": gettext_lazy("Profiles: read"),
    "profiles:write": gettext_lazy("Profiles: read, change and delete"),
    "configuration:read": gettext_lazy("Configuration: read"),
    "configuration:write": gettext_lazy("Configuration: read and change"),
    "deliveries:read": gettext_lazy("Deliveries: read"),
    "deliveries:write": gettext_lazy("Deliveries: read, and send again"),
    "operations:read": gettext_lazy("Operations: read jobs, incidents and metrics"),
    "operations:write": gettext_lazy("Operations: pause, resume, and begin jobs"),
    "privacy:read": gettext_lazy("Privacy: read receipts, and export a person"),
    "privacy:write": gettext_lazy("Privacy: erase people"),
    "tokens:read": gettext_lazy("Tokens: read"),
    "tokens:write": gettext_lazy("Tokens: make, rotate and revoke"),
}


class ApiTokenForm(forms.ModelForm):
    """`giver`: who asks, and becomes the owner of a new token."""

    giver: Any = None
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("May"),
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("What its owner may not do is not offered, and ends with their permission."),
        error_messages={"required": gettext_lazy("Choose what it may do.")},
    )
    never = forms.BooleanField(
        label=gettext_lazy("Never ends"),
        required=False,
        help_text=gettext_lazy("For what cannot be given another one. Whoever finds it has it for good."),
    )
    source = forms.CharField(
        label=gettext_lazy("Only for the source"),
        required=False,
        max_length=sources.MOST_NAME,
        help_text=gettext_lazy(
            "Where the profiles come from, for example shop: those that it makes are of this source, and it"
            " reaches no others. Blank: all."
        ),
    )
    owner = forms.ModelChoiceField(
        User.objects.filter(is_active=True).order_by("username"),
        label=gettext_lazy("Owner"),
        required=False,
        help_text=gettext_lazy("It is nobody's. Given to somebody, it may do nothing that they may not."),
    )

    class Meta:
        model = ApiToken
        fields = ("name", "destination", "expires_at")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        is_new = self.instance.pk is None
        offered = self.offered()
        if "scopes" in self.fields:
            field: Any = self.fields["scopes"]
            field.choices = [(scope, LABELS[scope]) for scope in offered]
            self.initial["scopes"] = [] if is_new else list(self.instance.granted)
            self.initial["never"] = not is_new and self.instance.expires_at is None
            self.initial["source"] = self.instance.source
        if "expires_at" in self.fields:  # whoever may only look at tokens has none of these fields
            days = settings.TRACSYNC_TOKEN_DAYS
            self.fields["expires_at"].help_text = _("Blank: %(days)s days from now.") % {"days": days}
            if is_new:
                self.initial["expires_at"] = tokens.default_end(timezone.now())

    def offered(self) -> list[str]:
        """What whoever asks and the owner may do both."""
        owner = self.instance.owner if self.instance.pk else self.giver
        whose = [one for one in (self.giver, owner) if one is not None]
        return [scope for scope in areas.SCOPES if all(rights.covers(one, scope) for one in whose)]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if "expires_at" in cleaned:
            cleaned["expires_at"] = self._end(cleaned)
        owner = cleaned.get("owner") or (self.instance.owner if self.instance.pk else self.giver)
        with self._noted():
            self._check_end(cleaned.get("expires_at"))
        if "scopes" in cleaned:
            with self._noted():
                chosen = cleaned.get("destination"), cleaned.get("source", "")
                tokens.check_scopes(cleaned["scopes"], *chosen, areas.SCOPES)
                if owner is not None:
                    tokens.check_owner(owner, cleaned["scopes"])
        return cleaned

    def _end(self, cleaned: dict[str, Any]) -> Any:
        if cleaned.get("never"):
            return None
        return cleaned["expires_at"] or tokens.default_end(timezone.now())

    def _check_end(self, end: datetime | None) -> None:
        """What ended already, or was made to go on for longer, stays as it is."""
        if end is not None and "expires_at" in self.changed_data:
            times.check_years(end)
            tokens.check_end(end)

    @contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except ValidationError as error:
            found = error.message_dict if hasattr(error, "error_dict") else {"expires_at": error.messages}
            for field, messages in found.items():
                self.add_error(field if field in self.fields else None, ValidationError(messages))


class RotateForm(forms.Form):
    overlap_hours = forms.IntegerField(
        label=gettext_lazy("Hours that the old one goes on"),
        min_value=0,
        max_value=tokens.MOST_OVERLAP // HOUR,
        initial=tokens.OVERLAP // HOUR,
        help_text=gettext_lazy("Until then both work. 0: the old one ends at once."),
    )


def rotate(request: HttpRequest, model_admin: ApiTokenAdmin, token: ApiToken) -> HttpResponse:
    """Asks for how long the old one goes on, and shows the new one once."""
    if not model_admin.has_change_permission(request, token):
        raise PermissionDenied
    form = RotateForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            text = tokens.rotate(token, form.cleaned_data["overlap_hours"] * HOUR)
        except ValidationError as error:
            form.add_error(None, ValidationError(error.messages))
        else:
            return model_admin.shown_once(request, token, text)
    return model_admin.page(request, "site/rotate_token.html", _("Rotate the token"), token, form=form)


class OwnerFilter(NullFilter):
    title = gettext_lazy("owner")
    parameter_name = "owned"
    field = "owner"
    answers = {"yes": (gettext_lazy("Somebody's"), False), "no": (gettext_lazy("Nobody's"), True)}


@admin.register(ApiToken)
class ApiTokenAdmin(SaysWhoWasFaster, ActingAdmin, LeanAdmin):
    form = ApiTokenForm
    formfield_overrides = {DateTimeField: date_and_time.FIELD}
    list_display = ("name", "prefix", "whose", "may", "last_used", "expires")
    list_filter = ("read_only", OwnerFilter, ("expires_at", admin.EmptyFieldListFilter))
    search_fields = ("name", "prefix")
    search_help_text = gettext_lazy("Name, or the eight characters after tracsync_.")
    readonly_fields = (
        *("prefix", "whose", "created", "last_used", "rotated"),
        *("may", "destination_shown", "expires"),
    )
    object_views = {"rotate": rotate}
    delete_note = gettext_lazy("Programs that use it are refused from now on.")
    goes_with = {
        "tracsync.KeptAnswer": ngettext_lazy(
            "%(count)s answer that is kept for a request that is repeated",
            "%(count)s answers that are kept for requests that are repeated",
            "count",
        )
    }

    def for_list(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("owner")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and bool(rights.scopes_to_give(request.user))

    def has_change_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        return super().has_change_permission(request, obj) and _in_hand(request.user, obj)

    def has_delete_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _in_hand(request.user, obj)

    def links(self, request: HttpRequest, obj: ApiToken) -> Iterable[Link]:
        if self.has_change_permission(request, obj):
            yield Link(_("Rotate"), self.url("rotate", obj))

    @admin.display(description=gettext_lazy("owner"), ordering="owner__username")
    def whose(self, token: ApiToken) -> str:
        return str(token.owner) if token.owner else _("nobody")

    @admin.display(description=gettext_lazy("may"))
    def may(self, token: ApiToken) -> str:
        whole = {areas.EVERYTHING: _("everything but tokens"), areas.READS: _("read everything but tokens")}
        said = whole.get(token.granted) or ", ".join(token.granted)
        if token.source:
            return _("%(scopes)s of the source %(source)s") % {"scopes": said, "source": token.source}
        return _("%(scopes)s of one destination") % {"scopes": said} if token.destination_id else said

    @admin.display(description=gettext_lazy("only for"))
    def destination_shown(self, token: ApiToken) -> str:
        return str(token.destination or _("all destinations"))

    @admin.display(description=gettext_lazy("last used"), ordering="last_used_at")
    def last_used(self, token: ApiToken) -> str:
        return times.shown(token.last_used_at, _("never"))

    @admin.display(description=gettext_lazy("expires"), ordering="expires_at")
    def expires(self, token: ApiToken) -> str:
        return times.shown(token.expires_at, _("never"))

    @admin.display(description=gettext_lazy("created"), ordering="created_at")
    def created(self, token: ApiToken) -> str:
        return times.shown(token.created_at)

    @admin.display(description=gettext_lazy("rotated"))
    def rotated(self, token: ApiToken) -> str:
        if token.previous_ends_at is None or token.previous_ends_at <= timezone.now():
            return times.shown(token.rotated_at, _("never"))
        names = {
            "time": times.shown(token.rotated_at),
            "prefix": token.previous_prefix,
            "end": times.shown(token.previous_ends_at),
        }
        return _("%(time)s; the one before (%(prefix)s) works until %(end)s") % names

    def get_fieldsets(self, request: HttpRequest, obj: ApiToken | None = None) -> Any:
        may_change = self.may_save(request, obj)
        chosen = (
            ["scopes", "destination", "source", "expires_at", "never"]
            if may_change
            else ["may", "destination_shown"]
        )
        fields = (None, {"fields": ["name", *chosen]})
        if obj is None:
            return [fields]
        about = ["prefix", "whose", "created", "last_used", "rotated"]
        if obj.owner_id is None and request.user.is_superuser:
            about[1] = "owner"
        description = _("The token itself is not stored. To revoke it, delete this entry.")
        return [fields, (_("About"), {"fields": about, "description": description})]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs["fields"] = [
            name for name in ("name", "destination", "expires_at") if self.may_save(request, obj)
        ]
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.giver = request.user
        if not (obj and obj.owner_id is None and request.user.is_superuser):
            del form.base_fields["owner"]
        return form

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "destination":
            kwargs["queryset"] = Destination.objects.defer("settings").order_by("name")
            kwargs["empty_label"] = _("All destinations")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Without the buttons beside the choice that lead to destinations."""
        field: Any = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "destination":
            field.label = _("Only for the destination")
            field.widget = getattr(field.widget, "widget", field.widget)
        return field

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        token = super().save_form(request, form, change)
        if change:
            token.grant(tokens.in_order(form.cleaned_data["scopes"]), form.cleaned_data["source"])
            token.owner = token.owner or form.cleaned_data.get("owner")
            return token
        names = ("name", "scopes", "destination", "source", "expires_at")
        chosen = {name: form.cleaned_data[name] for name in names}
        token, text = tokens.prepare(**chosen, owner=request.user)
        setattr(request, TEXT, text)
        return token

    def response_add(
        self, request: HttpRequest, obj: ApiToken, post_url_continue: Any = None
    ) -> TemplateResponse:
        return self.shown_once(request, obj, getattr(request, TEXT))

    def shown_once(self, request: HttpRequest, token: ApiToken, text: str) -> TemplateResponse:
        """The token is in this answer and nowhere else: a message would rest in a cookie or a session."""
        title = _("API token %(name)s") % {"name": token.name}
        return self.page(request, "site/token_made.html", title, token, token=token, text=text)


def _in_hand(person: Any, token: ApiToken | None) -> bool:
    return token is None or rights.tokens_in_hand(person).filter(pk=token.pk).exists()
