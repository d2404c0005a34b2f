"""Before a change of what is sent is saved: what it would do, and whether to backfill."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from destinations.admin.base.confirm_before_save import BACK, SEALED, AsksBeforeSaving, answer
from destinations.admin.base.preview_display import warned
from destinations.admin.destinations.backfill_estimate import expected
from destinations.configuration import history, saving
from destinations.configuration.history import Content
from destinations.insight import checking, path_suggestions, sample
from destinations.insight.payloads import changes, diff
from destinations.insight.payloads.diff import Line
from destinations.models import Destination
from profiles import personal

BACKFILL = "_backfill"
MOST_KEYS = 50


def question(
    request: HttpRequest, model_admin: AsksBeforeSaving, stored: Destination | None, draft: Destination
) -> HttpResponse | None:
    """For what is there already; the name, tags and timing are saved at once."""
    if stored is None or not saving.changes_what_is_sent(stored, draft):
        return None
    return review_page(request, model_admin, stored, draft, dict(request.POST.lists()))


def asked_for_backfill(request: HttpRequest) -> bool:
    return BACKFILL in answer(request)


def review_page(
    request: HttpRequest,
    model_admin: AsksBeforeSaving,
    stored: Destination,
    draft: Destination,
    typed: Mapping[str, Sequence[object]],
) -> HttpResponse:
    may_see_profiles = personal.may_view(request.user)
    sentences, parts = differences(stored, draft)
    return model_admin.page(
        request,
        "destinations/review.html",
        _("Before you save"),
        stored,
        differences=sentences,
        parts=parts,
        warnings=warnings(request, draft),
        expected=expected(stored, draft),
        payloads=_payloads(stored, draft, show_values=may_see_profiles),
        unfinished=stored.backfills.filter(finished_at=None).first(),
        sealed=model_admin.sealed(request, stored, typed),
        names={"sealed": SEALED, "back": BACK, "backfill": BACKFILL},
        keeps=draft.on_leave == Destination.Leaving.KEEP,
        form_url=model_admin.url("change", stored),
    )


def warnings(request: HttpRequest, draft: Destination) -> list[str]:
    """What is probably not meant; compared with profiles only for who may see them."""
    may_see_profiles = personal.may_view(request.user)
    return warned(checking.warnings(draft, path_suggestions.sample() if may_see_profiles else None))


def differences(stored: Destination, draft: Destination) -> tuple[list[str], list[tuple[Any, list[Line]]]]:
    old, new = history.content_of(stored), history.content_of(draft)
    secrets_changed = history.secrets_differ(stored, draft)
    return history.changes(old, new, secrets_changed=secrets_changed), differing_parts(old, new)


def differing_parts(old: Content, new: Content) -> list[tuple[Any, list[Line]]]:
    """The condition, the mapping and the like, where they differ: what it is, and its lines."""
    return [
        (history.LABELS[name], list(diff.difference(old[name], new[name])))
        for name in history.LONG
        if old[name] != new[name]
    ]


def _payloads(stored: Destination, draft: Destination, *, show_values: bool) -> dict[str, Any]:
    """Of the profiles accepted last, or else of a few that are wanted. Values only for who may see them."""
    profiles = changes.last_accepted(stored)
    accepted = bool(profiles)
    if not accepted:  # one that would be sent, so that there is something to see
        profile = sample.random_profile(draft.prerequisites, wanted=True).profile
        profiles = [profile] if profile else []
    found = changes.changes(stored, draft, profiles)
    keys = changes.by_key(found)
    return {
        "accepted": accepted,
        "count": len(found),
        "compared": sum(1 for one in found if one.is_sent),
        "titles": Counter(one.title for one in found).most_common(),
        "keys": keys[:MOST_KEYS],
        "more_keys": max(0, len(keys) - MOST_KEYS),
        "changes": found if show_values else [],
        "hidden": not show_values,
    }
