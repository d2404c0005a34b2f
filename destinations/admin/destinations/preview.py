"""The preview beside a destination's form: what the form as it stands would do with one profile.

Everything here answers a piece of a page. The form is posted as it is and never saved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from destinations.admin.base.filters import profile_named, row_id
from destinations.admin.base.links import called
from destinations.admin.base.object_actions import ActingAdmin
from destinations.admin.base.preview_display import judged, readable
from destinations.insight import preview, sample
from destinations.insight.payloads import diff
from destinations.models import Destination, Resource
from destinations.notation import NotationError
from profiles import personal
from profiles.models import Profile
from profiles.search import finding
from tracsync.common.encryption import UndecryptableValue, get_readable
from tracsync.common.translation import translated

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


@require_POST
def live_preview(request: HttpRequest, model_admin: ActingAdmin) -> HttpResponse:
    """One profile, chosen or found at random, as the form would treat it. Sends nothing."""
    draft = draft_of(request, model_admin)
    profile, problem = _chosen(request, draft)
    if profile is None:
        return piece(request, "destinations/preview_nothing.html", problem=problem)
    shown, compared = _previewed(draft, profile)
    found = readable(shown, compared, draft.mistakes)
    return piece(request, "destinations/preview.html", profile=profile, preview=found)


@require_GET
def live_profiles(request: HttpRequest, model_admin: ActingAdmin) -> HttpResponse:
    """Some profiles whose names, e-mail addresses or ids begin as what was typed."""
    need_reader(request, model_admin)
    term = request.GET.get("q", "").replace("\0", "").strip()
    some = Profile.objects.order_by("pk").only("id", "name")[:MOST_FOUND]
    found = finding.find(term, MOST_FOUND).profiles if term else some
    return JsonResponse({"ids": [one.pk for one in found], "names": [called(one) for one in found]})


def draft_of(request: HttpRequest, model_admin: ActingAdmin) -> Draft:
    """The posted form as a destination; for those who may only look, what is stored."""
    need_reader(request, model_admin)
    if int(request.META.get("CONTENT_LENGTH") or 0) > MOST_POSTED:
        raise RequestDataTooBig
    stored = stored_one(request, model_admin)
    if not model_admin.may_save(request, stored):
        if stored is None:
            raise PermissionDenied
        return Draft(stored, stored)
    try:
        return _from_form(request, model_admin, stored)
    except UndecryptableValue:  # of the resource; the form's page says so
        raise Http404 from None


def need_reader(request: HttpRequest, model_admin: ActingAdmin) -> None:
    """A preview shows a destination and a profile."""
    may_see = model_admin.has_view_or_change_permission(request) or model_admin.has_add_permission(request)
    if not (may_see and personal.may_view(request.user)):
        raise PermissionDenied


def piece(request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
    return TemplateResponse(request, f"admin/tracsync/{template}", context)


def context(
    request: HttpRequest, model_admin: ActingAdmin, obj: Destination | None, resource: Resource
) -> dict[str, Any]:
    """What the page needs to have the preview beside it; nothing for those who may not see profiles."""
    if not personal.may_view(request.user):
        return {}
    query = urlencode({"destination": obj.pk} if obj else {"resource": resource.pk})
    return {
        "query": query,
        "preview_url": f"{live_url(model_admin, 'preview')}?{query}",
        "profiles_url": live_url(model_admin, "profiles"),
    }


def stored_one(request: HttpRequest, model_admin: ActingAdmin) -> Destination | None:
    asked = request.GET.get("destination", "")
    if not asked:
        return None
    try:
        stored: Destination = get_readable(model_admin.get_queryset(request), pk=row_id(asked))[0]
    except Destination.DoesNotExist:
        raise Http404 from None
    return stored


def _from_form(request: HttpRequest, model_admin: ActingAdmin, stored: Destination | None) -> Draft:
    resource = row_id(request.GET.get("resource", ""))
    if stored is None and not Resource.objects.filter(pk=resource).exists():
        raise Http404
    form_class = model_admin.get_form(request, stored, change=stored is not None)
    form = form_class(request.POST, instance=stored or Destination())
    mistakes = tuple(form.errors)  # this fills the instance
    if form.instance.resource_id is None:
        raise Http404
    return Draft(form.instance, stored, mistakes, form.has_changed())


def live_url(model_admin: ActingAdmin, name: str) -> str:
    return reverse(f"admin:{model_admin.url_name(f'live_{name}')}")


def _chosen(request: HttpRequest, draft: Draft) -> tuple[Profile | None, str]:
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
        if found.profile:
            found.profile.is_named = True
    except NotationError as error:
        return None, translated(error.message)
    return found.profile, "" if found.profile else found.sentence(wanted)


def _previewed(draft: Draft, profile: Profile) -> tuple[preview.Preview, diff.Comparison | None]:
    destination = draft.destination
    if "prerequisites" in draft.mistakes:
        destination.prerequisites = ""
    if "mapping" in draft.mistakes:
        destination.mapping = {}
    return judged(destination, profile)
