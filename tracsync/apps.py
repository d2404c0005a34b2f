import gc

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.utils.translation import gettext_lazy as _


class TracsyncConfig(AppConfig):
    name = "tracsync"
    verbose_name = _("Access")

    def ready(self) -> None:
        from tracsync.processes import task_serializer

        task_serializer.install()
        # What is imported stays: to look for garbage in it, again and again, takes a fifth of a start.
        gc.freeze()
        gc.enable()


class TracsyncAdminConfig(AdminConfig):
    default_site = "tracsync.admin.site.TracsyncAdminSite"

    def ready(self) -> None:
        super().ready()
        # Not in the package itself: the site is made of a module in it, before any page can register there.
        from tracsync.admin import tokens, users  # noqa: F401
