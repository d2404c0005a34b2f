"""Destinations: what is sent where, for whom, how and when; and how each of them is doing."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import URLPattern, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from destinations import configuration
from destinations.admin.base import versions
from destinations.admin.base.confirm_before_save import reopen, shown_revision
from destinations.admin.base.filters import ResourceFilter, row_id
from destinations.admin.base.links import Link, link
from destinations.admin.base.object_actions import Button
from destinations.admin.base.tags import TagFilter
from destinations.admin.base.versions import Versioned
from destinations.admin.dashboard.needs import BADGES
from destinations.admin.destinations import (
    answers,
    fields,
    funnel,
    preview,
    received,
    review,
    send_one,
    trials,
)
from destinations.admin.destinations.actions import (
    PAUSE,
    RESUME,
    backfill_page,
    begin_backfill,
    bring_up_to_date,
    disable,
    enable,
    pause,
    resume,
)
from destinations.admin.destinations.audit import audit_page
from destinations.admin.destinations.editing import editor, rows
from destinations.admin.destinations.form import (
    DestinationForm,
    destination_form,
    fieldsets,
    is_secret,
    preset_links,
)
from destinations.admin.jobs.base import unfinished_jobs
from destinations.admin.resources import gallery
from destinations.configuration import target_fields
from destinations.configuration.history import RESTORED, Author, Content
from destinations.insight import explain, status_words
from destinations.insight.destination_status import Kind, counted, find, with_waiting
from destinations.models import Destination, Resource
from destinations.sync.tokens import state as token_state
from tracsync.common import times
from tracsync.common.bounded_lists import LeanAdmin, ShortDeletion
from tracsync.common.encryption import UndecryptableValue
from tracsync.common.parts import badge


@admin.register(Destination)
class DestinationAdmin(Versioned, LeanAdmin, ShortDeletion):
    change_form_template = "admin/tracsync/destinations/form.html"
    list_display = ("name", "resource", "state", "waiting", "last_accepted")
    list_filter = (ResourceFilter, "enabled", TagFilter)
    search_fields = ("name", "slug", "description", "resource__name")
    search_help_text = gettext_lazy("A part of the name, the slug, the description or the resource's name.")
    delete_note = gettext_lazy("What was sent to the external system stays there.")
    goes_with = {
        "tracsync.NoticeChannel_destinations": "",
        "destinations.DestinationVersion": ngettext_lazy(
            "its history: %(count)s version", "its history: %(count)s versions", "count"
        ),
        "destinations.Tally": gettext_lazy("what its charts are made of"),
        "destinations.ProfileSync": ngettext_lazy(
            "what it knows of %(count)s profile", "what it knows of %(count)s profiles", "count"
        ),
        "destinations.DeliveryAttempt": ngettext_lazy(
            "%(count)s line of the delivery log", "%(count)s lines of the delivery log", "count"
        ),
        "destinations.Backfill": ngettext_lazy("%(count)s backfill", "%(count)s backfills", "count"),
        "destinations.Replay": ngettext_lazy("%(count)s replay", "%(count)s replays", "count"),
        "destinations.Audit": ngettext_lazy("%(count)s audit", "%(count)s audits", "count"),
        "tracsync.Incident": ngettext_lazy("%(count)s incident", "%(count)s incidents", "count"),
        "tracsync.ApiToken": ngettext_lazy(
            "%(count)s API token that reaches nothing else",
            "%(count)s API tokens that reach nothing else",
            "count",
        ),
    }
    panel_template = "admin/tracsync/destinations/panel.html"
    restore_note = gettext_lazy(
        "Restoring fills the form from the older version and shows what that would do; nothing is saved"
        " before you say so. The name, the tags, whether it is on, and the secrets that are stored now stay."
    )
    actions = (pause, resume, enable, disable, bring_up_to_date)
    acts = {
        "pause": PAUSE,
        "resume": RESUME,
        "test": trials.TEST,
        "send": trials.SEND,
        "fetch_fields": fields.FETCH,
    }
    object_views = {
        "audit": audit_page,
        "backfill": backfill_page,
        "preview": trials.preview_page,
        "funnel": funnel.funnel_page,
        "fields": fields.fields_page,
        "restore": versions.restore,
    }

    def get_urls(self) -> list[URLPattern]:
        """What the form asks while it is edited, before the addresses of objects."""
        live = {
            "preview": preview.live_preview,
            "profiles": preview.live_profiles,
            "test": send_one.test,
            "production": send_one.production,
            "sent": send_one.sent,
            "receive": send_one.to_receiver,
            "answer": answers.try_answer,
            "last_answer": answers.last_answer,
        }
        return [
            self.route("receiver/", received.page, "receiver"),
            self.route("editor/check/", editor.check_text, "editor_check"),
            self.route("editor/paths/", editor.seen_paths, "editor_paths"),
            self.route("editor/rows/", rows.as_rows, "editor_rows"),
            self.route("editor/counts/", rows.counts, "editor_counts"),
            *(self.route(f"live/{name}/", view, f"live_{name}") for name, view in live.items()),
            *super().get_urls(),
        ]

    def version_parts(self, old: Content, new: Content) -> Any:
        return review.differing_parts(old, new)

    def restored(self, request: HttpRequest, row: Destination, version: Any) -> QueryDict:
        """Secrets, its name and whether it is on stay."""
        older, content = self.stored_row(row.pk), version.content
        for name in RESTORED:
            setattr(older, name, content.get(name, getattr(older, name)))
        if Resource.objects.filter(pk=content["resource"]).exists():
            older.resource_id = content["resource"]
        older.settings, older.settings_version = content["settings"], content.get("settings_version", 1)
        return versions.as_typed(self.get_form(request, row, change=True)(instance=older))

    def review_restored(self, request: HttpRequest, row: Any, draft: Any, typed: Any) -> HttpResponse:
        return review.review_page(request, self, row, draft, typed)

    def has_act_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may change a destination may also operate it."""
        may = request.user.has_perm("destinations.operate_destination")
        return may or self.has_change_permission(request, obj)

    def question(self, request: HttpRequest, stored: Any, form: Any) -> HttpResponse | None:
        return review.question(request, self, stored, form.instance)

    def differences(self, stored: Any, draft: Any) -> Any:
        return review.differences(stored, draft)

    def for_list(self, rows: Any) -> Any:
        secrets = ("settings", "resource__production", "resource__test")
        rows = rows.select_related("resource", "health").prefetch_related("resource__accounts")
        return with_waiting(rows.defer("mapping", *secrets))

    @admin.display(description=gettext_lazy("state"))
    def state(self, destination: Any) -> str:
        """With what is to be mended, which one that runs says instead of that it runs."""
        shown, kind = self._state(destination, destination)
        broken = status_words.problem(destination)
        if not broken:
            return shown
        mend = format_html("{} {}", _badge(Kind.BROKEN), broken.splitlines()[0])
        return mend if kind == Kind.RUNNING else format_html("{} {}", shown, mend)

    def _state(self, destination: Destination, counted: Any) -> tuple[str, Kind]:
        """As it is shown, and which that is. `counted`: the row with what waits and what is rejected."""
        kind, sentence = status_words.standing(destination, counted.oldest_change, counted.rejected)
        more = sentence.removeprefix(str(status_words.LABELS[kind])).lstrip(": ")  # the badge says that word
        return (format_html("{} {}", _badge(kind), more) if more else _badge(kind)), kind

    @admin.display(description=gettext_lazy("waiting"))
    def waiting(self, destination: Any) -> str:
        url = reverse("admin:destinations_profilesync_changelist")
        query = f"?destination={destination.pk}&owed=yes"
        return format_html('<a href="{}{}">{}</a>', url, query, counted(destination.waiting))

    @admin.display(description=gettext_lazy("last accepted"))
    def last_accepted(self, destination: Destination) -> str:
        health = getattr(destination, "health", None)
        return times.shown(health and health.last_accepted_at, _("never"))

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        """First the resource, then the settings that it needs."""
        if self.has_add_permission(request) and self._resource(request, None) is None:
            choices = [
                {"card": gallery.card(one.type), "name": one.name, "text": one.type.name}
                | {"query": f"resource={one.pk}"}
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
        return super().add_view(request, form_url, extra_context)

    def get_fieldsets(self, request: HttpRequest, obj: Destination | None = None) -> Any:
        sets = fieldsets(self._form(request, obj), obj)
        if not self.may_save(request, obj):
            return [part for part in sets if not is_secret(part)]
        for _title, part in sets:
            if part["fields"] == ["mapping"]:
                drafted = obj or Destination(resource=self._resource(request, None))
                part["description"] = format_html("{}{}", part["description"], fields.fetching(drafted))
        return sets

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> Any:
        if request.method == "POST" and fields.FETCH_HERE in request.POST:
            self._fetch_fields(request, object_id)
        return super().changeform_view(request, object_id, form_url, extra_context)

    def _fetch_fields(self, request: HttpRequest, object_id: str | None) -> None:
        """For the form as it stands, which is shown again; what may not be is answered by what follows."""
        stored = self.stored_row(object_id)
        if (stored is None and object_id is not None) or not self.may_save(request, stored):
            return
        with suppress(UndecryptableValue):
            form = self.get_form(request, stored, change=stored is not None)
            fields.fetch_for_form(request, self, form(request.POST, request.FILES, instance=stored))
        reopen(request)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        obj = kwargs.get("obj")
        resource = self._resource(request, obj)
        assert resource is not None  # otherwise it is being chosen
        live = send_one.context(request, self, obj, resource)
        drafted = obj or Destination(resource=resource)
        context |= {"notation": editor.vocabulary(self, fields.for_editor(drafted), drafted), "live": live}
        if obj is not None:
            self.say_if_outdated(request, obj)
        if self.may_save(request, obj):
            context |= answers.context(request, self, obj, resource)
            context["presets"] = preset_links(request, resource)
        return super().render_change_form(request, context, *args, **kwargs)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs["form"] = self._form(request, obj)
        return super().get_form(request, obj, change, **kwargs)

    def save_model(self, request: HttpRequest, obj: Destination, form: Any, change: bool) -> None:
        configuration.save(obj, by=Author.from_user(request.user), expected=shown_revision(request))
        if not change:
            self._offer_backfill(request, obj)
            for warning in review.warnings(request, obj):  # a change was asked about before
                self.say(
                    request, _("Is this what you mean? %(warning)s") % {"warning": warning}, warning=True
                )
        elif review.asked_for_backfill(request):
            begin_backfill(request, self, obj)

    def buttons(self, request: HttpRequest, obj: Destination) -> Iterable[Button]:
        if obj.paused_at is None:
            yield Button(_("Pause"), self.url("pause", obj), _("Send nothing; go on recording what changes."))
        if find(obj, {Kind.PAUSED, Kind.STOPPED, Kind.RESTING}, timezone.now()):
            yield Button(_("Resume"), self.url("resume", obj), _("Send what is waiting by now."))

    def links(self, request: HttpRequest, obj: Destination) -> Iterable[Link]:
        if self.has_act_permission(request, obj):
            yield Link(_("Backfill…"), self.url("backfill", obj))
            yield Link(_("Audit…"), self.url("audit", obj))
        yield Link(_("Funnel"), self.url("funnel", obj))
        if target_fields.offers(obj):
            yield Link(_("Fields"), self.url("fields", obj))
        for label, model in ((_("Profile syncs"), "profilesync"), (_("Attempts"), "deliveryattempt")):
            url = reverse(f"admin:destinations_{model}_changelist")
            yield Link(label, f"{url}?destination={obj.pk}")

    def panel(self, request: HttpRequest, obj: Destination) -> dict[str, Any]:
        health = getattr(obj, "health", None)
        row = with_waiting(Destination.objects.filter(pk=obj.pk).only("pk")).get()
        said = status_words.state(obj, row.oldest_change, row.rejected)
        return {
            "state": self._state(obj, row)[0],
            "resource": link(obj.resource) if self._may_see_resource(request) else obj.resource,
            "problem": status_words.problem(obj),
            "problem_at": times.shown(health.problem_at, "") if health else "",
            "authorise_url": self._authorise_url(request, obj),
            "failures": health.failures if health else 0,
            "last_accepted": self.last_accepted(obj),
            "waiting": self.waiting(row),
            "announced": f"{obj.name}: {said}",
            "limits": explain.in_force(obj, timezone.now()),
            "jobs": unfinished_jobs(request, obj),
            "preview_url": self.url("preview", obj),
            "funnel_url": self.url("funnel", obj),
            **funnel.lately(obj),
        }

    def _may_see_resource(self, request: HttpRequest) -> bool:
        return any(request.user.has_perm(f"destinations.{verb}_resource") for verb in ("view", "change"))

    def live(self, obj: Destination) -> int:
        return 5

    def _authorise_url(self, request: HttpRequest, destination: Destination) -> str:
        """The resource's page, where somebody has to authorise it and this person may."""
        known = token_state.read(destination.resource, destination.use_test_credentials)
        may = request.user.has_perm("destinations.change_resource")
        if not (known.asks and known.needs_person and may):
            return ""
        return reverse("admin:destinations_resource_change", args=[destination.resource_id])

    def _offer_backfill(self, request: HttpRequest, destination: Destination) -> None:
        said = _("New changes are sent this way from now on; profiles that do not change are not.")
        html = '{} <a class="button tracsync-small" href="{}">{}</a>'
        url = self.url("backfill", destination)
        self.say(request, format_html(html, said, url, _("Bring all profiles up to date…")))

    def _form(self, request: HttpRequest, obj: Destination | None) -> type[DestinationForm]:
        resource = self._resource(request, obj)
        assert resource is not None
        return destination_form(resource, request.GET.get("preset", "") if request.method == "GET" else "")

    def _resource(self, request: HttpRequest, obj: Destination | None) -> Resource | None:
        if obj is not None:
            return obj.resource
        return Resource.objects.filter(pk=row_id(request.GET.get("resource", ""))).first()


def _badge(kind: Kind) -> str:
    return badge(BADGES[kind], capfirst(str(status_words.LABELS[kind])))
