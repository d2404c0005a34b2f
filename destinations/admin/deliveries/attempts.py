"""Delivery attempts: each try to push, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import URLPattern
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from destinations.admin.base.links import Link, link, may_see_names, pair_url, profile_link, this_pair
from destinations.admin.base.object_actions import ActingAdmin, ReadOnly
from destinations.admin.deliveries import resend
from destinations.admin.deliveries.attempt_list import AttemptList
from destinations.insight.explain import HEAVY
from destinations.insight.payloads.masking import masked
from destinations.models import DeliveryAttempt
from profiles import personal
from tracsync.common.bounded_lists import BoundedAdmin
from tracsync.common.numbers import grouped
from tracsync.common.parts import badge
from tracsync.common.times import shown
from tracsync.common.translation import seen, translated

Outcome = DeliveryAttempt.Outcome
BADGES = {
    Outcome.ACCEPTED: "fine",
    Outcome.RETRY: "working",
    Outcome.REJECTED: "needs",
    Outcome.UNKNOWN: "stopped",
}
MOST_TRIES = 50  # of one push that are shown
WIRE = "request", "response"


@admin.register(DeliveryAttempt)
class DeliveryAttemptAdmin(ActingAdmin, ReadOnly, BoundedAdmin):
    again = resend.Resend(
        "attempts",  # without those that are still to come
        lambda chosen: chosen if chosen.get("at__lt") else {**chosen, "at__lt": timezone.now().isoformat()},
    )
    actions = (again.retry, again.replay)
    change_list_template = "admin/tracsync/deliveries/attempt_list.html"
    panel_template = "admin/tracsync/deliveries/attempt_panel.html"
    list_display = ("began", "of_profile", "at_destination", "came_of_it", "told")
    ordering = ("-at",)
    fieldsets = (
        (
            None,
            {"fields": ("began", "of_profile", "at_destination", "operation", "version", "idempotency_key")},
        ),
        (
            gettext_lazy("What came of it"),
            {
                "fields": (
                    *("outcome", "said", "code", "field", "status_code"),
                    *("their_id", "duration", "waited"),
                )
            },
        ),
    )
    wire = (gettext_lazy("What went over the wire"), {"fields": ("sent", "answered")})
    masked_wire = (
        gettext_lazy("What went over the wire"),
        {
            "fields": ("sent_masked", "answered_masked"),
            "description": gettext_lazy("Values are masked, as you may not see profiles."),
        },
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[AttemptList]:
        return AttemptList

    def get_urls(self) -> list[URLPattern]:
        return [self.route("again/<slug:how>/", self.again.page, "again"), *super().get_urls()]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        found = super().get_object(request, object_id, from_field)
        if found is not None:
            found.profile.is_named = may_see_names(request)
        return found

    def has_act_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return resend.may_send(request)

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = super().get_queryset(request).select_related("destination__resource", "profile")
        return rows.defer("destination__prerequisites", "profile__document", *HEAVY)

    def for_list(self, rows: Any) -> Any:
        return rows.defer(*WIRE)

    def export_display(self, request: HttpRequest) -> tuple[str, ...]:
        named = ("profile__name", "profile__email") if may_see_names(request) else ()
        about = ("destination", "operation", "outcome", "code", "field", "status_code", "said", "duration_ms")
        return ("at", "profile_id", *named, *about, "version")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        may_see_profiles = personal.may_view(request.user)
        (title, about), *rest = self.fieldsets
        about = {"fields": self._named(request, about["fields"])}
        return [(title, about), *rest, self.wire if may_see_profiles else self.masked_wire]

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        return self._named(request, self.list_display)

    @staticmethod
    def _named(request: HttpRequest, fields: Iterable[Any]) -> tuple[str, ...]:
        """With the profile by its name, for those who may know it."""
        by_name = {"of_profile": "of_named_profile"} if may_see_names(request) else {}
        return tuple(by_name.get(field, field) for field in fields)

    @admin.display(description=gettext_lazy("at"))
    def began(self, attempt: DeliveryAttempt) -> str:
        return shown(attempt.at)

    @admin.display(description=gettext_lazy("profile"))
    def of_profile(self, attempt: DeliveryAttempt) -> str:
        return profile_link(attempt.profile_id)

    @admin.display(description=gettext_lazy("profile"))
    def of_named_profile(self, attempt: DeliveryAttempt) -> str:
        return profile_link(attempt.profile_id, attempt.profile.name)

    @admin.display(description=gettext_lazy("destination"))
    def at_destination(self, attempt: DeliveryAttempt) -> str:
        return link(attempt.destination)

    @admin.display(description=gettext_lazy("reason"))
    def said(self, attempt: DeliveryAttempt) -> str:
        return translated(attempt.reason) or "-"

    @admin.display(description=gettext_lazy("remote ID"))
    def their_id(self, attempt: DeliveryAttempt) -> str:
        return seen(attempt.remote_id) or "-"

    @admin.display(description=gettext_lazy("outcome"))
    def came_of_it(self, attempt: DeliveryAttempt) -> str:
        return badge(BADGES[Outcome(attempt.outcome)], attempt.get_outcome_display())

    @admin.display(description=gettext_lazy("reason"))
    def told(self, attempt: DeliveryAttempt) -> str:
        """In a line below: its kind, what was asked for, the status and how long it took."""
        kind = ": ".join(filter(None, (attempt.code, attempt.field)))
        status = _("status %(code)s") % {"code": attempt.status_code} if attempt.status_code else ""
        operation = attempt.get_operation_display()
        parts = filter(None, (kind, operation, status, self.duration(attempt)))
        html = '{}<br><small class="t-quiet">{}</small>'
        return format_html(html, translated(attempt.reason) or "-", ", ".join(parts))

    @admin.display(description=gettext_lazy("took"))
    def duration(self, attempt: DeliveryAttempt) -> str:
        return f"{grouped(attempt.duration_ms)}\N{NO-BREAK SPACE}ms"

    @admin.display(description=gettext_lazy("delay"))
    def waited(self, attempt: DeliveryAttempt) -> str:
        return "-" if attempt.lag is None else f"{grouped(attempt.lag, 1)}\N{NO-BREAK SPACE}s"

    @admin.display(description=gettext_lazy("request"))
    def sent(self, attempt: DeliveryAttempt) -> str:
        return _body(attempt.request)

    @admin.display(description=gettext_lazy("response"))
    def answered(self, attempt: DeliveryAttempt) -> str:
        return _body(attempt.response)

    @admin.display(description=gettext_lazy("request"))
    def sent_masked(self, attempt: DeliveryAttempt) -> str:
        return _body(attempt.request and masked(str(attempt.request)))

    @admin.display(description=gettext_lazy("response"))
    def answered_masked(self, attempt: DeliveryAttempt) -> str:
        return _body(attempt.response and masked(str(attempt.response)))

    def title_of(self, obj: DeliveryAttempt) -> str:
        return f"{obj.profile} → {obj.destination}"

    def panel(self, request: HttpRequest, obj: DeliveryAttempt) -> dict[str, Any]:
        return {"tries": list(_tries(obj))}

    def links(self, request: HttpRequest, obj: DeliveryAttempt) -> Iterable[Link]:
        if personal.may_view(request.user):
            yield Link(_("Why?"), pair_url(obj.profile_id, obj.destination_id))
        yield Link(_("Profile sync"), this_pair("profilesync", obj.profile_id, obj.destination_id))
        if self.has_act_permission(request):
            chosen = {"ids": str(obj.pk)}
            yield Link(_("Retry…"), resend.resend_url(self, "retry", chosen))
            yield Link(_("Replay…"), resend.resend_url(self, "replay", chosen))


def _tries(attempt: DeliveryAttempt) -> Iterable[DeliveryAttempt]:
    """All tries of the same push, in the order of time."""
    rows = DeliveryAttempt.objects.filter(profile=attempt.profile_id, destination=attempt.destination_id)
    same = rows.filter(idempotency_key=attempt.idempotency_key).defer(*WIRE)
    return reversed(same.order_by("-at")[:MOST_TRIES])


def _body(text: Any) -> str:
    if text is None:
        return _("Not kept: TRACSYNC_ATTEMPT_BODIES says which bodies are.")
    return format_html('<pre class="tracsync-code" tabindex="0">{}</pre>', text)
