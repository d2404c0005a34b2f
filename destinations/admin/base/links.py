"""Links to the pages of objects and to filtered lists."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin.utils import quote
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from destinations.models import Destination
from profiles import personal
from profiles.models import Profile


@dataclass(frozen=True, slots=True)
class Link:
    label: str
    url: str


def link(obj: Model | None, text: str | None = None) -> str:
    """To an object's page."""
    if obj is None:
        return "-"
    name = f"admin:{obj._meta.app_label}_{obj._meta.model_name}_change"
    return format_html('<a href="{}">{}</a>', reverse(name, args=[quote(obj.pk)]), text or str(obj))


def with_help(text: Any, page: str, label: Any) -> str:
    """A sentence, and where the documentation says more: in another tab, so that what was typed stays."""
    name, mark, heading = page.partition("#")
    url = f"{reverse('admin:documentation', args=[name])}{mark}{heading}"
    return format_html('{} <a href="{}" target="_blank">{}</a>', text, url, label)


def profile_link(profile_id: str, name: str = "") -> str:
    """By its name where there is one, with the id beside it."""
    url = profile_url(profile_id)
    if not name:
        return format_html('<a href="{}">{}</a>', url, profile_id)
    return format_html('<a href="{}">{}</a> <small class="tracsync-id">{}</small>', url, name, profile_id)


def profile_url(profile_id: str) -> str:
    return reverse("admin:profiles_profile_change", args=[quote(profile_id)])


def called(profile: Profile, *, by_name: bool = True) -> str:
    """A profile in titles and sentences: its name where it has one and the reader may know it, and its id."""
    profile.is_named = by_name
    return str(profile)


def called_each(ids: Iterable[str], request: HttpRequest) -> dict[str, str]:
    """By id, what those of the profiles that have a name are called; nothing for who may not know it."""
    if not may_see_names(request):
        return {}
    named = Profile.objects.filter(pk__in=set(ids)).exclude(name="").only("id", "name")
    return {profile.pk: called(profile) for profile in named}


def may_view_profiles(request: HttpRequest) -> bool:
    """Whether somebody may look at profiles, if only at what is left of them where they are masked."""
    return any(map(request.user.has_perm, ("profiles.view_profile", "profiles.change_profile")))


def may_see_names(request: HttpRequest) -> bool:
    """Whether somebody may know what profiles are called, which is in their documents."""
    return may_view_profiles(request) and personal.may_see(request.user)


def this_pair(model: str, profile_id: str, destination_id: int) -> str:
    """The list of syncs or attempts of one profile at one destination."""
    url = reverse(f"admin:destinations_{model}_changelist")
    return f"{url}?{urlencode({'q': f'={profile_id}', 'destination': destination_id})}"


def listing(model: str, destination: Destination, **query: str) -> str:
    """The list of a destination's syncs or attempts, filtered."""
    url = reverse(f"admin:destinations_{model}_changelist")
    return f"{url}?{urlencode({'destination': destination.pk, **query})}"


def pair_url(profile_id: str, destination_id: int) -> str:
    """The page that says why a profile was or was not sent to a destination."""
    return reverse("admin:profiles_profile_why", args=[quote(profile_id), destination_id])
