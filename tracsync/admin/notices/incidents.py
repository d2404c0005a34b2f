"""Incidents: what was told, and who takes care of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from destinations.admin.base.filters import DestinationFilter
from destinations.admin.base.links import link
from destinations.admin.base.object_actions import Act, ActingAdmin, Button, ReadOnly
from tracsync.common import times
from tracsync.common.bounded_lists import BetweenDates, BoundedAdmin, NullFilter
from tracsync.common.translation import translated
from tracsync.models import Incident, Notice
from tracsync.notices import incidents

HOURS = {
    1: gettext_lazy("Mute for an hour"),
    8: gettext_lazy("Mute for 8 hours"),
    24: gettext_lazy("Mute for a day"),
    168: gettext_lazy("Mute for a week"),
}


class OpenFilter(NullFilter):
    title = gettext_lazy("open")
    parameter_name = "open"
    field = "closed_at"
    answers = {"yes": (gettext_lazy("Still so"), True), "no": (gettext_lazy("Over"), False)}


def acknowledge(request: HttpRequest, model_admin: ActingAdmin, incident: Incident) -> None:
    incidents.acknowledge(incident, request.user.get_username())
    model_admin.say(request, _("Everybody sees here that you take care of it."))


def mute(request: HttpRequest, model_admin: ActingAdmin, incident: Incident, *, hours: int) -> None:
    until = timezone.now() + timedelta(hours=hours) if hours else None
    incidents.mute(incident, until, request.user.get_username())
    if until is None:
        model_admin.say(request, _("Unmuted."))
    else:
        model_admin.say(request, _("Nothing is sent of it until %(time)s.") % {"time": times.told(until)})


@admin.register(Incident)
class IncidentAdmin(ActingAdmin, ReadOnly, BoundedAdmin):
    list_display = ("sentence", "event", "of_destination", "since", "until", "handled")
    list_filter = (OpenFilter, "event", DestinationFilter, ("opened_at", BetweenDates))
    list_display_links = ("sentence",)
    fields = ("sentence", "event", "of_destination", "since", "until", "told", "handled", "muted", "notices")
    readonly_fields = fields
    acts = {
        "acknowledge": Act(acknowledge),
        "unmute": Act(partial(mute, hours=0)),
        **{f"mute_{hours}": Act(partial(mute, hours=hours)) for hours in HOURS},
    }

    def for_list(self, rows: QuerySet[Incident]) -> QuerySet[Incident]:
        return rows.select_related("destination").defer(
            "destination__settings", "destination__mapping", "destination__prerequisites"
        )

    def has_act_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("tracsync.change_incident")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_view_permission(request, obj) or self.has_act_permission(request, obj)

    def buttons(self, request: HttpRequest, obj: Incident) -> Iterable[Button]:
        if obj.acknowledged_at is None and obj.closed_at is None:
            note = _("Says here that you take care of it, and ends tries to send what has not arrived yet.")
            yield Button(_("Acknowledge"), self.url("acknowledge", obj), note)
        if obj.is_muted(timezone.now()):
            yield Button(_("Unmute"), self.url("unmute", obj))
            return
        for hours, text in HOURS.items():
            note = _("Nothing is sent of it, nor of the same again, for so long.")
            yield Button(str(text), self.url(f"mute_{hours}", obj), note)

    @admin.display(description=gettext_lazy("what"))
    def sentence(self, incident: Incident) -> str:
        return str(incident)

    @admin.display(description=gettext_lazy("destination"))
    def of_destination(self, incident: Incident) -> str:
        return link(incident.destination)

    @admin.display(description=gettext_lazy("since"))
    def since(self, incident: Incident) -> str:
        return times.shown(incident.opened_at)

    @admin.display(description=gettext_lazy("until"))
    def until(self, incident: Incident) -> str:
        return times.shown(incident.closed_at, _("still so"))

    @admin.display(description=gettext_lazy("told"))
    def told(self, incident: Incident) -> str:
        return times.shown(incident.told_at, _("not yet"))

    @admin.display(description=gettext_lazy("acknowledged"))
    def handled(self, incident: Incident) -> str:
        if incident.acknowledged_at is None:
            return "-"
        words = {"name": incident.acknowledged_by, "time": times.at(incident.acknowledged_at)}
        return _("by %(name)s at %(time)s") % words

    @admin.display(description=gettext_lazy("muted"))
    def muted(self, incident: Incident) -> str:
        if not incident.is_muted(timezone.now()):
            return "-"
        assert incident.muted_until is not None
        words = {"name": incident.muted_by, "time": times.at(incident.muted_until)}
        return _("until %(time)s by %(name)s") % words

    @admin.display(description=gettext_lazy("notices"))
    def notices(self, incident: Incident) -> str:
        rows = incident.notices.select_related("channel").defer("channel__secrets").order_by("pk")
        return format_html_join("", "<p>{}</p>", ((self._line(one),) for one in rows)) or "-"

    def _line(self, notice: Notice) -> str:
        state = Notice.State(notice.state)
        moment = notice.sent_at or notice.next_at
        words = {
            "channel": notice.channel.name,
            "phase": Notice.Phase(notice.phase).label,
            "state": state.label,
            "time": times.told(moment) if moment else "",
        }
        text = _("%(channel)s, %(phase)s: %(state)s %(time)s") % words
        return f"{text.strip()}; {translated(notice.problem)}" if notice.problem else text.strip()
