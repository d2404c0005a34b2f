"""Destinations: what is sent where, for whom, how and when; and how each of them is doing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from destinations import configuration
from destinations.admin.base import destination_status
from destinations.admin.base.filters import ResourceFilter, row_id
from destinations.admin.base.links import Link
from destinations.admin.base.object_actions import Button
from destinations.admin.base.tags import TagFilter
from destinations.admin.destinations.actions import DestinationActions
from destinations.admin.destinations.editor import DestinationEditor
from destinations.admin.destinations.form import (
    DestinationForm,
    destination_form,
    fieldsets,
    is_secret,
)
from destinations.admin.destinations.funnel import DestinationFunnel
from destinations.admin.destinations.history import DestinationHistory
from destinations.admin.destinations.send_one import LiveSending
from destinations.admin.destinations.trials import DestinationTrials
from destinations.admin.jobs.base import unfinished_jobs
from destinations.configuration.history import Author
from destinations.insight.destination_status import counted, with_waiting
from destinations.models import Destination, Resource
from tracsync.common import times
from tracsync.common.bounded_lists import LeanAdmin, ShortDeletion


@admin.register(Destination)
class DestinationAdmin(
    DestinationHistory,
    DestinationActions,
    DestinationTrials,
    DestinationEditor,
    DestinationFunnel,
    LiveSending,
    LeanAdmin,
    ShortDeletion,
):
    change_form_template = "admin/tracsync/destinations/form.html"
    list_display = ("name", "resource", "enabled", "state", "waiting", "last_accepted", "problem")
    list_filter = (ResourceFilter, "enabled", TagFilter)
    search_fields = ("name", "description", "resource__name")
    search_help_text = gettext_lazy("A part of the name, the description or the resource's name.")
    delete_note = gettext_lazy("Its history goes with it. What was sent to the external system stays there.")
    acts = ("pause", "resume", "test", "send")
    views = ("backfill", "preview", "funnel", "restore")
    panel_template = "admin/tracsync/destinations/panel.html"

    def for_list(self, rows: Any) -> Any:
        secrets = ("settings", "resource__production", "resource__test")
        return with_waiting(rows.select_related("resource", "health").defer("mapping", *secrets))

    @admin.display(description=gettext_lazy("state"))
    def state(self, destination: Any) -> str:
        return destination_status.state(destination, destination.oldest_change)

    @admin.display(description=gettext_lazy("waiting"))
    def waiting(self, destination: Any) -> str:
        url = reverse("admin:destinations_profilesync_changelist")
        query = f"?destination={destination.pk}&owed=yes"
        return format_html('<a href="{}{}">{}</a>', url, query, counted(destination.waiting))

    @admin.display(description=gettext_lazy("last accepted"))
    def last_accepted(self, destination: Destination) -> str:
        health = getattr(destination, "health", None)
        return times.shown(health and health.last_accepted_at, _("never"))

    @admin.display(description=gettext_lazy("problem"))
    def problem(self, destination: Destination) -> str:
        return (destination_status.problem(destination) or _("none")).splitlines()[0]

    def add_view(self, request: Any, form_url: str = "", extra_context: Any = None) -> Any:
        """First the resource, then the settings that it needs."""
        if self.has_add_permission(request) and self._resource(request, None) is None:
            return self._choose_resource(request)
        return super().add_view(request, form_url, extra_context)

    def get_fieldsets(self, request: Any, obj: Destination | None = None) -> Any:
        sets = fieldsets(self._form(request, obj))
        may_edit = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        return sets if may_edit else [part for part in sets if not is_secret(part)]

    def render_change_form(self, request: Any, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        obj = kwargs.get("obj")
        resource = self._resource(request, obj)
        assert resource is not None  # otherwise it is being chosen
        context |= {"notation": self.vocabulary(), "live": self.live_context(request, obj, resource)}
        return super().render_change_form(request, context, *args, **kwargs)

    def get_form(self, request: Any, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs["form"] = self._form(request, obj)
        return super().get_form(request, obj, change, **kwargs)

    def save_model(self, request: Any, obj: Destination, form: Any, change: bool) -> None:
        configuration.save(obj, by=Author.from_user(request.user))
        if not change:
            self._offer_backfill(request, obj)
        elif self.asked_for_backfill(request):
            self.begin_backfill(request, obj)

    def buttons(self, request: Any, obj: Destination) -> Iterable[Button]:
        if obj.paused_at is None:
            help = _("Send nothing; go on recording what changes.")
            return [Button(_("Pause"), self.url("pause", obj), help)]
        return [Button(_("Resume"), self.url("resume", obj), _("Send what is waiting by now."))]

    def links(self, request: Any, obj: Destination) -> Iterable[Link]:
        if self.has_operate_permission(request, obj):
            yield Link(_("Backfill…"), self.url("backfill", obj))
        yield Link(_("Funnel"), self.url("funnel", obj))
        for label, model in ((_("Profile syncs"), "profilesync"), (_("Attempts"), "deliveryattempt")):
            url = reverse(f"admin:destinations_{model}_changelist")
            yield Link(label, f"{url}?destination={obj.pk}")

    def panel(self, request: Any, obj: Destination) -> dict[str, Any]:
        health = getattr(obj, "health", None)
        counted = with_waiting(Destination.objects.filter(pk=obj.pk).only("pk")).get()
        return {
            "state": destination_status.state(obj, counted.oldest_change),
            "problem": destination_status.problem(obj),
            "problem_at": times.shown(health.problem_at, "") if health else "",
            "failures": health.failures if health else 0,
            "last_accepted": self.last_accepted(obj),
            "waiting": self.waiting(counted),
            "jobs": unfinished_jobs(request, obj),
            "preview_url": self.url("preview", obj),
            **self.lately(obj),
        }

    def _offer_backfill(self, request: Any, destination: Destination) -> None:
        said = _("New changes are sent this way from now on; profiles that do not change are not.")
        html = '{} <a class="button tracsync-small" href="{}">{}</a>'
        url = self.url("backfill", destination)
        self.say(request, format_html(html, said, url, _("Bring all profiles up to date…")))

    def _form(self, request: Any, obj: Destination | None) -> type[DestinationForm]:
        resource = self._resource(request, obj)
        assert resource is not None
        return destination_form(resource)

    def _resource(self, request: Any, obj: Destination | None) -> Resource | None:
        if obj is not None:
            return obj.resource
        return Resource.objects.filter(pk=row_id(request.GET.get("resource", ""))).first()

    def _choose_resource(self, request: Any) -> Any:
        choices = [
            {"name": one.name, "text": one.type.name, "query": f"resource={one.pk}"}
            for one in Resource.objects.select_related("type").defer("production", "test")
        ]
        return self.page(
            request,
            "base/choose.html",
            _("Add destination: at which resource?"),
            choices=choices,
            nothing=_("There is no resource yet, and a destination needs one."),
            elsewhere=reverse("admin:destinations_resource_add"),
            elsewhere_text=_("Add a resource"),
        )
