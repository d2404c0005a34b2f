"""What permissions are called in the reader's language: Django stores their names in English."""

from typing import Any

from django.contrib.auth.models import Permission
from django.forms import ModelMultipleChoiceField
from django.utils.translation import gettext_lazy as _

OF_EVERY_MODEL = {
    "add": _("Can add %(model)s"),
    "change": _("Can change %(model)s"),
    "delete": _("Can delete %(model)s"),
    "view": _("Can view %(model)s"),
}


class PermissionsField(ModelMultipleChoiceField):
    def label_from_instance(self, permission: Any) -> str:
        return f"{permission.content_type.app_labeled_name} | {name(permission)}"


def name(permission: Permission) -> str:
    """As it is stored where nobody knows better: its model may be gone."""
    model = permission.content_type.model_class()
    if model is None:
        return permission.name
    own = dict(model._meta.permissions).get(permission.codename)
    action = permission.codename.removesuffix(f"_{model._meta.model_name}")
    general = OF_EVERY_MODEL.get(action)
    return str(own or (general and general % {"model": model._meta.verbose_name}) or permission.name)
