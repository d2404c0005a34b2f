"""Erasing people: asked for here, and the receipts; and all that is known of one as a file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from destinations.admin.base.links import called_each
from destinations.admin.base.object_actions import Act, ActingAdmin, Button, Question, ReadOnly
from profiles import personal
from profiles.models import Profile
from tracsync.common import times
from tracsync.common.bounded_lists import BetweenDates, BoundedAdmin, NullFilter
from tracsync.models import Erasure
from tracsync.privacy import erasing, steps
from tracsync.privacy.archive import FILE_NAME, archive

ERASE, EXPORT = "tracsync.erase_person", "tracsync.export_person"


class FinishedFilter(NullFilter):
    title = gettext_lazy("finished")
    parameter_name = "finished"
    field = "finished_at"
    answers = {"no": (gettext_lazy("Not yet"), True), "yes": (gettext_lazy("Finished"), False)}


class ErasureForm(forms.ModelForm):
    profile = forms.CharField(
        label=gettext_lazy("Profile"), max_length=255, strip=False, help_text=gettext_lazy("Its ID.")
    )
    sure = forms.BooleanField(
        label=gettext_lazy("Erase this person here and at all destinations"),
        help_text=gettext_lazy(
            "It cannot be undone. Destinations erase the profile where they can, else remove it, even where"
            " deleted profiles are kept; the receipt says what somebody has to do by hand."
        ),
    )

    class Meta:
        model = Erasure
        fields: tuple[str, ...] = ()

    def clean_profile(self) -> str:
        profile_id: str = self.cleaned_data["profile"]
        if problem := erasing.obstacle(profile_id):
            raise forms.ValidationError(problem)
        return profile_id


def finish(request: HttpRequest, model_admin: ActingAdmin, erasure: Erasure) -> None:
    try:
        erasing.finish(erasure, request.user.get_username())
        model_admin.say(request, _("Finished: nothing of the person is left here."))
    except erasing.CannotErase as error:
        model_admin.say(request, str(error), warning=True)


def before_finishing(request: HttpRequest, model_admin: ActingAdmin, chosen: Any) -> Question:
    sentences = (
        _("What destinations have not done counts as done by hand, and nothing more is asked of them."),
        _("What tells which record it is there is deleted here: afterwards nobody can look it up."),
    )
    return Question(_("Finish by hand?"), sentences, _("Finish"))


@require_safe
def download(request: HttpRequest, model_admin: ActingAdmin) -> HttpResponse:
    """All that is known of the profile that the address names."""
    if not (request.user.has_perm(EXPORT) and personal.may_see(request.user)):
        raise PermissionDenied
    id = request.GET.get("profile", "")
    profile = None if "\0" in id else Profile.with_deleted.filter(pk=id).first()
    if profile is None:
        raise Http404
    headers = {"Content-Disposition": f'attachment; filename="{FILE_NAME}"', "Cache-Control": "no-store"}
    return HttpResponse(archive(profile), content_type="application/zip", headers=headers)


@admin.register(Erasure)
class ErasureAdmin(ActingAdmin, ReadOnly, BoundedAdmin):
    form = ErasureForm
    add_form_template = change_form_template = "admin/tracsync/site/erasure.html"
    panel_template = "admin/tracsync/site/erasure_panel.html"
    list_display = ("id", "asked", "asked_by", "finished")
    list_filter = (FinishedFilter, ("asked_at", BetweenDates))
    acts = {"finish": Act(finish, before_finishing)}

    def get_urls(self) -> list[URLPattern]:
        return [self.route("download/", download, "download"), *super().get_urls()]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(ERASE)

    def has_act_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(ERASE)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_view_permission(request, obj) or request.user.has_perm(ERASE)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Whom the address names is said by name: an ID tells nobody whether it is the right person."""
        id = request.GET.get("profile", "")
        named = called_each([id], request) if "\0" not in id else {}
        shown = {"title": _("Erase a person"), "subtitle": named.get(id), **(extra_context or {})}
        return super().add_view(request, form_url, shown)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("id", "asked", "asked_by", "finished", "closed_by") if obj else ("profile", "sure")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.get_fields(request, obj) if obj else ()

    def save_model(self, request: HttpRequest, obj: Erasure, form: Any, change: bool) -> None:
        """The number is all that the admin's log keeps of it."""
        obj.pk = erasing.request(form.cleaned_data["profile"], request.user.get_username()).pk

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Noted by what erases."""

    def response_add(self, request: HttpRequest, obj: Erasure, post_url_continue: Any = None) -> HttpResponse:
        self.say(request, _("The person is erased here. This page says how far the destinations are."))
        return redirect(self.url("change", obj))

    def buttons(self, request: HttpRequest, obj: Erasure) -> Iterable[Button]:
        if obj.finished_at is None:
            note = _("For what destinations cannot do, or do not answer.")
            yield Button(_("Finish by hand"), self.url("finish", obj), note)

    def live(self, obj: Erasure) -> int:
        return 5 if obj.finished_at is None else 0

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        obj = super().get_object(request, object_id, from_field)
        return obj and erasing.look(obj)

    def panel(self, request: HttpRequest, obj: Erasure) -> dict[str, Any]:
        remote_ids = steps.remote_ids(obj.profile_id)
        rows = [
            {
                "name": step["name"],
                "state": steps.State(step["state"]).label,
                "answer": " ".join(str(step[name]) for name in ("operation", "code", "status") if step[name]),
                "to_do": steps.what_to_do(step, remote_ids.get(step["destination"], "")),
            }
            for step in obj.steps
        ]
        notes = [steps.DELETED_BEFORE] if obj.was_deleted else []
        return {"rows": rows, "notes": notes + ([steps.CAME_BACK] if obj.came_back else [])}

    @admin.display(description=gettext_lazy("asked for"), ordering="asked_at")
    def asked(self, erasure: Erasure) -> str:
        return times.shown(erasure.asked_at)

    @admin.display(description=gettext_lazy("finished"))
    def finished(self, erasure: Erasure) -> str:
        return times.shown(erasure.finished_at, _("not yet"))
