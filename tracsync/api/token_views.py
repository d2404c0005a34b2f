"""API tokens over HTTP: looked through, made, rotated and revoked. None gives more than it has."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field, inline_serializer
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from destinations.api.fields import Number, Reference, StrictSerializer, Text, checked
from destinations.models import Destination
from profiles import sources
from tracsync import rights, tokens
from tracsync.common.rest import scopes as areas
from tracsync.common.rest.filters import Contains, IdOrSlug, StrictFilters, TrueFalse
from tracsync.models import ApiToken

HOUR = timedelta(hours=1)


class TokenSerializer(serializers.ModelSerializer[ApiToken]):
    """What is known of a token; never its text."""

    owner = serializers.SerializerMethodField(help_text="A username; null: nobody's.")
    scopes = serializers.SerializerMethodField()
    source = serializers.SerializerMethodField(  # type: ignore[assignment] # fields are no attributes
        help_text="The one whose profiles it is for; blank: all."
    )
    previous_ends_at = serializers.SerializerMethodField(
        help_text="Until when the text before the last rotation works; null: it does not."
    )

    class Meta:
        model = ApiToken
        fields = (
            *("id", "name", "prefix", "owner", "scopes", "destination", "source"),
            *("created_at", "rotated_at", "previous_ends_at", "expires_at", "last_used_at"),
        )
        read_only_fields = fields

    def get_owner(self, token: ApiToken) -> str | None:
        return token.owner.get_username() if token.owner else None

    def get_source(self, token: ApiToken) -> str:
        return token.source

    @extend_schema_field(serializers.ListField(child=serializers.ChoiceField(areas.SCOPES)))
    def get_scopes(self, token: ApiToken) -> list[str]:
        return list(token.granted)

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_previous_ends_at(self, token: ApiToken) -> Any:
        ends = token.previous_ends_at
        return ends if ends and ends > timezone.now() else None


class AskTokenSerializer(StrictSerializer):
    name = Text(max_length=100, help_text="Who or what uses it.")
    scopes = serializers.ListField(child=Text(), help_text=f"Some of {', '.join(areas.SCOPES)}.")
    destination = Reference(
        queryset=Destination.objects.all(),
        required=False,
        allow_null=True,
        help_text="It reaches no other.",
    )
    source = Text(  # type: ignore[assignment] # as above
        required=False,
        default="",
        allow_blank=True,
        max_length=sources.MOST_NAME,
        help_text="It reaches the profiles of no other; those that it makes are of this one.",
    )
    expires_at = serializers.DateTimeField(
        required=False,
        allow_null=True,
        help_text="Without it after TRACSYNC_TOKEN_DAYS; null: never. Not later than the token that asks.",
    )


class AskRotationSerializer(StrictSerializer):
    overlap_hours = Number(
        default=tokens.OVERLAP // HOUR,
        min_value=0,
        max_value=tokens.MOST_OVERLAP // HOUR,
        help_text="How long the old text goes on; 0: it ends at once.",
    )


class TokenFilters(StrictFilters):
    search = Contains("name", label="What the name contains, whatever its case")
    destination = IdOrSlug(label="The id or the slug of a destination")
    owned = TrueFalse(field_name="owner", lookup_expr="isnull", exclude=True)


shown_once = inline_serializer(
    "TokenOnce",
    {
        "token": serializers.CharField(help_text="Its text, in this answer and nowhere else."),
        "about": TokenSerializer(),
    },
)


class TokenViews(
    areas.OfArea,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    viewsets.GenericViewSet[ApiToken],
):
    """Those of the same owner; all for a token that is nobody's, or whose owner may see all of them."""

    area = areas.TOKENS
    queryset = ApiToken.objects.select_related("owner")
    serializer_class = TokenSerializer
    filterset_class = TokenFilters
    orderings = ("id", "name", "created_at")
    lookup_value_converter = "int"

    def get_queryset(self) -> QuerySet[ApiToken]:
        owner = _caller(self.request).owner
        if owner is None or owner.has_perm("tracsync.view_apitoken"):
            return super().get_queryset()
        return super().get_queryset().filter(owner=owner)

    @extend_schema(request=AskTokenSerializer, responses={201: shown_once})
    def create(self, request: Request) -> Response:
        """Make a token of the same owner, with no more than this one has."""
        asked, caller = checked(AskTokenSerializer, request), _caller(request)
        end = asked.get("expires_at", tokens.default_end(timezone.now()))
        if "expires_at" not in asked and caller.expires_at is not None:
            end = min(end, caller.expires_at)
        if caller.expires_at is not None and (end is None or end > caller.expires_at):
            raise ValidationError({"expires_at": "It may not end later than the token that makes it."})
        made, text = tokens.create(
            asked["name"],
            asked["scopes"],
            owner=caller.owner,
            destination=asked.get("destination"),
            source=asked["source"],
            expires_at=end,
            allowed=caller.granted,
        )
        return self._once(made, text, 201)

    @extend_schema(request=AskRotationSerializer, responses={200: shown_once})
    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, pk: int) -> Response:
        """Make a new text of as long a life, while the old one goes on for a day, or for as long as is said.

        A text that was never used is replaced at once, and the one in use goes on: ask again where an answer
        was lost.
        """
        token = self._changeable(request, "tracsync.change_apitoken")
        beyond = token.allowed - _caller(request).allowed
        if beyond:
            raise PermissionDenied(f"It may do what this token may not: {', '.join(tokens.in_order(beyond))}")
        text = tokens.rotate(token, checked(AskRotationSerializer, request)["overlap_hours"] * HOUR)
        return self._once(token, text, 200)

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Revoke it: it stops working at once."""
        tokens.revoke(self._changeable(request, "tracsync.delete_apitoken"))
        return Response(status=204)

    @extend_schema(responses=TokenSerializer, filters=False)
    @action(
        detail=False,
        filterset_class=None,
        area=areas.ANY,
        of_destination=areas.NOT_ABOUT_DESTINATIONS,
        minds_source=True,
        pagination_class=None,
    )
    def current(self, request: Request) -> Response:
        """The token that asks: what it may do, and when it ends."""
        return Response(self.get_serializer(_caller(request)).data)

    def _changeable(self, request: Request, permission: str) -> ApiToken:
        """Of the same owner; of others for who may, and may do as much as they."""
        token, owner = self.get_object(), _caller(request).owner
        if owner is None or token.owner_id == owner.pk:
            return token
        if owner.has_perm(permission) and rights.tokens_in_hand(owner).filter(pk=token.pk).exists():
            return token
        raise PermissionDenied("This token is of somebody whose tokens are not in your hand")

    def _once(self, token: ApiToken, text: str, status: int) -> Response:
        shown = self.get_serializer(token).data
        return Response({"token": text, "about": shown}, status=status, headers={"Cache-Control": "no-store"})


def _caller(request: Any) -> ApiToken:
    token: ApiToken = request.auth
    return token


router = SimpleRouter(use_regex_path=False)
router.register("tokens", TokenViews, basename="token")
urlpatterns = router.urls
