"""What people set up: what is sent to a system, for which profiles, and when."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from destinations.connectors import registry
from destinations.connectors.base import Limits, Rate
from destinations.connectors.capabilities import migrated, version
from destinations.models import slugs
from destinations.models.resources import (
    MOST_CALLS,
    MOST_PUSHES,
    TODAYS,
    RatePeriod,
    Resource,
    rate_of,
    version_today,
)
from destinations.models.versions import Version
from tracsync.common.encryption import EncryptedJSONField
from tracsync.common.loading import LoadedQuickly


class Destination(LoadedQuickly):
    """What is sent to a resource, for which profiles, and when.

    `configuration.save` stores it with its history and what follows from an edit. `save` alone, as in a
    shell, stores the row: the engine goes by it from then on, but nobody is noted, what was rejected stays
    so, and what changed while it was off is caught up with by the next `configuration.save`. A queryset's
    `update` does not even note since when it is off, so that nothing is caught up with.
    """

    class Leaving(models.TextChoices):
        """What becomes of a profile there that is not wanted any more; but for KEEP an operation."""

        KEEP = "keep", _("Keep it there")
        REMOVE = "remove", _("Remove it there")
        ERASE = "erase", _("Erase it there")

    name = models.CharField(
        _("name"),
        max_length=200,
        unique=True,
        help_text=_("What you call it, for example: business customers to Mautic."),
    )
    slug = slugs.StableSlugField(
        _("slug"), help_text=_("What files, commands and the API call it. Blank: made from the name.")
    )
    description = models.TextField(
        _("description"), blank=True, help_text=_("What it is for; only for people.")
    )
    resource = models.ForeignKey(
        Resource,
        models.PROTECT,
        related_name="destinations",
        verbose_name=_("resource"),
        help_text=_("The system that it sends to."),
    )
    prerequisites = models.TextField(
        _("prerequisites"),
        blank=True,
        help_text=_(
            "Which profiles are sent, for example profile@data.contact.email.business EXISTS."
            " Blank: all of them."
        ),
    )
    mapping = models.JSONField(
        _("mapping"),
        default=dict,
        help_text=_('How the payload is made of the profile, for example {"id": "profile@id"}.'),
    )
    settings = EncryptedJSONField(
        _("settings"), default=dict, blank=True, help_text=_("What the connector needs beyond credentials.")
    )
    settings_version = models.PositiveIntegerField(default=TODAYS, db_default=1, editable=False)
    on_leave = models.CharField(
        _("when it leaves"),
        max_length=6,
        choices=Leaving.choices,
        default=Leaving.KEEP,
        db_default=Leaving.KEEP,
        help_text=_(
            "What to do with a profile that was sent and does not meet the prerequisites any more."
            " Erase also clears what the other system would keep of it."
        ),
    )
    on_delete = models.CharField(
        _("when it is deleted"),
        max_length=6,
        choices=Leaving.choices,
        default=Leaving.KEEP,
        db_default=Leaving.KEEP,
        help_text=_("What to do with a profile that was sent and is deleted here."),
    )
    quiet_period = models.FloatField(
        _("quiet period"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("Seconds without a further change before a push. Blank: as configured for all."),
    )
    max_wait = models.FloatField(
        _("max wait"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_(
            "The longest, in seconds, that a steady stream of changes may postpone a push."
            " Blank: as configured for all."
        ),
    )
    concurrency = models.PositiveSmallIntegerField(
        _("concurrency"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_CALLS)],
        help_text=_(
            "The most calls under way at once, over all workers."
            " Blank: as the resource allows, or as configured for all."
        ),
    )
    rate_limit = models.PositiveIntegerField(
        _("rate limit"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_PUSHES)],
        help_text=_(
            "The most profiles pushed within the time below, over all workers."
            " Blank: only the resource's limit, if it has one."
        ),
    )
    rate_period = models.CharField(
        _("rate period"),
        max_length=6,
        choices=RatePeriod.choices,
        default=RatePeriod.SECOND,
        help_text=_("The time it is for."),
    )
    use_test_credentials = models.BooleanField(
        _("use test credentials"),
        default=False,
        help_text=_("Use the resource's test credentials instead of the production ones."),
    )
    enabled = models.BooleanField(
        _("enabled"),
        default=True,
        help_text=_("Off: nothing is sent; what is waiting is kept and goes out when it is on again."),
    )
    revision = models.PositiveIntegerField(default=1, db_default=1, editable=False)
    generation = models.PositiveIntegerField(default=1, db_default=1, editable=False)  # of what is sent
    disabled_at = models.DateTimeField(null=True, editable=False)
    paused_at = models.DateTimeField(null=True, editable=False)
    tags = models.JSONField(
        _("tags"), default=list, blank=True, help_text=_("A list of words to find it by.")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("last edited"), auto_now=True)

    class Meta:
        ordering = ("name",)
        verbose_name = _("destination")
        verbose_name_plural = _("destinations")
        permissions = (("operate_destination", _("Can pause, resume and backfill destinations")),)

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, update_fields: Iterable[str] | None = None, **kwargs: Any) -> None:
        if not self.enabled and self.disabled_at is None:
            self.disabled_at = timezone.now()
            update_fields = update_fields and {*update_fields, "disabled_at"}
        if self.settings_version == TODAYS:
            self.settings_version = version_today(self.resource.type_id)
            update_fields = update_fields and {*update_fields, "settings_version"}
        if slugs.give(self):
            update_fields = update_fields and {*update_fields, "slug"}
        super().save(*args, update_fields=update_fields, **kwargs)

    def bring_up_to_date(self) -> None:
        """As `Resource.bring_up_to_date`, with its settings. Raises ConfigurationError."""
        connector = registry.find(self.resource.type_id)
        if connector is not None and self.settings_version != TODAYS:
            self.settings = migrated(connector, "settings", self.settings, self.settings_version)
            self.settings_version = version(connector)

    @property
    def effective_quiet_period(self) -> timedelta:
        quiet = settings.TRACSYNC_QUIET_PERIOD if self.quiet_period is None else self.quiet_period
        return timedelta(seconds=quiet)

    @property
    def effective_max_wait(self) -> timedelta | None:
        wait = settings.TRACSYNC_MAX_WAIT if self.max_wait is None else self.max_wait
        return None if wait is None else timedelta(seconds=wait)

    @property
    def shared_limits(self) -> Limits:
        """Those of all destinations that sign in with the same credentials; none without a resource."""
        return self.resource.limits(self.use_test_credentials) if self.resource_id else Limits()

    @property
    def effective_concurrency(self) -> int:
        """Its own, within what it shares with others."""
        shared = self.shared_limits.concurrency
        own: int = self.concurrency or shared or settings.TRACSYNC_CONCURRENCY
        return min(own, shared or own)

    @property
    def rate(self) -> Rate | None:
        """Its own rate limit, beside those that it shares with others."""
        return rate_of(self.rate_limit, self.rate_period) if self.rate_limit else None

    def due_at(self, changed_at: datetime, first_changed_at: datetime) -> datetime:
        """When a burst of changes from `first_changed_at` to `changed_at` is to be pushed."""
        due = changed_at + self.effective_quiet_period
        wait = self.effective_max_wait
        return due if wait is None else min(due, first_changed_at + wait)

    @property
    def credentials(self) -> dict[str, Any]:
        """Of the set that it uses. Raises ConfigurationError."""
        return self.resource.credentials(self.use_test_credentials)


class DestinationVersion(Version):
    """What a destination was from one change on."""

    destination = models.ForeignKey(Destination, models.CASCADE, related_name="versions", db_index=False)

    class Meta:
        ordering = ("destination", "-number")
        verbose_name = _("destination version")
        verbose_name_plural = _("destination versions")
        constraints = (models.UniqueConstraint(fields=("destination", "number"), name="one_version_number"),)

    def __str__(self) -> str:
        return f"version {self.number} of destination {self.destination_id}"
