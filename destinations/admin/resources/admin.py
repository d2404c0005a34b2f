"""Resources: an external system and how to sign in there. Credentials go in and never come out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import redirect
from django.urls import URLPattern, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from destinations import configuration
from destinations.admin.base import versions
from destinations.admin.base.confirm_before_save import BACK, SEALED, shown_revision
from destinations.admin.base.live import STEADY
from destinations.admin.base.object_actions import Act, ActingAdmin, Button, Question
from destinations.admin.base.tags import TagFilter
from destinations.admin.base.versions import Versioned
from destinations.admin.resources import authorise, connection, gallery, guide
from destinations.admin.resources.form import (
    SETS,
    TITLES,
    ResourceForm,
    fieldsets,
    put_older,
    removed,
    resource_form,
)
from destinations.configuration import history, internal_addresses, revisions, target_fields
from destinations.configuration.history import LIMITS, Author, Content
from destinations.connectors import registry
from destinations.connectors.base import ConnectorError
from destinations.insight import preview
from destinations.models import Extension, Resource
from tracsync.common import times, trail
from tracsync.common.bounded_lists import LeanAdmin
from tracsync.common.encryption import UndecryptableValue
from tracsync.common.trail import Action
from tracsync.common.translation import translated

MOST_NAMED = 10


def check(request: HttpRequest, model_admin: ActingAdmin, resource: Resource) -> HttpResponse | None:
    """Whether the connection is in order; where it is, the system's fields are asked for as well."""
    use_test = request.POST.get("set") == "test"
    which = TITLES["test" if use_test else "production"]
    trail.note(Action.TESTED, resource)
    try:
        said = preview.check(resource, use_test)
    except (ConnectorError, UndecryptableValue) as error:
        said, is_fine = str(error), False
    else:
        is_fine = True
        target_fields.learn(resource, use_test)
    model_admin.say(request, f"{which}: {translated(said)}", warning=not is_fine)
    if not use_test:
        guide.note_test(request, resource, is_fine=is_fine)
    return redirect(guide.url(resource)) if guide.GUIDED in request.POST else None


