"""All addresses of the installation, as the URL conf has them, and something there for each placeholder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from django.contrib.admindocs.views import simplify_regex
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.urls import URLResolver, get_resolver
from django.utils import timezone

from destinations.models import Audit, Backfill, DeliveryAttempt, Destination, ProfileSync, Replay
from profiles.imports.models import ImportJob
from profiles.search.models import IndexJob
from tracsync.common.rest import scopes
from tracsync.common.trail.models import TrailEntry
from tracsync.models import ApiToken, Erasure, Incident, NoticeChannel, NoticeLimits

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
OF_PAGES = ("GET", "POST")


class Place(NamedTuple):
    """An address as the table has it, what answers there, and its methods."""

    address: str
    view: Any
    methods: tuple[str, ...]

    def needs(self, method: str) -> scopes.Needs:
        """Of tokens; what says no area asks for no scope, but for somebody who is known."""
        return scopes.needs(self.view.cls(**self.view.initkwargs), method) or ()


def places() -> Iterator[Place]:
    """Addresses of the API without a version are those of v1, and stand for them."""
    for route, pattern in _patterns(get_resolver().url_patterns, ""):
        view = pattern.callback
        yield Place(_written(route), view, _methods(view))


def _patterns(patterns: Any, before: str) -> Iterator[tuple[str, Any]]:
    for one in patterns:
        route = before + str(one.pattern)
        if isinstance(one, URLResolver):
            if one.namespace != "unversioned":
                yield from _patterns(one.url_patterns, route)
        else:
            yield route, one


def _written(route: str) -> str:
    plain = re.sub(r"<\w+:(\w+)>", r"<\1>", route)
    return simplify_regex(plain) if re.search(r"[\\^$(]", plain) else f"/{plain}"


def _methods(view: Any) -> tuple[str, ...]:
    of_viewset = getattr(view, "actions", None)
    if of_viewset:
        return tuple(method for method in METHODS if method.lower() in of_viewset)
    if hasattr(view, "cls"):
        return tuple(method for method in METHODS if hasattr(view.cls, method.lower()))
    return OF_PAGES


def is_api(place: Place) -> bool:
    return hasattr(place.view, "cls")


def objects(destination: Destination, profile: Any, person: User) -> dict[str, Any]:
    """Their ids by what stands before them in an address, and other placeholders by their names."""
    pair, now = {"profile": profile, "destination": destination}, timezone.now()
    attempt = {"idempotency_key": "1:1", "version": 1, "duration_ms": 12, "outcome": "rejected"}
    file = {"format": "csv", "delimiter": ",", "merge": False, "columns": None}
    token, _text = ApiToken.generate("sample", scopes=[])
    token.save()
    channel = NoticeChannel.objects.create(name="sample", kind="email", recipients=["a@mail.example"])
    made = {
        "apitoken": token.pk,
        "audit": Audit.objects.create(destination=destination).pk,
        "backfill": Backfill.objects.create(destination=destination, total=1).pk,
        "deliveryattempt": DeliveryAttempt.objects.create(**pair, at=now, **attempt).pk,
        "destination": destination.pk,
        "erasure": Erasure.objects.create(profile_id="gone", asked_by="x").pk,
        "extension": destination.resource.type_id,
        "group": Group.objects.get(name="Viewer").pk,
        "importjob": ImportJob.objects.create(name="x.csv", options=file, phase="columns").pk,
        "incident": Incident.objects.create(event="broken", key="sample", opened_at=now).pk,
        "indexjob": IndexJob.objects.create().pk,
        "noticechannel": channel.pk,
        "noticelimits": NoticeLimits.objects.create(destination=destination).pk,
        "profile": profile.pk,
        "profilesync": ProfileSync.objects.create(**pair, due_at=now).pk,
        "replay": Replay.objects.create(destination=destination, choice={"of": "syncs"}).pk,
        "resource": destination.resource.pk,
        "trailentry": TrailEntry.objects.create(actor_kind="person", face="admin", action="changed").pk,
        "user": person.pk,
    }
    of_api = {f"{name}s": pk for name, pk in made.items()} | {
        "attempts": made["deliveryattempt"],
        "notice-channels": made["noticechannel"],
        "notice-limits": made["noticelimits"],
        "syncs": made["profilesync"],
        "tokens": made["apitoken"],
        "trail": made["trailentry"],
    }
    kind = ContentType.objects.get_for_model(Destination).pk
    named = {
        "<act>": "unlock",
        "<app>": "destinations",
        "<app_label>": "destinations",
        "<content_type_id>": kind,
        str(kind): destination.pk,
        "<destination_id>": destination.pk,
        "<how>": "retry",
        "<model>": "destination",
        "<page>": "admin",
        "<token>": "x-y",
        "<uidb64>": "MQ",
        "<url>": "nowhere/",
    }
    return made | of_api | named


def real(address: str, ids: dict[str, Any]) -> str:
    """With the ids of what is there."""
    parts = address.split("/")
    for at, part in enumerate(parts):
        if part.startswith("<"):
            name = part if part in ids else parts[at - 1]
            assert name in ids, f"nothing stands for {part} in {address}: see `objects`"
            parts[at] = str(ids[name])
    return "/".join(parts)
