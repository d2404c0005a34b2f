from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class DestinationsConfig(AppConfig):
    name = "destinations"
    verbose_name = _("Outbound traffic")

    def ready(self) -> None:
        from django.conf import settings

        from destinations.configuration import catalogue, checks, groups, trail
        from destinations.connectors import addresses, registry
        from destinations.models import Installation
        from destinations.operations import triggers
        from destinations.scheduler import qcluster_fallback

        registry.use_folder(settings.TRACSYNC_CONNECTORS_DIR)
        addresses.use_file(str(settings.SETTINGS_FILE))
        checks.register()
        triggers.connect()
        trail.connect()
        post_migrate.connect(qcluster_fallback.ensure_schedule, sender=self)
        post_migrate.connect(Installation.current_epoch, sender=self)
        post_migrate.connect(catalogue.refresh, sender=self)
        post_migrate.connect(groups.make_missing, sender=self)
