"""People and roles: Django's users and groups, in the reader's language; what few need is folded."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.forms import AdminPasswordChangeForm
from django.contrib.auth.models import Group, Permission, User
from django.db import transaction
from django.db.models import Count, DateTimeField, QuerySet
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, ngettext_lazy

from tracsync import rights
from tracsync.admin import date_and_time, invitations
from tracsync.admin.permission_names import PermissionsField, RolesField, by_area, with_permissions
from tracsync.admin.sign_in import person as sign_in
from tracsync.common import times, trail
from tracsync.common.bounded_lists import LeanAdmin
from tracsync.common.parts import badge
from tracsync.common.trail import Action
from tracsync.common.trail.edit_conflicts import SaysWhoWasFaster


class PeopleAdmin(SaysWhoWasFaster, LeanAdmin):
    """Offers and takes only what the person who asks may give; what is not in their hand is read only."""

    labels: dict[str, Any] = {}
    help_texts: dict[str, Any] = {}
    filter_horizontal = ()  # two boxes with arrows between them are little use by keyboard or on a phone

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        words = {"labels": self.labels, "help_texts": self.help_texts}
        return super().get_form(request, obj, change=change, **{**kwargs, **words})

    def formfield_for_manytomany(
        self, db_field: Any, request: HttpRequest | None = None, **kwargs: Any
    ) -> Any:
        giver: Any = request and request.user
        if db_field.related_model is Permission:
            kwargs["form_class"] = PermissionsField
            kwargs["queryset"] = rights.permissions(giver).select_related("content_type")
        else:
            kwargs["form_class"] = RolesField
            kwargs["queryset"] = with_permissions(rights.roles_to_give(giver))
        kwargs["widget"] = CheckboxSelectMultiple()
        return super().formfield_for_manytomany(db_field, request, **kwargs)  # type: ignore[arg-type]

    def in_hand(self, person: Any) -> QuerySet[Any]:
        raise NotImplementedError

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self._has_in_hand(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and self._has_in_hand(request, obj)

    def _has_in_hand(self, request: HttpRequest, obj: Any) -> bool:
        return obj is None or self.in_hand(request.user).filter(pk=obj.pk).exists()


class GroupAdmin(PeopleAdmin, auth_admin.GroupAdmin):
    list_display = ("name", "people")
    help_texts = {
        "name": gettext_lazy("What its members are here, such as Operator."),
        "permissions": gettext_lazy("What its members may do."),
    }

    readonly_fields = ("may",)
    goes_with = {
        "auth.Group_permissions": "",
        "auth.User_groups": ngettext_lazy(
            "the role of %(count)s person, who stays", "the role of %(count)s people, who stay", "count"
        ),
    }

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        count = obj.permissions.count() if obj and obj.pk else 0
        each = _("Advanced: each permission on its own, %(count)s chosen") % {"count": count}
        return (
            (None, {"fields": ("name", "may") if count else ("name",)}),
            (each, {"classes": ("collapse",) if count else (), "fields": ("permissions",)}),
        )

    @admin.display(description=gettext_lazy("may"))
    def may(self, group: Any) -> str:
        return by_area(group.permissions.select_related("content_type"))

    def in_hand(self, person: Any) -> QuerySet[Group]:
        return rights.roles_in_hand(person)

    def for_list(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.annotate(people=Count("user"))

    @admin.display(description=gettext_lazy("people"))
    def people(self, group: Any) -> int:
        return group.people


@admin.action(description=gettext_lazy("Make a link to set a new password"), permissions=["change"])
def make_link(model_admin: UserAdmin, request: HttpRequest, queryset: QuerySet[User]) -> HttpResponse | None:
    """Of one person, who may do no more than whoever asks: the link makes its reader that person."""
    chosen = list(queryset[:2])
    if len(chosen) != 1:
        model_admin.message_user(request, _("Choose one person."), messages.WARNING)
        return None
    [user] = chosen
    if not (user.is_active and model_admin.has_change_permission(request, user)):
        model_admin.message_user(request, _("For this person you may not."), messages.WARNING)
        return None
    trail.note(Action.INVITED, user)
    return model_admin.send_link(request, user)


class PasswordForm(AdminPasswordChangeForm):
    """In the reader's language: Django's words are put together before anybody reads them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if field := self.fields.get("usable_password"):
            field.help_text = format_html(
                '{} <ul id="id_unusable_warning" class="messagelist"><li class="warning">{}</li></ul>',
                _("Off: no password lets them in, only the issuer, where one is set up."),
                _("The password of now is lost."),
            )


class RoleFilter(admin.RelatedFieldListFilter):
    """In the words of the column, not in Django's."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = _("role")


class MaySignInFilter(admin.BooleanFieldListFilter):
    """In the words of the column, not in Django's."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = _("may sign in")


