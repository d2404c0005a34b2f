"""The page of settings: what a person may set up here, and how the installation itself is set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tracsync.admin.navigation import SETTINGS
from tracsync.common.numbers import grouped, short

BODIES = {
    "none": gettext_lazy("of none"),
    "asked": gettext_lazy("of those that somebody asked for"),
    "failed": gettext_lazy("of these and of all that failed"),
    "all": gettext_lazy("of all"),
}


@dataclass(frozen=True, slots=True)
class Value:
    """What holds for the whole installation, and the variable that sets it, without its `TRACSYNC_`."""

    label: str
    value: str
    variable: str


def view(request: HttpRequest, **context: Any) -> HttpResponse:
    pages = next(one.pages for one in context["navigation"] if one.name == SETTINGS.name)
    context |= {
        "title": _("Settings"),
        "pages": pages,
        "values": list(_values()) if may_know(request) else [],
    }
    return TemplateResponse(request, "admin/tracsync/site/settings.html", context)


def may_know(request: HttpRequest) -> bool:
    """Whether somebody may know how the installation is set."""
    of = ("destination", "resource")
    return any(request.user.has_perm(f"destinations.change_{what}") for what in of)


def _values() -> Iterator[Value]:
    """Nothing of it is secret, nor says where anything is."""
    wait = settings.TRACSYNC_MAX_WAIT
    bodies: str | Promise = BODIES.get(settings.TRACSYNC_ATTEMPT_BODIES, settings.TRACSYNC_ATTEMPT_BODIES)
    yield Value(_("Quiet period"), _seconds(settings.TRACSYNC_QUIET_PERIOD), "QUIET_PERIOD")
    yield Value(_("Max wait"), _("no limit") if wait is None else _seconds(wait), "MAX_WAIT")
    yield Value(_("Calls at once to each destination"), grouped(settings.TRACSYNC_CONCURRENCY), "CONCURRENCY")
    yield Value(_("Profiles in a batch"), grouped(settings.TRACSYNC_BATCH_SIZE), "BATCH_SIZE")
    refusals = grouped(settings.TRACSYNC_EQUAL_REJECTIONS)
    yield Value(_("Equal refusals until a destination is held"), refusals, "EQUAL_REJECTIONS")
    yield Value(_("Requests and answers are kept"), str(bodies), "ATTEMPT_BODIES")
    yield Value(_("The delivery log is kept"), _days(settings.TRACSYNC_ATTEMPT_DAYS), "ATTEMPT_DAYS")
    yield Value(_("Histories are kept"), _days(settings.TRACSYNC_HISTORY_DAYS), "HISTORY_DAYS")
    yield Value(_("The trail is kept"), _days(settings.TRACSYNC_TRAIL_DAYS), "TRAIL_DAYS")


def _seconds(value: float) -> str:
    return _("%(seconds)s s") % {"seconds": short(value)}


def _days(value: int) -> str:
    return _("%(count)s days") % {"count": grouped(value)}
