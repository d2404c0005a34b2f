"""The preview beside a destination's form: what the form as it stands would do with one profile.

Everything here answers a piece of a page. The form is posted as it is and never saved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from destinations.admin.base.filters import profile_named, row_id
from destinations.admin.base.object_actions import ActingAdmin
from destinations.admin.base.preview_display import judged, readable
from destinations.insight import payload_diff, preview, sample
from destinations.models import Destination, Resource
from destinations.notation import NotationError
from destinations.recorded import translated
from profiles.models import Profile
from tracsync.common.bounded_lists import id_matches
from tracsync.common.encryption import UndecryptableValue, get_readable

PROFILE, PICK = "tracsync_profile", "tracsync_pick"  # beside the form's own fields
MOST_FOUND = 20
MOST_POSTED = 3_000_000  # bytes of a form


@dataclass(frozen=True, slots=True)
class Draft:
    """A destination as a form has it, never to be saved. `stored` is None while it is being added."""

    destination: Destination
    stored: Destination | None
    mistakes: tuple[str, ...] = ()
    changed: bool = False


class LivePreview(ActingAdmin):
    def get_urls(self) -> list[Any]:
        own = [
            path(f"live/{name}/", self.admin_site.admin_view(view), name=self.url_name(f"live_{name}"))
            for name, view in self.live_views().items()
        ]
        return [*own, *super().get_urls()]

    def live_views(self) -> dict[str, Any]:
        return {"preview": require_POST(self.live_preview), "profiles": require_GET(self.live_profiles)}

    def live_url(self, name: str) -> str:
        return reverse(f"admin:{self.url_name(f'live_{name}')}")

    def live_preview(self, request: Any) -> HttpResponse:
        """One profile, chosen or found at random, as the form would treat it. Sends nothing."""
        draft = self.draft(request)
        profile, problem = _chosen(request, draft)
        if profile is None:
            return self.piece(request, "destinations/preview_nothing.html", problem=problem)
        shown, compared = _previewed(draft, profile)
        return self.piece(
            request,
            "destinations/preview.html",
            profile=profile,
            preview=readable(shown, compared, draft.mistakes),
        )

    def live_profiles(self, request: Any) -> HttpResponse:
        """Some ids that begin as what was typed."""
        self.need_reader(request)
        term = request.GET.get("q", "").replace("\0", "").strip()[:255]
        rows = Profile.objects.filter(id_matches(term)) if term else Profile.objects.all()
        return JsonResponse({"ids": list(rows.order_by("pk").values_list("pk", flat=True)[:MOST_FOUND])})

    def draft(self, request: Any) -> Draft:
        """The posted form as a destination; for those who may only look, what is stored."""
        self.need_reader(request)
        if int(request.META.get("CONTENT_LENGTH") or 0) > MOST_POSTED:
            raise RequestDataTooBig
        stored = self._stored(request)
        may_edit = self.has_change_permission(request, stored) if stored else self.has_add_permission(request)
        if not may_edit:
            if stored is None:
                raise PermissionDenied
            return Draft(stored, stored)
        try:
            return self._from_form(request, stored)
        except UndecryptableValue:  # of the resource; the form's page says so
            raise Http404 from None

    def need_reader(self, request: Any) -> None:
        """A preview shows a destination and a profile."""
        may_see = self.has_view_or_change_permission(request) or self.has_add_permission(request)
        if not (may_see and request.user.has_perm("profiles.view_profile")):
            raise PermissionDenied

    def piece(self, request: Any, template: str, **context: Any) -> TemplateResponse:
        return TemplateResponse(request, f"admin/tracsync/{template}", context)

    def live_context(self, request: Any, obj: Destination | None, resource: Resource) -> dict[str, Any]:
        """What the page needs to have the preview beside it; nothing for those who may not see profiles."""
        if not request.user.has_perm("profiles.view_profile"):
            return {}
        query = urlencode({"destination": obj.pk} if obj else {"resource": resource.pk})
        return {
            "query": query,
            "preview_url": f"{self.live_url('preview')}?{query}",
            "profiles_url": self.live_url("profiles"),
        }

    def _stored(self, request: Any) -> Destination | None:
        asked = request.GET.get("destination", "")
        if not asked:
            return None
        try:
            stored: Destination = get_readable(self.get_queryset(request), pk=row_id(asked))[0]
        except Destination.DoesNotExist:
            raise Http404 from None
        return stored

    def _from_form(self, request: Any, stored: Destination | None) -> Draft:
        if stored is None and not _is_resource(request.GET.get("resource", "")):
            raise Http404
        form_class = self.get_form(request, stored, change=stored is not None)
        form = form_class(request.POST, instance=stored or Destination())
        mistakes = tuple(form.errors)
        draft = form.instance
        if draft.resource_id is None:
            raise Http404
        return Draft(draft, stored, mistakes, form.has_changed())


def _is_resource(asked: str) -> bool:
    return Resource.objects.filter(pk=row_id(asked)).exists()


def _chosen(request: Any, draft: Draft) -> tuple[Profile | None, str]:
    """The profile to show, or why there is none."""
    pick = request.POST.get(PICK, "")
    if pick in ("matching", "failing"):
        return _random(draft, wanted=pick == "matching")
    id = request.POST.get(PROFILE, "").strip()
    if not id:
        return None, ""
    profile = profile_named(id)
    return profile, "" if profile else _("There is no profile with the ID “%(id)s”.") % {"id": id}


def _random(draft: Draft, wanted: bool) -> tuple[Profile | None, str]:
    if "prerequisites" in draft.mistakes:
        return None, _("The prerequisites have a mistake: mend them first.")
    try:
        found = sample.random_profile(draft.destination.prerequisites, wanted)
    except NotationError as error:
        return None, translated(error.message)
    return found.profile, "" if found.profile else found.sentence(wanted)


def _previewed(draft: Draft, profile: Profile) -> tuple[preview.Preview, payload_diff.Comparison | None]:
    destination = draft.destination
    if "prerequisites" in draft.mistakes:
        destination.prerequisites = ""
    if "mapping" in draft.mistakes:
        destination.mapping = {}
    return judged(destination, profile)
