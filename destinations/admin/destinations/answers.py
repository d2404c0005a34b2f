"""Trying the answer rules of the form as it stands: with an answer that was pasted, or the last real one."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from destinations.admin.base.object_actions import ActingAdmin
from destinations.admin.destinations.preview import draft_of, live_url, need_reader, piece, stored_one
from destinations.connectors import registry
from destinations.connectors.base import ConnectorError, Operation
from destinations.insight import answer_trial
from destinations.models import DeliveryAttempt, Destination, Resource
from destinations.models import Operation as Operations
from profiles import personal
from tracsync.common.translation import translated

ANSWER, MANY, OPERATION = "tracsync_answer", "tracsync_many", "tracsync_operation"  # beside the form's own
PAGE, LAST = "tracsync_page", "tracsync_last"  # the buttons, which only count without JavaScript
NOTHING_KEPT = gettext_lazy("No answer has been kept.")
MOST_LOOKED_AT = 50  # attempts, of which one may have kept its answer


@require_POST
def try_answer(request: HttpRequest, model_admin: ActingAdmin) -> HttpResponse:
    """What the form's rules make of the answer. Nothing is kept."""
    draft = draft_of(request, model_admin)
    text, operation = request.POST.get(ANSWER, ""), request.POST.get(OPERATION, "")
    if LAST in request.POST:
        text, operation = _last(request, model_admin)
    if LAST in request.POST and not text:
        found: dict[str, Any] = {"problem": NOTHING_KEPT}
    else:
        found = _tried(draft.destination, text, bool(request.POST.get(MANY)), _operation(operation))
    if {PAGE, LAST} & request.POST.keys():
        title = _("Try the answer rules")
        return model_admin.page(request, "destinations/answer_page.html", title, answer=text, **found)
    return piece(request, "destinations/answer_trial.html", **found)


def _operation(given: str) -> Operation:
    return "remove" if given == Operations.REMOVE else "erase" if given == Operations.ERASE else "upsert"


def _tried(destination: Destination, text: str, many: bool, operation: Operation) -> dict[str, Any]:
    connector = registry.find(destination.resource.type_id)
    if connector is None or not answer_trial.has_rules(connector):
        return {"problem": _("This connector has no answer rules.")}
    try:
        settings = destination.settings
        return {"trial": answer_trial.try_answer(connector, settings, text, many=many, operation=operation)}
    except ConnectorError as error:
        return {"problem": translated(str(error))}


@require_GET
def last_answer(request: HttpRequest, model_admin: ActingAdmin) -> HttpResponse:
    """The last answer of this destination that was kept."""
    need_reader(request, model_admin)
    text, operation = _last(request, model_admin)
    return JsonResponse({"answer": text, "operation": operation, "nothing": "" if text else NOTHING_KEPT})


def _last(request: HttpRequest, model_admin: ActingAdmin) -> tuple[str, str]:
    """It and what had been asked for; blank where none was kept."""
    if not request.user.has_perm("destinations.view_deliveryattempt"):
        raise PermissionDenied
    stored = stored_one(request, model_admin)
    attempts = DeliveryAttempt.objects.filter(destination=stored).order_by("-at")[:MOST_LOOKED_AT]
    kept = ((attempt.response, attempt.operation) for attempt in attempts if attempt.response)
    return next(kept, ("", ""))


def context(
    request: HttpRequest, model_admin: ActingAdmin, obj: Destination | None, resource: Resource
) -> dict[str, Any]:
    """What the page needs to try answers; nothing where there are no rules, or who looks sees no profiles."""
    may_see = personal.may_view(request.user)
    if not (may_see and answer_trial.has_rules(registry.find(resource.type_id))):
        return {}
    query = urlencode({"destination": obj.pk} if obj else {"resource": resource.pk})
    may_look = obj is not None and request.user.has_perm("destinations.view_deliveryattempt")
    return {
        "answer_fields": {
            **{"answer": ANSWER, "many": MANY, "operation": OPERATION},
            **{"page": PAGE, "last": LAST},
        },
        "answer_operations": Operations.choices,
        "answer_url": f"{live_url(model_admin, 'answer')}?{query}",
        "last_answer_url": f"{live_url(model_admin, 'last_answer')}?{query}" if may_look else "",
    }
