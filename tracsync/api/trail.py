"""The trail over HTTP: read only, as everywhere."""

from __future__ import annotations

from typing import Any

import django_filters
from rest_framework import serializers, viewsets
from rest_framework.routers import SimpleRouter

from tracsync.api.privacy import OwnerMay
from tracsync.api.tokens import InScope
from tracsync.common.rest.filters import Contains, Moment, StrictFilters
from tracsync.common.rest.scopes import PRIVACY
from tracsync.common.trail.models import TrailEntry
from tracsync.common.trail.words import Action, Face, Kind


class TrailSerializer(serializers.ModelSerializer[TrailEntry]):
    """One thing that somebody did. `changes`: of each field that differs what it was and what it is; secrets
    and what profiles hold are masked."""

    said = serializers.CharField(read_only=True, help_text="A note, such as the command that it was.")

    class Meta:
        model = TrailEntry
        fields = (
            *("id", "at", "actor_kind", "actor_id", "actor", "face", "address", "request_id"),
            *("action", "kind", "object_id", "object", "said", "changes"),
        )
        read_only_fields = fields


class TrailFilters(StrictFilters):
    since = Moment(field_name="at", lookup_expr="gte")
    before = Moment(field_name="at", lookup_expr="lt")
    actor = django_filters.CharFilter(label="The whole name of a person or a token")
    actor_kind = django_filters.ChoiceFilter(choices=Kind.choices)
    face = django_filters.ChoiceFilter(choices=Face.choices)
    action = django_filters.ChoiceFilter(choices=Action.choices)
    kind = django_filters.CharFilter(label="Of what it was done to, such as destinations.destination")
    object_id = django_filters.CharFilter(label="Its number, or the id of a profile")
    search = Contains("actor", "object", label="What the name of who or what contains, whatever its case")


class TrailViews(viewsets.ReadOnlyModelViewSet[TrailEntry]):
    """Who did what to what is set up, to access, to profiles by hand and to deliveries."""

    area = PRIVACY
    permission_classes: Any = (InScope, OwnerMay)
    needs = "tracsync.view_trailentry"
    queryset = TrailEntry.objects.all()
    serializer_class = TrailSerializer
    filterset_class = TrailFilters
    orderings = ("id",)
    ordering = ("-id",)


router = SimpleRouter()
router.register("trail", TrailViews, basename="trail")
urlpatterns = router.urls
