"""The entries of the trail: written once, read, and deleted when they are old enough."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tracsync.common.trail.words import Action, Face, Kind
from tracsync.common.translation import MessageField

AT_ONCE = 5_000
MOST_NAME = 255


class AppendOnly(Exception):
    """Somebody wants to change what is only written once."""


class Entries(models.QuerySet["TrailEntry"]):
    """Nothing in the application changes entries; two ways out are left, for their age and for a person."""

    def update(self, **fields: Any) -> int:
        raise AppendOnly("The trail is written once")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise AppendOnly("The trail is written once")

    def bulk_update(self, *args: Any, **options: Any) -> int:
        raise AppendOnly("The trail is written once")

    def prune(self, now: datetime) -> int:
        """Delete one batch of what is older than TRACSYNC_TRAIL_DAYS; how many."""
        old = self.filter(at__lt=now - timedelta(days=settings.TRACSYNC_TRAIL_DAYS))
        ids = list(old.order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
        return models.QuerySet.delete(self.filter(pk__in=ids))[0] if ids else 0

    def forget(self, ids: Iterable[int]) -> None:
        """Take out what was done to whom; who did something, when, and what it was, stays."""
        blank: dict[str, Any] = {"object_id": "", "object": "", "said": "", "changes": {}}
        models.QuerySet.update(self.filter(pk__in=list(ids)), **blank)


class TrailEntry(models.Model):
    """One thing that somebody did. It keeps names, so that it can be read when what it names is gone.

    `kind`: of what it was done to, such as `destinations.destination`; `changes`: of each field that differs
    what it was and what it is, without secrets, and of profiles without values.
    """

    at = models.DateTimeField(_("when"), default=timezone.now, editable=False)
    actor_kind = models.CharField(_("kind of actor"), max_length=10, choices=Kind.choices, editable=False)
    actor_id = models.CharField(max_length=40, blank=True, editable=False)
    actor = models.CharField(_("who"), max_length=MOST_NAME, blank=True, editable=False)
    face = models.CharField(_("way"), max_length=10, choices=Face.choices, editable=False)
    address = models.GenericIPAddressField(_("from"), null=True, editable=False)
    request_id = models.CharField(_("request"), max_length=64, blank=True, editable=False)
    action = models.CharField(_("action"), max_length=20, editable=False)  # of `Action`, which grows
    kind = models.CharField(_("kind"), max_length=100, blank=True, editable=False)
    object_id = models.CharField(max_length=MOST_NAME, blank=True, editable=False)
    object = models.CharField(_("what"), max_length=MOST_NAME, blank=True, editable=False)
    said = MessageField(_("note"), blank=True, default="", editable=False)
    changes = models.JSONField(_("changes"), default=dict, blank=True, editable=False)

    objects = Entries.as_manager()

    class Meta:
        app_label = "tracsync"
        ordering = ("-id",)
        verbose_name = _("trail entry")
        verbose_name_plural = _("trail entries")
        default_permissions = ("view",)
        indexes = (
            models.Index(fields=("at",), name="trail_by_age"),
            models.Index(fields=("kind", "object_id", "-id"), name="trail_of_object"),
            models.Index(fields=("actor_kind", "actor_id", "-id"), name="trail_of_actor"),
        )

    def __str__(self) -> str:
        said = " ".join(filter(None, (self.actor, self.action_words)))
        return f"{said}: {self.object}" if self.object else said

    def save(self, *args: Any, **options: Any) -> None:
        if not self._state.adding:
            raise AppendOnly("The trail is written once")
        super().save(*args, **{**options, "force_insert": True})

    def delete(self, *args: Any, **options: Any) -> tuple[int, dict[str, int]]:
        raise AppendOnly("The trail is written once")

    @property
    def action_words(self) -> str:
        """Also of what only a later release knows."""
        return str(dict(Action.choices).get(self.action, self.action))
