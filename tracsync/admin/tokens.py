"""API tokens: made here, shown once, revoked by deleting them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import DateTimeField
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tracsync.admin import date_and_time
from tracsync.common import times
from tracsync.common.bounded_lists import LeanAdmin
from tracsync.models import ApiToken

TEXT = "tracsync_token_text"  # of the request that makes a token: kept nowhere else


class ApiTokenForm(forms.ModelForm):
    class Meta:
        model = ApiToken
        fields = ("name", "read_only", "expires_at")

    def clean_expires_at(self) -> Any:
        expires_at = self.cleaned_data["expires_at"]
        if expires_at is not None:
            times.check_years(expires_at)
        return expires_at


@admin.register(ApiToken)
class ApiTokenAdmin(LeanAdmin):
    form = ApiTokenForm
    formfield_overrides = {DateTimeField: date_and_time.FIELD}
    list_display = ("name", "prefix", "read_only", "last_used", "expires", "created")
    list_filter = ("read_only", ("expires_at", admin.EmptyFieldListFilter))
    search_fields = ("name", "prefix")
    search_help_text = gettext_lazy("Name, or the token's first eight characters.")
    readonly_fields = ("prefix", "created", "last_used")

    @admin.display(description=gettext_lazy("last used"), ordering="last_used_at")
    def last_used(self, token: ApiToken) -> str:
        return times.shown(token.last_used_at, _("never"))

    @admin.display(description=gettext_lazy("expires"), ordering="expires_at")
    def expires(self, token: ApiToken) -> str:
        return times.shown(token.expires_at, _("never"))

    @admin.display(description=gettext_lazy("created"), ordering="created_at")
    def created(self, token: ApiToken) -> str:
        return times.shown(token.created_at)

    def get_fieldsets(self, request: HttpRequest, obj: ApiToken | None = None) -> Any:
        fields = (None, {"fields": ["name", "read_only", "expires_at"]})
        if obj is None:
            return [fields]
        about = {
            "fields": ["prefix", "created", "last_used"],
            "description": _("The token itself is not stored. To revoke it, delete this entry."),
        }
        return [fields, (_("About"), about)]

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        if not change:
            generated, text = ApiToken.generate(obj.name)
            obj.prefix, obj.digest = generated.prefix, generated.digest
            setattr(request, TEXT, text)
        super().save_model(request, obj, form, change)

    def response_add(
        self, request: HttpRequest, obj: ApiToken, post_url_continue: Any = None
    ) -> TemplateResponse:
        """The token is in this answer and nowhere else: a message would rest in a cookie or a session."""
        context = {
            **self.admin_site.each_context(request),
            "title": _("API token %(name)s") % {"name": obj.name},
            "opts": self.opts,
            "token": obj,
            "text": getattr(request, TEXT),
        }
        return TemplateResponse(request, "admin/tracsync/site/token_made.html", context)
