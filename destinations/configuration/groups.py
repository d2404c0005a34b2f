"""Ready groups: who may look, who may operate, and who may edit.

Each is made where there is none of its name, after every `migrate`, and from then on it is its owner's: what
somebody takes away from it or adds to it stays so. One that was deleted is made anew by the next `migrate`.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.db.models import Q, QuerySet

APPS = ("destinations", "profiles")
NOTICES = ("incident", "notice", "noticechannel", "noticelimits")  # of tracsync itself
VIEWER, OPERATOR, EDITOR = "Viewer", "Operator", "Editor"
OPERATES = ("operate_destination", "change_profilesync", "change_incident", "see_personal_data")


def make_missing(**_: Any) -> None:
    """All three, with the permissions of every model there is."""
    wanted = [name for name in (VIEWER, OPERATOR, EDITOR) if not Group.objects.filter(name=name).exists()]
    if not wanted:
        return
    for label in (*APPS, "tracsync"):  # otherwise they are only made after each app's own signal
        create_permissions(apps.get_app_config(label), verbosity=0)
    for name in wanted:
        Group.objects.create(name=name).permissions.set(permissions(name))


def permissions(name: str) -> QuerySet[Permission]:
    """What a ready group may; tokens are nobody's business."""
    of_notices = Q(content_type__app_label="tracsync", content_type__model__in=NOTICES)
    of_apps = Permission.objects.filter(Q(content_type__app_label__in=APPS) | of_notices)
    of_apps = of_apps.exclude(content_type__model="accesstoken")
    looks = Q(codename__startswith="view_")
    return {
        VIEWER: of_apps.filter(looks),
        OPERATOR: of_apps.filter(looks | Q(codename__in=OPERATES)),
        EDITOR: of_apps,
    }[name]
