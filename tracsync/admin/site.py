"""The admin, in the sections that Tracardi's users know."""

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from tracsync.admin import documentation, preferences


class TracsyncAdminSite(AdminSite):
    site_header = "tracsync"
    site_title = "tracsync"
    index_title = _("Home")
    site_url = None  # there is no other site to view

    SECTIONS = (
        (
            "outbound-traffic",
            _("Outbound traffic"),
            ("Destination", "ProfileSync", "DeliveryAttempt", "Backfill", "Replay"),
        ),
        ("resources", _("Resources"), ("Resource", "Extension")),
        ("profiles", _("Profiles"), ("Profile", "ImportJob")),
    )
    # django-q2's own pages run any stored task again, and would let an editor schedule any function.
    LEFT_OUT = ("django_q",)

    def index(self, request: HttpRequest, extra_context: Any = None) -> Any:
        from destinations.admin.dashboard import home  # it needs models, and the site is made before them

        return super().index(request, {"home": home.context(request), **(extra_context or {})})

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        models = model_or_iterable if isinstance(model_or_iterable, list | tuple) else [model_or_iterable]
        wanted = [model for model in models if model._meta.app_label not in self.LEFT_OUT]
        super().register(wanted, admin_class, **options)

    def get_urls(self) -> list[Any]:
        from destinations.admin.jobs import base  # as above

        own = [
            path("preferences/", self.admin_view(self.preferences), name="preferences"),
            path("work/", self.admin_view(base.work_view), name="work"),
            path("docs/<slug:page>/", self.admin_view(self.documentation), name="documentation"),
        ]
        return [*own, *super().get_urls()]

    def preferences(self, request: HttpRequest) -> HttpResponse:
        return preferences.view(request, **self.each_context(request))

    def documentation(self, request: HttpRequest, page: str) -> HttpResponse:
        return documentation.view(request, page, **self.each_context(request))

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Sections instead of Django apps; whatever is in none keeps its app's section."""
        apps = super().get_app_list(request, app_label)
        models = {model["object_name"]: model for app in apps for model in app["models"]}
        sections = [self._section(label, name, members, models) for label, name, members in self.SECTIONS]
        for app in apps:
            rest = [model for model in app["models"] if model["object_name"] in models]
            sections.append({**app, "models": rest})
        return [section for section in sections if section["models"]]

    def _section(
        self, label: str, name: str | Promise, members: tuple[str, ...], models: dict[str, Any]
    ) -> dict[str, Any]:
        """Takes its members out of `models`."""
        listed = [models.pop(member) for member in members if member in models]
        url = listed[0]["admin_url"] if listed else ""
        return {"name": name, "app_label": label, "app_url": url, "has_module_perms": True, "models": listed}
