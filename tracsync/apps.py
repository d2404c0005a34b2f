from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TracsyncConfig(AppConfig):
    name = "tracsync"
    verbose_name = _("Access")
