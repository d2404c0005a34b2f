"""Users and groups: Django's own pages, with help on the fields that have none there."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.utils.translation import gettext_lazy as _

from profiles.large_tables import LeanAdmin

OF_USERS = {
    "first_name": _("How they are greeted at the top of each page."),
    "last_name": _("For people: nothing depends on it."),
    "email": _("For people: nothing is sent to it."),
    "last_login": _("Set whenever they sign in."),
    "date_joined": _("When the account was made."),
}
OF_GROUPS = {"name": _("What its members are here, such as Operator.")}

admin.site.unregister([User, Group])


@admin.register(User)
class PeopleAdmin(LeanAdmin, UserAdmin):
    def get_form(self, request: Any, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change=change, **{**kwargs, "help_texts": OF_USERS})


@admin.register(Group)
class GroupsAdmin(LeanAdmin, GroupAdmin):
    def get_form(self, request: Any, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change=change, **{**kwargs, "help_texts": OF_GROUPS})
