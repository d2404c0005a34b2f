"""Choosing roles: each says in a sentence what it may do, told by the permissions that it has by now."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.forms import ModelChoiceField, ModelMultipleChoiceField
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

# What people are invited for, and what all of it takes.
TASKS: tuple[tuple[Any, frozenset[str]], ...] = tuple(
    (words, frozenset(permissions.split()))
    for words, permissions in (
        (
            gettext_lazy("look at destinations, profiles and what was sent"),
            "destinations.view_destination profiles.view_profile destinations.view_deliveryattempt",
        ),
        (gettext_lazy("see personal data"), "profiles.view_profile profiles.see_personal_data"),
        (gettext_lazy("pause, resume and backfill destinations"), "destinations.operate_destination"),
        (gettext_lazy("send again"), "destinations.change_profilesync"),
        (gettext_lazy("take and close incidents"), "tracsync.change_incident"),
        (
            gettext_lazy("change destinations and resources"),
            "destinations.change_destination destinations.change_resource",
        ),
        (gettext_lazy("change and import profiles"), "profiles.add_profile profiles.change_profile"),
        (gettext_lazy("install extensions"), "destinations.change_extension"),
        (gettext_lazy("erase people everywhere"), "tracsync.erase_person"),
        (gettext_lazy("see the trail"), "tracsync.view_trailentry"),
        (gettext_lazy("invite people"), "auth.add_user"),
    )
)


def sentence(role: Group) -> str:
    """ "" for one that is for none of the tasks."""
    held = {f"{one.content_type.app_label}.{one.codename}" for one in role.permissions.all()}
    tasks = [str(words) for words, takes in TASKS if takes <= held]
    return _("May %(tasks)s.") % {"tasks": ", ".join(tasks)} if tasks else ""


class _Described:
    def label_from_instance(self, role: Any) -> str:
        if told := sentence(role):
            return format_html('{} <small class="t-quiet">{}</small>', role.name, told)
        return role.name


def with_permissions(roles: QuerySet[Group]) -> QuerySet[Group]:
    """In two looks, however many roles there are."""
    return roles.prefetch_related("permissions__content_type")


class RoleField(_Described, ModelChoiceField):
    """One of them."""


class RolesField(_Described, ModelMultipleChoiceField):
    """Any of them."""
