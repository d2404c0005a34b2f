import gc
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core import checks
from django.utils.translation import gettext_lazy as _

GARBAGE_AFTER = (
    20_000  # new objects: a batch has as many of its own, and to look through them all costs a tenth
)


class TracsyncConfig(AppConfig):
    name = "tracsync"
    verbose_name = _("Settings")

    def ready(self) -> None:
        from tracsync.common import loading
        from tracsync.processes import task_serializer
        from tracsync.security import weaknesses
        from tracsync.trail import commands, signing_in, watched

        weaknesses.register()
        checks.register(_check_second_factor, checks.Tags.security)
        task_serializer.install()
        loading.install()
        signing_in.connect()
        watched.connect()
        commands.follow(sys.argv)
        # What is imported stays: to look for garbage in it, again and again, takes a fifth of a start.
        gc.freeze()
        gc.set_threshold(GARBAGE_AFTER, *gc.get_threshold()[1:])
        gc.enable()

    def prune(self, now: datetime) -> int:
        """What the scheduler's cleanup asks of every app."""
        from tracsync.models import KeptAnswer, TrailEntry
        from tracsync.privacy import erasing

        return KeptAnswer.prune(now) + TrailEntry.objects.prune(now) + erasing.look_at_all()


def _check_second_factor(
    app_configs: Sequence[AppConfig] | None, **options: Any
) -> list[checks.CheckMessage]:
    """In projects that have settings of their own."""
    middleware = "tracsync.sign_in.middleware.SecondFactorMiddleware"
    if middleware in settings.MIDDLEWARE:
        return []
    hint = "Put it right after django.contrib.auth.middleware.AuthenticationMiddleware."
    said = f"MIDDLEWARE lacks {middleware}: nobody is asked for a second factor"
    return [checks.Error(said, hint=hint, id="tracsync.E020")]


class TracsyncAdminConfig(SimpleAdminConfig):
    """Pages are imported with the addresses, by what serves or checks them: nothing else needs any."""

    default_site = "tracsync.admin.site.TracsyncAdminSite"

    def ready(self) -> None:
        checks.register(check_dependencies, checks.Tags.admin)
        checks.register(_check_pages, checks.Tags.admin)


def _check_pages(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[checks.CheckMessage]:
    from tracsync import urls  # noqa: F401

    return check_admin_app(app_configs, **options)
