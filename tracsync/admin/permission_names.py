"""What permissions are called in the reader's language, one by one, by area, and of a role in a
sentence: Django stores their names in English."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db.models import QuerySet
from django.forms import ModelChoiceField, ModelMultipleChoiceField
from django.forms.models import ModelChoiceIterator
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tracsync.admin.navigation import SECTIONS

OF_EVERY_MODEL = {
    "add": _("Can add %(model)s"),
    "change": _("Can change %(model)s"),
    "delete": _("Can delete %(model)s"),
    "view": _("Can view %(model)s"),
}

IN_A_WORD = {"view": _("see"), "add": _("add"), "change": _("change"), "delete": _("delete")}
# Of what the engine writes only some are asked for, and then for something else.
ENGINES = (
    *("profilesync", "deliveryattempt", "backfill", "replay", "audit", "incident", "extension"),
    *("importjob", "indexjob", "erasure", "trailentry"),
)
BEHIND = _("Behind the pages")
MEANS = {
    "change_profilesync": _("send again"),
    "change_incident": _("take and close"),
    "change_extension": _("install and uninstall"),
}


class _ByArea(ModelChoiceIterator):
    """Boxes in the order of the sidebar, those of an area together; last those that no page asks for."""

    def __iter__(self) -> Any:
        by_page = _by_page(self.queryset)
        for section in SECTIONS:
            chosen = [one for page in section.pages for one in by_page.pop(page.name, ())]
            if chosen:
                yield section.label, [self.choice(one) for one in chosen]
        if by_page:
            yield BEHIND, [self.choice(one) for chosen in by_page.values() for one in chosen]


class PermissionsField(ModelMultipleChoiceField):
    iterator = _ByArea

    def label_from_instance(self, permission: Any) -> str:
        return name(permission)


def name(permission: Permission) -> str:
    """As it is stored where nobody knows better: its model may be gone."""
    model = permission.content_type.model_class()
    if model is None:
        return permission.name
    own = dict(model._meta.permissions).get(permission.codename)
    action = permission.codename.removesuffix(f"_{model._meta.model_name}")
    general = OF_EVERY_MODEL.get(action)
    return str(own or (general and general % {"model": model._meta.verbose_name}) or permission.name)


def by_area(permissions: Iterable[Any]) -> str:
    """What somebody may do who has these, in the words and the order of the sidebar."""
    by_page = _by_page(permissions)
    areas = []
    for section in SECTIONS:
        lines = [_line(by_page.pop(page.name), page.label) for page in section.pages if page.name in by_page]
        areas += [(section.label, lines)] if lines else []
    inner = sorted(str(capfirst(one[0].content_type.name)) for one in by_page.values())
    return render_to_string(
        "admin/tracsync/site/may.html", {"areas": areas, "inner": inner, "behind": BEHIND}
    )


def _by_page(permissions: Iterable[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for one in permissions:
        found[f"{one.content_type.app_label}_{one.content_type.model}"].append(one)
    return found


def _line(permissions: list[Any], label: Any) -> tuple[Any, str, list[str]]:
    """Of one page: what is done with its objects, in a word each, and what only they allow, in words."""
    chosen = {one.codename: one for one in permissions}
    model = permissions[0].content_type.model
    general = [action for action in IN_A_WORD if chosen.pop(f"{action}_{model}", None)]
    words = [_word(action, model) for action in general]
    return label, ", ".join(filter(None, words)), [name(one) for one in chosen.values()]


def _word(action: str, model: str) -> str:
    """ "" where no page asks for it."""
    word = MEANS.get(f"{action}_{model}", "" if model in ENGINES and action != "view" else IN_A_WORD[action])
    return str(word)


# What people are invited for, and what all of it takes.
TASKS: tuple[tuple[Any, frozenset[str]], ...] = tuple(
    (words, frozenset(permissions.split()))
    for words, permissions in (
        (
            _("look at destinations, profiles and what was sent"),
            "destinations.view_destination profiles.view_profile destinations.view_deliveryattempt",
        ),
        (_("see personal data"), "profiles.view_profile profiles.see_personal_data"),
        (_("pause, resume and backfill destinations"), "destinations.operate_destination"),
        (_("send again"), "destinations.change_profilesync"),
        (_("take and close incidents"), "tracsync.change_incident"),
        (
            _("change destinations and resources"),
            "destinations.change_destination destinations.change_resource",
        ),
        (_("change and import profiles"), "profiles.add_profile profiles.change_profile"),
        (_("install extensions"), "destinations.change_extension"),
        (_("erase people everywhere"), "tracsync.erase_person"),
        (_("see the trail"), "tracsync.view_trailentry"),
        (_("invite people"), "auth.add_user"),
    )
)


def in_a_sentence(role: Group) -> str:
    """ "" for one that is for none of the tasks."""
    held = {f"{one.content_type.app_label}.{one.codename}" for one in role.permissions.all()}
    tasks = [str(words) for words, takes in TASKS if takes <= held]
    return gettext("May %(tasks)s.") % {"tasks": ", ".join(tasks)} if tasks else ""


class _Described:
    def label_from_instance(self, role: Any) -> str:
        if told := in_a_sentence(role):
            return format_html('{} <small class="t-quiet">{}</small>', role.name, told)
        return role.name


def with_permissions(roles: QuerySet[Group]) -> QuerySet[Group]:
    """In two looks, however many roles there are."""
    return roles.prefetch_related("permissions__content_type")


class RoleField(_Described, ModelChoiceField):
    """One of them."""


class RolesField(_Described, ModelMultipleChoiceField):
    """Any of them."""
