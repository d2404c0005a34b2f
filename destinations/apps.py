from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class DestinationsConfig(AppConfig):
    name = "destinations"
    verbose_name = _("Outbound traffic")

    def ready(self) -> None:
        from destinations import checks, groups, signals
        from destinations.sync import fallback

        checks.register()
        signals.connect()
        post_migrate.connect(fallback.ensure_schedule, sender=self)
        post_migrate.connect(signals.refresh_catalogue, sender=self)
        post_migrate.connect(groups.make_missing, sender=self)
