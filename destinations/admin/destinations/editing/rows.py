"""Conditions and mappings as rows: what the form asks while rows are filled in. Nothing is saved here."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_POST

from destinations.admin.base.filters import profile_named
from destinations.admin.base.links import called
from destinations.admin.base.object_actions import ActingAdmin
from destinations.admin.destinations.editing.editor import drafted_from, need_writer
from destinations.insight import path_suggestions, row_evidence
from destinations.notation import NotationError
from destinations.notation.rows import condition_rows, mapping_rows
from destinations.notation.rows.shapes import RowsError, as_json, condition_from_json, mapping_from_json
from profiles import documents, personal
from profiles.documents import InvalidDocument
from profiles.models import Profile
from tracsync.common.messages import message
from tracsync.common.translation import translated

MOST_TYPED = 250_000  # characters of a text, or of rows as JSON


@require_POST
def as_rows(request: HttpRequest, model_admin: ActingAdmin) -> HttpResponse:
    """Of a `text`: its rows, or `refused`, why it stays text. Of `rows`: their text, and what is to be said
    of each, with what one profile has there for those who may see profiles."""
    need_writer(request, model_admin)
    kind = request.POST.get("kind", "")
    if kind not in ("condition", "mapping"):
        return JsonResponse({"error": "kind is condition or mapping"}, status=400)
    text, given = request.POST.get("text"), request.POST.get("rows", "")
    if len(text or given) > MOST_TYPED:
        too_long = message("this is too long for rows")
        return JsonResponse({"refused": translated(too_long)}, status=200 if text else 413)
    if text is not None:
        return JsonResponse(_read(kind, text.replace("\r\n", "\n")))
    try:
        return JsonResponse(_written(request, kind, _from_json(given, kind)))
    except RowsError as error:
        return JsonResponse({"error": translated(str(error))}, status=400)


@require_POST
def counts(request: HttpRequest, model_admin: ActingAdmin) -> HttpResponse:
    """How many profiles meet each row of a condition, of a bounded number that was looked at."""
    need_writer(request, model_admin)
    if not personal.may_view(request.user):
        raise PermissionDenied
    given = request.POST.get("rows", "")
    if len(given) > MOST_TYPED:
        return JsonResponse({"error": "too many rows"}, status=413)
    try:
        found = row_evidence.counted(_from_json(given, "condition"))
    except RowsError as error:
        return JsonResponse({"error": translated(str(error))}, status=400)
    return JsonResponse(dataclasses.asdict(found))


def _from_json(given: str, kind: str) -> Any:
    """Raises RowsError."""
    try:
        value = json.loads(given)
    except (ValueError, RecursionError):
        raise RowsError(message("rows are sent as JSON")) from None
    return condition_from_json(value) if kind == "condition" else mapping_from_json(value)


def _read(kind: str, text: str) -> dict[str, Any]:
    """The rows, or why there are none."""
    try:
        if kind == "condition":
            return {"rows": as_json(condition_rows.read(text))}
        value = documents.parse(text or "{}", unique_keys=True)
        documents.canonical(value)
        return {"rows": as_json(mapping_rows.read(value))}
    except (NotationError, InvalidDocument):
        return {"refused": translated(message("it has a mistake: mend it as text first"))}
    except RowsError as error:
        return {"refused": translated(str(error))}


def _written(request: HttpRequest, kind: str, rows: Any) -> dict[str, Any]:
    may_see_profiles = personal.may_view(request.user)
    sample = path_suggestions.sample() if may_see_profiles else None
    profile = _profile(request.POST.get("profile", "").strip()) if may_see_profiles else None
    document = profile.document if profile else None
    if kind == "condition":
        text, found = row_evidence.of_condition(rows, sample, document)
    else:
        text, found = row_evidence.of_mapping(rows, sample, document, drafted_from(request))
    evidence = [dataclasses.asdict(one) for one in found]
    return {"text": text, "evidence": evidence, "profile": called(profile) if profile else ""}


def _profile(id: str) -> Profile | None:
    """The one that was chosen beside the form, or else the one that changed last."""
    return (profile_named(id) if id else None) or Profile.objects.order_by("-changed_at").first()
