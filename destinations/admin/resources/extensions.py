"""The catalogue: what can be installed, and what is."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from destinations.admin.base.object_actions import Act, ActingAdmin, Button, Question, ReadOnly
from destinations.admin.resources import gallery, guide
from destinations.configuration import catalogue
from destinations.configuration.catalogue import ExtensionInUse
from destinations.connectors import introduction, registry
from destinations.connectors.base import ConnectorError
from destinations.connectors.introduction import KINDS
from destinations.models import Extension
from tracsync.common.bounded_lists import LeanAdmin, NullFilter
from tracsync.common.translation import translated


class InstalledFilter(NullFilter):
    title = gettext_lazy("installed")
    parameter_name = "installed"
    field = "installed_at"
    answers = {"yes": (gettext_lazy("Installed"), False), "no": (gettext_lazy("Not installed"), True)}


@admin.action(description=gettext_lazy("Install selected extensions"), permissions=["act"])
def install(model_admin: ActingAdmin, request: HttpRequest, queryset: QuerySet[Extension]) -> None:
    for extension in queryset:
        _switch(request, model_admin, extension, install=True)


@admin.action(description=gettext_lazy("Uninstall selected extensions"), permissions=["act"])
def uninstall(
    model_admin: ActingAdmin, request: HttpRequest, queryset: QuerySet[Extension]
) -> HttpResponse | None:
    asked = model_admin.ask_first(request, UNINSTALL, list(queryset))
    if asked is None:
        for extension in queryset:
            _switch(request, model_admin, extension, install=False)
    return asked


def before_uninstall(
    _request: HttpRequest, _model_admin: ActingAdmin, chosen: Sequence[Extension]
) -> Question | None:
    """Of those that are in use it is refused anyway."""
    names = ", ".join(str(one) for one in chosen if not one.resources.exists())
    if not names:
        return None
    return Question(
        _("Uninstall %s?") % names,
        (
            _("No resource can be of this type until it is installed again."),
            _("Nothing is deleted. It is refused while a resource uses it."),
        ),
        _("Yes, uninstall"),
    )


def _switch(request: HttpRequest, model_admin: ActingAdmin, extension: Extension, *, install: bool) -> None:
    try:
        (catalogue.install if install else catalogue.uninstall)(extension.pk)
    except (ExtensionInUse, ConnectorError) as error:
        why = {"name": extension.name, "reason": translated(str(error))}
        model_admin.say(request, _("%(name)s was left as it is: %(reason)s") % why, warning=True)
        return
    said = _("%(name)s is installed.") if install else _("%(name)s is uninstalled.")
    model_admin.say(request, said % {"name": extension.name})


def _switch_one(
    request: HttpRequest, model_admin: ActingAdmin, extension: Extension, *, install: bool
) -> HttpResponse | None:
    _switch(request, model_admin, extension, install=install)
    return redirect("admin:destinations_extension_table") if "list" in request.GET else None


def _table(request: HttpRequest, model_admin: ExtensionAdmin) -> Any:
    return model_admin.table_view(request)


INSTALL = Act(partial(_switch_one, install=True))
UNINSTALL = Act(partial(_switch_one, install=False), before_uninstall)


@admin.register(Extension)
class ExtensionAdmin(ActingAdmin, ReadOnly, LeanAdmin):
    list_display = ("name", "about", "version", "origin", "is_installed", "switch")
    list_filter = ("type", InstalledFilter)
    search_fields = ("name", "slug", "description")
    search_help_text = gettext_lazy("A part of the name or description.")
    fields = ("slug", "kind", "version", "origin", "installed_at")
    actions = (install, uninstall)
    acts = {"install": INSTALL, "uninstall": UNINSTALL}
    ordering = ("type", "name")
    change_form_template = "admin/tracsync/resources/system.html"

    def get_urls(self) -> list[URLPattern]:
        """The table, before the addresses of objects."""
        return [self.route("table/", _table, "table"), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> Any:
        """Files that were never usable are told of above the list, and are nothing to install."""
        return super().get_queryset(request).exclude(catalogue.NEVER_USABLE)

    def has_act_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("destinations.change_extension")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """A gallery; what packages and the folder have added since the last look is in it, too."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method == "POST":  # of actions
            return super().changelist_view(request, extra_context)
        catalogue.refresh()
        return gallery.page(request, self)

    def table_view(self, request: HttpRequest) -> Any:
        """All of them below each other, to install several at once; with what is wrong above it."""
        if self.has_view_permission(request) and request.method == "GET":
            catalogue.refresh()
            for problem in registry.problems():
                self.say(request, _("A connector is left out: %s") % translated(problem), warning=True)
        return super().changelist_view(request)

    def get_list_display(self, request: HttpRequest) -> Any:
        return self.list_display if self.has_act_permission(request) else self.list_display[:-1]

    @admin.display(description=gettext_lazy("kind"))
    def kind(self, extension: Extension) -> str:
        return translated(KINDS[introduction.kind_of(registry.find(extension.pk))])

    @admin.display(description=gettext_lazy("description"))
    def about(self, extension: Extension) -> str:
        return translated(extension.description)

    @admin.display(description=gettext_lazy("version"))
    def version(self, extension: Extension) -> str:
        return found.release if (found := registry.origin(extension.pk)) else ""

    @admin.display(description=gettext_lazy("from"))
    def origin(self, extension: Extension) -> str:
        return gallery.origin(extension)

    @admin.display(description=gettext_lazy("installed"), boolean=True)
    def is_installed(self, extension: Extension) -> bool:
        return extension.installed

    @admin.display(description=gettext_lazy("what to do"))
    def switch(self, extension: Extension) -> str:
        """A button in the list's own form, which carries the token that a POST needs."""
        button = self._button(extension)
        html = '<button class="button tracsync-small" formaction="{}?list" title="{}">{}</button>'
        return format_html(html, button.url, button.help, button.label)

    def buttons(self, request: HttpRequest, obj: Extension) -> list[Button]:
        return [self._button(obj)]

    def panel(self, request: HttpRequest, obj: Extension) -> dict[str, Any]:
        """The way from it to a destination."""
        shown = gallery.card(obj)
        way = guide.context(request, obj, is_usable=not shown.problem)
        return {"system": shown, "way": way, "docs_url": getattr(registry.find(obj.pk), "docs", "")}

    def _button(self, extension: Extension) -> Button:
        if extension.installed:
            help = _("Refused while a resource uses it.")
            return Button(_("Uninstall"), self.url("uninstall", extension), help)
        return Button(_("Install"), self.url("install", extension), _("Lets resources be of this type."))