class UserAdmin(PeopleAdmin, auth_admin.UserAdmin):
    add_form = invitations.InvitationForm
    add_form_template = None
    change_list_template = "admin/tracsync/site/people_list.html"
    change_form_template = "admin/tracsync/site/person.html"
    change_password_form = PasswordForm
    list_display = ("person", "roles", "may_sign_in", "last_seen")
    list_filter = (("groups", RoleFilter), ("is_active", MaySignInFilter))
    search_help_text = gettext_lazy("A part of the name, the e-mail address or the username.")
    actions = (make_link,)
    formfield_overrides = {DateTimeField: date_and_time.FIELD}
    add_fieldsets = ((None, {"fields": ("first_name", "last_name", "email", "role")}),)
    # In place of Django's words, which speak of groups, staff and "this admin site".
    readonly_fields = ("may",)
    goes_with = {
        **dict.fromkeys(("auth.User_groups", "auth.User_user_permissions", "admin.LogEntry"), ""),
        "tracsync.ApiToken": ngettext_lazy(
            "%(count)s API token of theirs", "%(count)s API tokens of theirs", "count"
        ),
        "tracsync.KeptAnswer": "",
        "tracsync.Preferences": gettext_lazy("their preferences"),
        "tracsync.NoticeChannel": gettext_lazy("what notices they chose"),
        **dict.fromkeys(("tracsync.NoticeChannel_destinations", "tracsync.Notice"), ""),
        "tracsync.SavedFilter": ngettext_lazy("%(count)s saved filter", "%(count)s saved filters", "count"),
        "tracsync.SecondFactor": gettext_lazy("their second factor"),
        "tracsync.BackupCode": "",
        "tracsync.Identity": gettext_lazy("their way in by the issuer"),
    }
    labels = {"is_staff": gettext_lazy("May open the admin"), "groups": gettext_lazy("Roles")}
    help_texts = {
        "is_active": gettext_lazy(
            "Off: they cannot sign in, and their tokens do nothing. Better than deleting them."
        ),
        "is_staff": gettext_lazy("Off: they cannot sign in here, whatever their roles."),
        "groups": gettext_lazy("They may do what any of their roles may."),
        "first_name": gettext_lazy("How they are greeted at the top of each page."),
        "last_name": gettext_lazy("For people: nothing depends on it."),
        "email": gettext_lazy("Notices go there, where the person is staff and e-mail is set up."),
        "last_login": gettext_lazy("Set whenever they sign in."),
        "date_joined": gettext_lazy("When the account was made."),
    }

    def in_hand(self, person: Any) -> QuerySet[User]:
        return rights.people_in_hand(person)

    def for_list(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.prefetch_related("groups")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        if obj is None:
            form.roles = rights.roles_to_give(request.user)
        return form

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return self.add_fieldsets
        own = obj.user_permissions.count() if obj.pk else 0
        some = ngettext(
            "Advanced: %(count)s permission beside those of the roles",
            "Advanced: %(count)s permissions beside those of the roles",
            own,
        ) % {"count": own}
        may: Any = ("is_active", "is_staff", "groups")
        may = (*may, "may") if obj.pk else may
        advanced = some if own else _("Advanced: no permission beside those of the roles")
        rare = ["username", "is_superuser", "user_permissions", "last_login", "date_joined"]
        if not request.user.is_superuser:  # only they make others
            rare.remove("is_superuser")
        return (
            (None, {"fields": ("first_name", "last_name", "email")}),
            (_("What this person may do"), {"fields": may}),
            (advanced, {"classes": ("collapse",), "fields": rare}),
        )

    def get_urls(self) -> list[Any]:
        return [*sign_in.urls(self), *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        person = kwargs.get("obj")
        context |= sign_in.context(person) if person is not None else {}
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description=gettext_lazy("all in all"))
    def may(self, user: User) -> str:
        if user.is_superuser:
            return _("Everything, as a superuser.")
        return by_area(rights.permissions(user).select_related("content_type"))

    @admin.display(description=gettext_lazy("person"), ordering="username")
    def person(self, user: User) -> str:
        name = user.get_full_name() or user.get_username()
        return format_html('{} <small class="t-quiet">{}</small>', name, user.email)

    @admin.display(description=gettext_lazy("roles"))
    def roles(self, user: User) -> str:
        names = [group.name for group in user.groups.all()]
        return ", ".join([_("Superuser"), *names] if user.is_superuser else names) or "-"

    @admin.display(description=gettext_lazy("may sign in"), ordering="is_active")
    def may_sign_in(self, user: User) -> str:
        if not (user.is_active and user.is_staff):
            return badge("off", _("No"))
        if not user.has_usable_password() and user.last_login is None:
            return badge("working", _("Invited"))
        return badge("fine", _("Yes"))

    @admin.display(description=gettext_lazy("last signed in"), ordering="last_login")
    def last_seen(self, user: User) -> str:
        return times.shown(user.last_login, _("never"))

    @transaction.atomic
    def user_change_password(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """With its entry in the trail, or not at all."""
        return super().user_change_password(request, *args, **kwargs)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        only = {"show_save_and_continue": False, "show_save_and_add_another": False}
        shown = {"title": _("Invite somebody"), **only, **(extra_context or {})}
        answer = super().add_view(request, form_url, shown)
        invited = getattr(request, "invited", None)
        return (invited and self.send_link(request, invited)) or answer

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        """Who is invited is told by `add_view`, once they are saved: a mail server that does not answer
        would hold up everybody who writes meanwhile."""
        trail.note(Action.INVITED, obj)
        request.invited = obj  # type: ignore[attr-defined]
        return redirect("admin:auth_user_changelist")

    def send_link(self, request: HttpRequest, user: User) -> HttpResponse | None:
        shown = {**self.admin_site.each_context(request), "opts": self.opts, "object": user}
        page = invitations.deliver(request, user, **shown)
        if page is None:
            text = _("A link to set the password was sent to %(address)s.")
            self.message_user(request, text % {"address": user.email})
        return page


for model, model_admin in ((Group, GroupAdmin), (User, UserAdmin)):  # in place of Django's
    admin.site.unregister(model)
    admin.site.register(model, model_admin)
