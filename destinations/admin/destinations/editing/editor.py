"""What the editors of conditions and mappings ask meanwhile: is it right, and what could come next."""

from __future__ import annotations

import dataclasses
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from destinations.admin.base.filters import row_id
from destinations.admin.base.object_actions import ActingAdmin
from destinations.admin.destinations.editing.editor_texts import editor_texts
from destinations.admin.destinations.editing.rows_texts import rows_texts
from destinations.insight import checking, path_suggestions
from destinations.models import Destination, Resource
from destinations.notation import functions
from destinations.notation.literals import KEYWORDS
from destinations.notation.paths import SOURCES
from profiles import personal
from tracsync.common.encryption import UndecryptableValue

CHECKED = ("condition", "mapping")
MOST_TYPED = 300  # characters of a path
WORDS = (
    *("AND", "OR", "NOT", "EXISTS", "NOT EXISTS", "EMPTY", "NOT EMPTY", "IS NULL", "IS NOT NULL"),
    *("CONTAINS", "NOT CONTAINS", "STARTS WITH", "ENDS WITH", "IN", "NOT IN", "BETWEEN"),
    *("true", "false", "null"),
)


@require_POST
def check_text(request: HttpRequest, model_admin: ActingAdmin) -> HttpResponse:
    """The mistakes in a condition or a mapping, and what is probably not meant, each with its place."""
    need_writer(request, model_admin)
    kind, text = request.POST.get("kind", ""), request.POST.get("text", "")
    if kind not in CHECKED:
        return JsonResponse({"error": "kind is condition or mapping"}, status=400)
    if len(text) > checking.MAX_CHARACTERS:
        return JsonResponse({"error": "too long to be checked while it is typed"}, status=413)
    # Browsers send line ends as two characters; the editor counts them as one.
    may_see_profiles = personal.may_view(request.user)
    sample = path_suggestions.sample() if may_see_profiles else None
    text = text.replace("\r\n", "\n")
    if kind == "condition":
        problems = checking.check_condition(text, sample)
    else:
        problems = checking.check_mapping(text, sample, drafted_from(request))
    return JsonResponse({"problems": [dataclasses.asdict(problem) for problem in problems]})


@require_GET
def seen_paths(request: HttpRequest, model_admin: ActingAdmin) -> HttpResponse:
    """Paths of real profiles that go on from what was typed `below`, or that have what is to be found in them
    (`find`); and no value of them."""
    need_writer(request, model_admin)
    if not personal.may_view(request.user):
        raise PermissionDenied
    sample = path_suggestions.sample()
    typed = request.GET.get("find")
    if typed is None:
        found = sample.below(request.GET.get("below", "")[:MOST_TYPED])
    else:
        found = sample.containing(typed[:MOST_TYPED])
    paths = [
        {"path": one.path, "kinds": one.kinds, "type": sample.type_of(one.path)}
        | {"seen": one.seen, "everywhere": one.seen == sample.profiles}
        for one in found
    ]
    more = len(found) == path_suggestions.MOST_ANSWERED
    return JsonResponse({"paths": paths, "profiles": sample.profiles, "more": more})


def drafted_from(request: HttpRequest) -> Destination | None:
    """What is being written, as far as it decides which fields the other system has."""
    given = request.POST
    resources = Resource.objects.defer("production", "test")
    resource = resources.filter(pk=row_id(given.get("resource", ""))).first()
    if resource is None:
        return None
    try:
        stored = Destination.objects.filter(pk=row_id(given.get("destination", ""))).first()
    except UndecryptableValue:
        return None
    drafted = stored or Destination()
    drafted.resource = resource
    drafted.use_test_credentials = given.get("use_test") == "true"
    return drafted


def vocabulary(
    model_admin: ActingAdmin, targets: list[dict[str, Any]], destination: Destination
) -> dict[str, Any]:
    """What the editors know from the start. `targets`: fields of the other system, as far as known."""
    known = filter(None, map(functions.get, functions.names()))
    return {
        "check_url": reverse(f"admin:{model_admin.url_name('editor_check')}"),
        "paths_url": reverse(f"admin:{model_admin.url_name('editor_paths')}"),
        "rows_url": reverse(f"admin:{model_admin.url_name('editor_rows')}"),
        "counts_url": reverse(f"admin:{model_admin.url_name('editor_counts')}"),
        "sources": SOURCES,
        "keywords": KEYWORDS,
        "words": WORDS,
        "functions": [{"name": one.name, "arguments": one.usage().removeprefix(one.name)} for one in known],
        "targets": targets,
        "destination": destination.pk or "",
        "texts": editor_texts(),
        "rows_texts": rows_texts(),
    }


def need_writer(request: HttpRequest, model_admin: ActingAdmin) -> None:
    if not (model_admin.has_add_permission(request) or model_admin.has_change_permission(request)):
        raise PermissionDenied