@admin.register(Resource)
class ResourceAdmin(Versioned, LeanAdmin):
    change_form_template = "admin/tracsync/resources/form.html"
    delete_note = gettext_lazy("What was sent to the system stays there.")
    goes_with = {
        "destinations.ResourceVersion": ngettext_lazy(
            "its history: %(count)s version", "its history: %(count)s versions", "count"
        ),
        "destinations.Account": gettext_lazy("what is counted for its limits"),
        "destinations.KnownFields": gettext_lazy("what is known of the system's fields"),
        "destinations.AccessToken": ngettext_lazy(
            "%(count)s access token that it was given", "%(count)s access tokens that it was given", "count"
        ),
        "destinations.AuthorisationRequest": ngettext_lazy(
            "%(count)s authorisation under way", "%(count)s authorisations under way", "count"
        ),
    }
    list_display = ("name", "type", "enabled", "destination_count", "tag_list", "edited")
    list_filter = ("type", "enabled", TagFilter)
    list_select_related = ("type",)
    search_fields = ("name", "slug")
    search_help_text = gettext_lazy("A part of the name or the slug.")
    readonly_fields = ("type_name",)
    acts = {"check": Act(check), "authorise": Act(authorise.leave)}
    object_views = {"restore": versions.restore}
    panel_template = "admin/tracsync/resources/panel.html"
    restore_note = gettext_lazy(
        "Restoring fills the form from the older version and shows what that would change; nothing is saved"
        " before you say so. Limits and credentials that are no secret come back. The name, the tags, whether"
        " it is on, and the secrets that are stored now stay; where it leads to another host, they are to be"
        " entered again."
    )

    def get_urls(self) -> list[URLPattern]:
        """Where services send people back to, and what the form asks, before the addresses of objects."""
        return [
            self.route("authorised/", authorise.come_back, authorise.BACK),
            self.route("live/test/", connection.test_typed, "test_typed"),
            *super().get_urls(),
        ]

    def for_list(self, rows: Any) -> Any:
        return rows.defer("production", "test").annotate(destination_count=Count("destinations"))

    @admin.display(description=gettext_lazy("destinations"), ordering="destination_count")
    def destination_count(self, resource: Any) -> int:
        return resource.destination_count

    @admin.display(description=gettext_lazy("tags"))
    def tag_list(self, resource: Resource) -> str:
        return ", ".join(resource.tags)

    @admin.display(description=gettext_lazy("last edited"), ordering="updated_at")
    def edited(self, resource: Resource) -> str:
        return times.shown(resource.updated_at)

    @admin.display(description=gettext_lazy("type"))
    def type_name(self, resource: Resource) -> str:
        return resource.type.name

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        """First the type, then the fields that it needs."""
        if self.has_add_permission(request) and self._extension(request, None) is None:
            choices = [
                {"card": gallery.card(one), "name": one.name, "text": translated(one.description)}
                | {"query": f"type={one.slug}"}
                for one in Extension.objects.filter(installed_at__isnull=False)
            ]
            return self.page(
                request,
                "base/choose.html",
                _("Add resource: of which type?"),
                choices=choices,
                nothing=_("No extension is installed yet, and a resource needs one."),
                elsewhere=reverse("admin:destinations_extension_changelist"),
                elsewhere_text=_("Install an extension"),
            )
        return super().add_view(request, form_url, extra_context)

    def get_fieldsets(self, request: HttpRequest, obj: Resource | None = None) -> Any:
        sets = fieldsets(self._form(request, obj), obj)
        return sets if self.may_save(request, obj) else [sets[0], *sets[-2:]]  # without credentials

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs["form"] = self._form(request, obj)
        return super().get_form(request, obj, change, **kwargs)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        obj = kwargs.get("obj")
        if obj is not None:
            self.say_if_outdated(request, obj)
        if self.may_save(request, obj):
            context |= connection.context(request, self, obj)
        return super().render_change_form(request, context, *args, **kwargs)

    def question(self, request: HttpRequest, stored: Any, form: Any) -> HttpResponse | None:
        """What is removed was never shown, so nobody can type it again from what is here."""
        labels = removed(form)
        if stored is None or not labels:
            return None
        users = list(stored.destinations.values_list("name", flat=True)[: MOST_NAMED + 1])
        return self.page(
            request,
            "base/confirm.html",
            _("Remove credentials?"),
            stored,
            question=_question(labels, users),
            action=request.get_full_path(),
            again=[(SEALED, self.sealed(request, stored, dict(request.POST.lists())))],
            back=BACK,
        )

    def differences(self, stored: Any, draft: Any) -> Any:
        return revisions.differences(stored, draft), []

    def version_content(self, request: HttpRequest, row: Resource, version: Any) -> Content:
        """Where it leads and whom it signs in as is for who may change that."""
        content: Content = version.content
        return content if self.may_save(request, row) else {**content, **{name: {} for name in SETS}}

    def restored(self, request: HttpRequest, row: Resource, version: Any) -> QueryDict:
        older, content = self.stored_row(row.pk), version.content
        for name in LIMITS:
            setattr(older, name, content.get(name, getattr(older, name)))
        typed = versions.as_typed(self.get_form(request, row, change=True)(instance=older))
        if content["type"] == row.type_id:
            put_older(typed, older, content)
        return typed

    def review_restored(self, request: HttpRequest, row: Any, draft: Any, typed: Any) -> HttpResponse:
        old, new = history.content_of(row), history.content_of(draft)
        sentences = tuple(history.changes(old, new, secrets_changed=history.secrets_differ(row, draft)))
        return self.page(
            request,
            "base/confirm.html",
            _("Before you save"),
            row,
            question=Question("", sentences, _("Yes, save")),
            action=self.url("change", row),
            again=[(SEALED, self.sealed(request, row, typed))],
            back=BACK,
        )

    def save_model(self, request: HttpRequest, obj: Resource, form: Any, change: bool) -> None:
        configuration.save(obj, by=Author.from_user(request.user), expected=shown_revision(request))
        connection.take_over(request, obj)
        for sentence in internal_addresses.refusals(obj):
            self.say(request, translated(sentence), warning=True)

    def response_post_save_add(self, request: HttpRequest, obj: Resource) -> HttpResponseRedirect:
        """To its system's page, where testing the connection is next."""
        if request.user.has_perm("destinations.view_extension"):
            return redirect(guide.url(obj))
        return super().response_post_save_add(request, obj)

    def response_post_save_change(self, request: HttpRequest, obj: Resource) -> HttpResponseRedirect:
        if guide.GUIDED in request.GET:
            return redirect(guide.url(obj))
        return super().response_post_save_change(request, obj)

    def buttons(self, request: HttpRequest, obj: Resource) -> Iterable[Button]:
        for name in SETS:
            if getattr(obj, name):
                is_test = name == "test"
                label = _("Test connection with test credentials") if is_test else _("Test connection")
                note = _("Signs in with the stored credentials and changes nothing.")
                yield Button(label, self.url("check", obj), note, (("set", name),))
        yield from authorise.buttons(self, obj)

    def panel(self, request: HttpRequest, obj: Resource) -> dict[str, Any]:
        return {
            "gone": translated(registry.problem(obj.type_id)),
            "tokens": authorise.shown(obj),
            "redirect_uri": authorise.redirect_uri(request, self),
        }

    def live(self, obj: Resource) -> int:
        return STEADY

    def _form(self, request: HttpRequest, obj: Resource | None) -> type[ResourceForm]:
        extension = self._extension(request, obj)
        assert extension is not None
        return resource_form(extension, obj)

    def _extension(self, request: HttpRequest, obj: Resource | None) -> Extension | None:
        if obj is not None:
            return obj.type
        asked = request.GET.get("type", "").replace("\0", "")
        return Extension.objects.filter(pk=asked, installed_at__isnull=False).first()


def _question(labels: list[str], users: list[str]) -> Question:
    sentences = [
        _("These are removed: %s.") % ", ".join(labels),
        _("They are shown nowhere and cannot be brought back: have them at hand if you need them again."),
    ]
    if users:
        names = ", ".join(users[:MOST_NAMED]) + (", …" if len(users) > MOST_NAMED else "")
        sentences.append(_("Destinations that use this resource: %s.") % names)
    return Question("", tuple(sentences), _("Yes, remove and save"))
