"""Profiles: found by id, edited as JSON."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_to_bytes

from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest
from django.http.request import RawPostDataException
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from profiles import personal
from profiles.forms import ProfileForm
from profiles.models import Profile
from profiles.search import finding
from tracsync.common import times, trail
from tracsync.common.bounded_lists import BetweenDates, BoundedAdmin, NullFilter, ShortDeletion
from tracsync.common.trail import Action, Hidden
from tracsync.common.trail.differences import between

EXPORTED = ("id", "name", "email", "version", "changed_at", "created_at", "settled")
INSTEAD = {  # of what whoever may not see personal data does not see
    **{"who": "masked_who", "address": "masked_address"},
    **{"name": "masked_name", "email": "masked_address"},
}


class SettledFilter(NullFilter):
    title = gettext_lazy("changes")
    parameter_name = "settled"
    field = "first_changed_at"
    answers = {
        "no": (gettext_lazy("Not yet handed to the destinations"), False),
        "yes": (gettext_lazy("Handed to the destinations"), True),
    }


class DeletedFilter(admin.SimpleListFilter):
    """Which of both are listed at all is decided by `ProfileAdmin.get_queryset`."""

    title = gettext_lazy("deleted")
    parameter_name = "deleted"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", gettext_lazy("Deleted, as long as that is remembered"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset


@admin.register(Profile)
class ProfileAdmin(BoundedAdmin, ShortDeletion):
    form = ProfileForm
    list_display = ("who", "address", "version", "changed", "settled")
    list_filter = (SettledFilter, ("changed_at", BetweenDates), DeletedFilter)
    search_fields = ("id",)
    search_help_text = gettext_lazy(
        "The beginning of a name, an e-mail address or an ID, or =ID for exactly that one."
    )
    readonly_fields = (
        *("shown_id", "called", "address", "comes_from"),
        *("version", "created", "changed", "settled", "deleted"),
    )
    delete_note = gettext_lazy(
        "Destinations remove it where they say so, and what is known of it there goes once they have;"
        " elsewhere what they hold stays."
    )
    goes_with = {
        "profiles.SearchWord": "",
        "destinations.ProfileSync": ngettext_lazy(
            "what %(count)s destination knows of it", "what %(count)s destinations know of it", "count"
        ),
        "destinations.DeliveryAttempt": ngettext_lazy(
            "%(count)s line of the delivery log", "%(count)s lines of the delivery log", "count"
        ),
        "destinations.AuditFinding": ngettext_lazy(
            "%(count)s finding of audits", "%(count)s findings of audits", "count"
        ),
    }

    @admin.display(description=gettext_lazy("settled"))
    def settled(self, profile: Profile) -> str:
        if profile.is_settled:
            return _("yes")
        return _("not yet: its changes are not handed to the destinations")

    @admin.display(description=gettext_lazy("changed"))
    def changed(self, profile: Profile) -> str:
        return times.shown(profile.changed_at)

    @admin.display(description=gettext_lazy("created"))
    def created(self, profile: Profile) -> str:
        return times.shown(profile.created_at)

    @admin.display(description=gettext_lazy("deleted"))
    def deleted(self, profile: Profile) -> str:
        return times.shown(profile.deleted_at)

    @admin.display(description=gettext_lazy("profile"))
    def who(self, profile: Profile) -> str:
        """The name with the id beside it, or the id alone."""
        if not profile.name:
            return profile.pk
        return format_html('{} <small class="tracsync-id">{}</small>', profile.name, profile.pk)

    @admin.display(description=gettext_lazy("source"))
    def comes_from(self, profile: Profile) -> str:
        return profile.source or "-"

    @admin.display(description=gettext_lazy("name"))
    def called(self, profile: Profile) -> str:
        return profile.name or "-"

    @admin.display(description=gettext_lazy("e-mail"))
    def address(self, profile: Profile) -> str:
        return profile.email or "-"

    @admin.display(description=gettext_lazy("profile"))
    def masked_who(self, profile: Profile) -> str:
        if not profile.name:
            return profile.pk
        name = personal.masked_text(profile.name)
        return format_html('{} <small class="tracsync-id">{}</small>', name, profile.pk)

    @admin.display(description=gettext_lazy("name"))
    def masked_name(self, profile: Profile) -> str:
        return personal.masked_text(profile.name) or "-"

    @admin.display(description=gettext_lazy("e-mail"))
    def masked_address(self, profile: Profile) -> str:
        return personal.masked_text(profile.email) or "-"

    @admin.display(description=gettext_lazy("ID"))
    def shown_id(self, profile: Profile) -> str:
        return profile.pk

    def get_fieldsets(self, request: HttpRequest, obj: Profile | None = None) -> Any:
        if obj is None:
            return [(None, {"fields": ["id", "document"]})]
        if obj.is_deleted:
            return [(None, {"fields": ["shown_id", "version", "deleted", "deleted_by"]})]
        about = ("called", "address", "comes_from", "version", "changed", "settled", "created")
        seen = ["read_version"] if self.has_change_permission(request, obj) else []
        return [(None, {"fields": ["shown_id", "document", *seen]}), (_("About"), {"fields": about})]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.submitted_utf8 = request.method != "POST" or _is_utf8(request)
        return form

    def get_queryset(self, request: HttpRequest) -> Any:
        """On saving, the row is locked: nobody comes between the version's check and the write."""
        profiles = super().get_queryset(request)
        if request.GET.get(DeletedFilter.parameter_name) == "yes":
            profiles = Profile.with_deleted.filter(digest="").order_by("pk")
        match = request.resolver_match
        if request.method == "POST" and match and match.url_name == "profiles_profile_change":
            return profiles.select_for_update()
        return profiles

    def save_model(self, request: HttpRequest, obj: Profile, form: Any, change: bool) -> None:
        before = Profile.objects.filter(pk=obj.pk).values_list("document", flat=True).first()
        super().save_model(request, obj, form, change)
        told = between(_hidden(before or {}), _hidden(obj.document))
        if told or not change:
            trail.note(Action.CHANGED if change else Action.CREATED, obj, named=obj.pk, changes=told)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Noted where it is saved and deleted, with the paths that differ and no value."""

    log_change = log_addition

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """As above."""

    def delete_model(self, request: HttpRequest, obj: Profile) -> None:
        self.delete_queryset(request, Profile.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        with transaction.atomic():
            for profile in queryset.defer("document"):
                trail.note(Action.DELETED, profile, named=profile.pk)
            queryset.delete(by=request.user.get_username())

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """One that was deleted, too: its page says what becomes of it at the destinations."""
        found = super().get_object(request, object_id, from_field)
        if found is None and "\0" not in object_id:
            found = Profile.with_deleted.filter(pk=object_id, digest="").first()
        if found is not None and not personal.may_see(request.user):
            return personal.mask_profile(found)
        return found

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and personal.may_see(request.user)

    def has_change_permission(self, request: HttpRequest, obj: Profile | None = None) -> bool:
        may = super().has_change_permission(request, obj) and personal.may_see(request.user)
        return may and not (obj and obj.is_deleted)

    def has_delete_permission(self, request: HttpRequest, obj: Profile | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not (obj and obj.is_deleted)

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        is_of_deleted = request.GET.get(DeletedFilter.parameter_name) == "yes"
        return (
            ("id", "version", "deleted", "deleted_by") if is_of_deleted else _for(request, self.list_display)
        )

    def for_list(self, rows: Any) -> Any:
        return rows.defer("document")

    def export_display(self, request: HttpRequest) -> tuple[str, ...]:
        is_of_deleted = request.GET.get(DeletedFilter.parameter_name) == "yes"
        return self.get_list_display(request) if is_of_deleted else _for(request, EXPORTED)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        by_name = personal.may_see(request.user)
        return queryset.filter(finding.matching(term, queryset.db, by_name=by_name)), False


def _for(request: HttpRequest, columns: tuple[str, ...]) -> tuple[str, ...]:
    if personal.may_see(request.user):
        return columns
    return tuple(INSTEAD.get(name, name) for name in columns)


def _is_utf8(request: HttpRequest) -> bool:
    """Whether the sent bytes were; Django puts replacement characters where they were not."""
    try:
        unquote_to_bytes(request.body.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        return False
    except RawPostDataException:  # sent as multipart, whose bytes are gone
        return "\N{REPLACEMENT CHARACTER}" not in request.POST.get("document", "")
    return True


def _hidden(value: Any) -> Any:
    """In the trail a profile has no values, nor does a list in it."""
    if isinstance(value, dict):
        return {name: _hidden(one) for name, one in value.items()}
    return Hidden(value)
