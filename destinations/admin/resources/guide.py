"""From a system to a destination, step by step: install, resource, test connection, a shape to begin with."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse

from destinations.connectors import registry
from destinations.connectors.capabilities import presets
from destinations.models import Extension, Resource
from tracsync.common.translation import translated

GUIDED = "guided"  # in addresses and posted forms: whoever has come from here is led back here
MOST_SHOWN = 50  # resources
_TESTED = "tracsync_tested"  # in the session: revisions of resources whose connection was in order, by id
_MOST_TESTED = 50


def url(resource: Resource) -> str:
    """The page of a resource's system, where it is chosen."""
    return f"{_page(resource.type_id)}?{urlencode({'resource': resource.pk})}"


def note_test(request: HttpRequest, resource: Resource, *, is_fine: bool) -> None:
    """Remember for this browser whether the connection was in order."""
    tested = {**request.session.get(_TESTED, {})}
    tested.pop(str(resource.pk), None)
    if is_fine:
        tested[str(resource.pk)] = resource.revision
    request.session[_TESTED] = dict([*tested.items()][-_MOST_TESTED:])


def context(request: HttpRequest, extension: Extension, *, is_usable: bool) -> dict[str, Any]:
    """What the page shows of each step; what somebody may not do has no address. `next`: what to do now."""
    may = request.user.has_perm
    rows = Resource.objects.filter(type=extension).defer("production", "test").order_by("name")
    resources = list(rows[: MOST_SHOWN + 1]) if may("destinations.view_resource") else []
    chosen = _chosen(request, resources)
    tested = chosen is not None and request.session.get(_TESTED, {}).get(str(chosen.pk)) == chosen.revision
    ready = extension.installed and is_usable
    change = reverse("admin:destinations_resource_change", args=[chosen.pk]) if chosen else ""
    steps = ("install", extension.installed), ("resource", chosen is not None), ("test", tested)
    return {
        "next": next((name for name, is_done in steps if not is_done), "preset") if is_usable else "",
        "resources": [
            {"name": one.name, "url": url(one), "chosen": one == chosen} for one in resources[:MOST_SHOWN]
        ],
        "more_resources": len(resources) > MOST_SHOWN,
        "resource": chosen,
        "resource_url": change and f"{change}?{GUIDED}=1",
        "add_resource": _add(extension) if ready and may("destinations.add_resource") else "",
        "test_url": _act(chosen, "check") if chosen and may("destinations.change_resource") else "",
        "tested": tested,
        "guided": GUIDED,
        "presets": _presets(extension, chosen if may("destinations.add_destination") else None),
        "blank_url": _destination(chosen) if chosen and may("destinations.add_destination") else "",
        "destinations": list(chosen.destinations.only("pk", "name")[:MOST_SHOWN])
        if chosen and may("destinations.view_destination")
        else [],
    }


def _chosen(request: HttpRequest, resources: list[Resource]) -> Resource | None:
    """The one that the address names, else the only one."""
    asked = request.GET.get("resource", "")
    named = next((one for one in resources if str(one.pk) == asked), None)
    return named or (resources[0] if len(resources) == 1 else None)


def _presets(extension: Extension, resource: Resource | None) -> list[dict[str, str]]:
    """Each with its address once there is a resource that it can begin with."""
    connector = registry.find(extension.pk)
    return [
        {
            "name": translated(preset.name),
            "description": translated(preset.description),
            "url": _destination(resource, preset=str(number)) if resource else "",
        }
        for number, preset in enumerate(presets(connector) if connector else ())
    ]


def _page(slug: str) -> str:
    return reverse("admin:destinations_extension_change", args=[slug])


def _add(extension: Extension) -> str:
    return f"{reverse('admin:destinations_resource_add')}?{urlencode({'type': extension.pk, GUIDED: 1})}"


def _act(resource: Resource, name: str) -> str:
    return reverse(f"admin:destinations_resource_{name}", args=[resource.pk])


def _destination(resource: Resource, **more: str) -> str:
    query = urlencode({"resource": resource.pk, **more})
    return f"{reverse('admin:destinations_destination_add')}?{query}"
