from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ProfilesConfig(AppConfig):
    name = "profiles"
    verbose_name = _("Profiles")

    def import_models(self) -> None:
        """Those of the imports and of the search, too, which lie in their own rooms."""
        super().import_models()
        import_module("profiles.imports.models")
        import_module("profiles.search.models")
