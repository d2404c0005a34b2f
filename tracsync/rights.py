"""Nobody gives what they do not have: which permissions, roles, people and tokens are in whose hand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.db.models import Q, QuerySet

from tracsync.common.rest import scopes as areas
from tracsync.models import ApiToken

CHANGES = ("add", "change", "delete")
CONFIGURED = (
    *("destinations.resource", "destinations.destination"),
    *("tracsync.noticechannel", "tracsync.noticelimits"),
)
JOBS = ("destinations.backfill", "destinations.replay", "destinations.audit", "tracsync.incident")


def _each(action: str, models: Iterable[str]) -> tuple[str, ...]:
    return tuple(model.replace(".", f".{action}_") for model in models)


DELIVERED = ("destinations.profilesync", "destinations.deliveryattempt")
# What a person has to be allowed to do for what a token may do in their name.
OF_SCOPES: dict[str, tuple[str, ...]] = {
    "profiles:read": ("profiles.view_profile",),
    "profiles:write": tuple(f"profiles.{action}_profile" for action in ("view", *CHANGES)),
    areas.INGEST: ("profiles.add_profile", "profiles.change_profile"),
    "configuration:read": _each("view", ["destinations.extension", *CONFIGURED]),
    "configuration:write": (
        *("destinations.view_extension", "destinations.change_extension"),
        *(name for action in ("view", *CHANGES) for name in _each(action, CONFIGURED)),
    ),
    "deliveries:read": _each("view", DELIVERED),
    "deliveries:write": (*_each("view", DELIVERED), "destinations.change_profilesync"),
    "operations:read": _each("view", JOBS),
    "operations:write": (
        *_each("view", JOBS),
        *("destinations.operate_destination", "tracsync.change_incident"),
    ),
    "tokens:read": (),  # of their own; those of others are shown to who may see them
    "tokens:write": ("tracsync.add_apitoken",),
}
ERASING = ("tracsync.erase_person", "tracsync.export_person")  # each operation asks for one of them


def permissions(person: Any) -> QuerySet[Permission]:
    """All that they have: singly, by roles, or as a superuser.

    Also of who may not sign in: they can be let in again.
    """
    if person.is_superuser:
        return Permission.objects.all()
    return Permission.objects.filter(Q(user=person) | Q(group__user=person)).distinct()


def _beyond(person: Any) -> QuerySet[Permission]:
    return Permission.objects.exclude(pk__in=permissions(person))


def roles_to_give(person: Any) -> QuerySet[Group]:
    """Those that allow nothing which the person may not do."""
    everything = Group.objects.order_by("name")
    return everything if person.is_superuser else everything.exclude(permissions__in=_beyond(person))


def people_in_hand(person: Any) -> QuerySet[User]:
    """Whom they may change, delete and give a link: nobody who may do more, and themselves."""
    if person.is_superuser:
        return User.objects.all()
    beyond = _beyond(person)
    others = User.objects.exclude(is_superuser=True).exclude(user_permissions__in=beyond)
    return others.exclude(groups__permissions__in=beyond)


def roles_in_hand(person: Any) -> QuerySet[Group]:
    """Which they may change and delete: those to give, unless somebody is in it who may do more."""
    roles = roles_to_give(person)
    return roles if person.is_superuser else roles.exclude(user__in=_above(person))


def _above(person: Any) -> QuerySet[User]:
    return User.objects.exclude(pk__in=people_in_hand(person))


def covers(owner: Any, scope: str) -> bool:
    """Whether somebody may do all that a scope of an API token allows."""
    if scope.startswith(f"{areas.PRIVACY}:"):
        return any(owner.has_perm(one) for one in ERASING)
    return bool(owner.is_active and owner.has_perms(OF_SCOPES[scope]))


def scopes_to_give(person: Any) -> tuple[str, ...]:
    """What their tokens may have."""
    return tuple(scope for scope in areas.SCOPES if covers(person, scope))


def tokens_in_hand(person: Any) -> QuerySet[ApiToken]:
    """Which they may change and revoke: those of people who may do no more; nobody's are the superusers'."""
    if person.is_superuser:
        return ApiToken.objects.all()
    return ApiToken.objects.filter(owner__in=people_in_hand(person))
