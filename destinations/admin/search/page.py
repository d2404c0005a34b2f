"""Finding a profile or a destination from any page: a page of hits, and a piece of it while one types."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from destinations.admin.base.links import may_see_names, may_view_profiles, pair_url, profile_url
from destinations.admin.deliveries import why
from destinations.models import Destination, ProfileSync
from profiles import names, personal
from profiles.models import Profile
from profiles.names import LONGEST_SEARCH
from profiles.search import finding
from profiles.search.models import IndexJob
from tracsync.common import jobs

MOST, MOST_WHILE_TYPING = 20, 6  # profiles
MOST_DESTINATIONS = 10
MOST_WHY = 3  # destinations of one profile that are asked about on the spot
State = ProfileSync.State
# Where somebody is likely to ask why, first; "": nothing was ever sent there.
ASKED_FIRST = (State.REJECTED, State.RETRYING, "", State.SKIPPED, State.PENDING, State.CLAIMED)


@dataclass(frozen=True, slots=True)
class Why:
    """A profile at one destination."""

    destination: str
    state: str
    words: str
    url: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A profile that was found; `more`: at how many destinations besides it can be asked why."""

    profile: Profile
    url: str
    why: tuple[Why, ...] = ()
    more: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    text: str
    profiles: tuple[Hit, ...] = ()
    more: bool = False
    destinations: tuple[Destination, ...] = ()

    @property
    def count(self) -> int:
        return len(self.profiles) + len(self.destinations)


def may_search(request: HttpRequest) -> bool:
    return may_view_profiles(request) or _may_see_destinations(request)


def view(request: HttpRequest) -> HttpResponse:
    """Of those who may see neither profiles nor destinations nobody finds anything."""
    text = request.GET.get("q", "").strip()[:LONGEST_SEARCH]
    is_piece = "piece" in request.GET
    found = _find(request, text, MOST_WHILE_TYPING if is_piece else MOST)
    context: dict[str, Any] = {
        "found": found,
        "may_find_profiles": may_view_profiles(request),
        "by_name": may_see_names(request),
    }
    if is_piece:
        return TemplateResponse(request, "admin/tracsync/search/hits.html", {**context, "is_piece": True})
    context |= {
        "title": _("Search"),
        "searched": text,
        "indexing": _indexing() if context["by_name"] else "",
    }
    shared = admin.site.each_context(request)
    return TemplateResponse(request, "admin/tracsync/search/page.html", {**shared, **context})


def _find(request: HttpRequest, text: str, most: int) -> Found:
    if not text:
        return Found(text)
    profiles = _profiles(request, text, most) if may_view_profiles(request) else finding.Found(())
    destinations = _destinations(text) if _may_see_destinations(request) else ()
    return Found(text, _hits(request, profiles.profiles), profiles.more, destinations)


def _profiles(request: HttpRequest, text: str, most: int) -> finding.Found:
    """By their ids alone, and masked, for who may not see personal data."""
    if may_see_names(request):
        return finding.find(text, most)
    found = finding.find(text, most, by_name=False)
    return finding.Found(tuple(map(personal.mask_names, found.profiles)), found.more)


def _destinations(text: str) -> tuple[Destination, ...]:
    """By a part of name or slug, as people are found: no database folds case and accents alike."""
    part = names.fold(text)
    if not part:  # accents alone
        return ()
    rows = Destination.objects.order_by("name").only("id", "name", "slug")
    found = (one for one in rows if part in names.fold(one.name) or part in names.fold(one.slug))
    return tuple(islice(found, MOST_DESTINATIONS))


def _may_see_destinations(request: HttpRequest) -> bool:
    either = ("destinations.view_destination", "destinations.change_destination")
    return any(map(request.user.has_perm, either))


def _hits(request: HttpRequest, profiles: tuple[Profile, ...]) -> tuple[Hit, ...]:
    """With where to ask why, whatever their number in two queries."""
    if not profiles or not why.may_look(request):
        return tuple(Hit(one, profile_url(one.pk)) for one in profiles)
    destinations = list(Destination.objects.order_by("name").values_list("pk", "name", "enabled"))
    states: defaultdict[str, dict[int, str]] = defaultdict(dict)
    syncs = ProfileSync.objects.filter(profile__pk__among=[one.pk for one in profiles])
    for profile, destination, state in syncs.values_list("profile_id", "destination_id", "state"):
        states[profile][destination] = state
    return tuple(_hit(one, destinations, states[one.pk]) for one in profiles)


def _hit(profile: Profile, destinations: list[tuple[int, str, bool]], states: dict[int, str]) -> Hit:
    asked = [(pk, name) for pk, name, enabled in destinations if enabled or pk in states]
    asked.sort(key=lambda one: _rank(states.get(one[0], "")))
    shown = tuple(_why(profile.pk, pk, name, states.get(pk, "")) for pk, name in asked[:MOST_WHY])
    return Hit(profile, profile_url(profile.pk), shown, len(asked) - len(shown))


def _rank(state: str) -> int:
    return ASKED_FIRST.index(state) if state in ASKED_FIRST else len(ASKED_FIRST)


def _why(profile: str, pk: int, name: str, state: str) -> Why:
    words = str(State(state).label) if state else _("never sent")
    return Why(name, state or "never-sent", words[:1].lower() + words[1:], pair_url(profile, pk))


def _indexing() -> str:
    """How far the index is, while names are missing from it."""
    job = IndexJob.objects.filter(finished_at=None).first()
    return jobs.progress(job).summary if job is not None else ""
