"""Users and groups: Django's pages, in the reader's language, and help on the fields that have none."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.models import Group, Permission, User
from django.db.models import DateTimeField
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from tracsync.admin import date_and_time
from tracsync.admin.permission_names import PermissionsField
from tracsync.common.bounded_lists import LeanAdmin


class PeopleAdmin(LeanAdmin):
    help_texts: dict[str, Any] = {}
    filter_horizontal = ()  # two boxes with arrows between them are little use by keyboard or on a phone

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change=change, **{**kwargs, "help_texts": self.help_texts})

    def formfield_for_manytomany(
        self, db_field: Any, request: HttpRequest | None = None, **kwargs: Any
    ) -> Any:
        if db_field.related_model is Permission:
            kwargs["form_class"] = PermissionsField
        kwargs["widget"] = CheckboxSelectMultiple()
        return super().formfield_for_manytomany(db_field, request, **kwargs)  # type: ignore[arg-type]


class GroupAdmin(PeopleAdmin, auth_admin.GroupAdmin):
    help_texts = {
        "name": _("What its members are here, such as Operator."),
        "permissions": _("What its members may do."),
    }


class UserAdmin(PeopleAdmin, auth_admin.UserAdmin):
    formfield_overrides = {DateTimeField: date_and_time.FIELD}
    help_texts = {
        "first_name": _("How they are greeted at the top of each page."),
        "last_name": _("For people: nothing depends on it."),
        "email": _("For people: nothing is sent to it."),
        "last_login": _("Set whenever they sign in."),
        "date_joined": _("When the account was made."),
    }


for model, model_admin in ((Group, GroupAdmin), (User, UserAdmin)):  # in place of Django's
    admin.site.unregister(model)
    admin.site.register(model, model_admin)
