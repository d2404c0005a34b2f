"""Links to the pages of objects and to filtered lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin.utils import quote
from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html

from destinations.models import Destination


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


def profile_link(profile_id: str) -> str:
    url = reverse("admin:profiles_profile_change", args=[quote(profile_id)])
    return format_html('<a href="{}">{}</a>', url, profile_id)


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
