from django.apps import AppConfig
from django.db.models.signals import post_migrate


class DestinationsConfig(AppConfig):
    name = "destinations"
    verbose_name = "Outbound traffic"

    def ready(self) -> None:
        from destinations import checks, groups, signals
        from destinations.sync import fallback

        checks.register()
        signals.connect()
        post_migrate.connect(fallback.ensure_schedule, sender=self)
        post_migrate.connect(signals.refresh_catalogue, sender=self)
        post_migrate.connect(groups.make_missing, sender=self)
