"""What is kept how long, on one page; the settings are the installation's, and are not changed here."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from tracsync.admin.settings_page import BODIES, may_know
from tracsync.common import times
from tracsync.common.bounded_lists import AtLeast
from tracsync.common.numbers import grouped
from tracsync.privacy import retention
from tracsync.privacy.retention import Kept


def view(request: HttpRequest, **context: Any) -> HttpResponse:
    if not may_know(request):
        raise PermissionDenied
    bodies = BODIES.get(settings.TRACSYNC_ATTEMPT_BODIES, settings.TRACSYNC_ATTEMPT_BODIES)
    context |= {
        "title": _("What is kept how long"),
        "rows": [_row(one) for one in retention.everything()],
        "bodies": {"value": bodies, "variable": retention.BODIES},
    }
    return TemplateResponse(request, "admin/tracsync/site/retention.html", context)


def _row(kept: Kept) -> dict[str, Any]:
    counted = kept.count
    if isinstance(counted, AtLeast):
        shown = _("more than %(count)s") % {"count": grouped(int(counted))}
    else:
        shown = grouped(counted)
    days = _("%(count)s days") % {"count": grouped(kept.days)} if kept.days is not None else kept.fixed
    return {
        "label": kept.label,
        "kept": days,
        "variable": kept.variable,
        "count": shown,
        "oldest": times.shown(kept.oldest, "-") if counted else "-",
    }
