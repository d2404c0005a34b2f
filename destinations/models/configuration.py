"""What people set up: which systems there are, and what is sent to them."""

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
from destinations.connectors.base import Limits, Rate, limits_of, migrated, version
from tracsync.common.encryption import EncryptedJSONField

TODAYS = 0  # what is entered now has the form that the connector has today


class RatePeriod(models.TextChoices):
    SECOND = "second", _("Second")
    MINUTE = "minute", _("Minute")
    HOUR = "hour", _("Hour")
    DAY = "day", _("Day")

    @property
    def seconds(self) -> float:
        return timedelta(**{f"{self.value}s": 1}).total_seconds()


MOST_CALLS = 256  # at once
MOST_PUSHES = 1_000_000_000  # within a period


class Extension(models.Model):
    """A connector in the catalogue; it must be installed before a resource can use it."""

    slug = models.SlugField(
        _("slug"), primary_key=True, editable=False, help_text=_("What programs and files call it.")
    )
    name = models.CharField(_("name"), max_length=100, editable=False)
    description = models.TextField(_("description"), editable=False)
    type = models.CharField(_("type"), max_length=50, default="destination", editable=False)
    installed_at = models.DateTimeField(
        _("installed at"),
        null=True,
        editable=False,
        help_text=_("Since when resources may be of this type; blank: it is not installed."),
    )

    class Meta:
        ordering = ("name",)
        verbose_name = _("extension")
        verbose_name_plural = _("extensions")

    def __str__(self) -> str:
        return self.name

    @property
    def installed(self) -> bool:
        return self.installed_at is not None


class Resource(models.Model):
    """An external system and how to sign in there.

    After other credentials `configuration.save` drops the access tokens and gives what was rejected another
    chance; `save` alone, as in a shell, stores the row.
    """

    name = models.CharField(
        _("name"),
        max_length=200,
        unique=True,
        help_text=_("What you call this system, for example: Mautic of the newsletter team."),
    )
    type = models.ForeignKey(
        Extension,
        models.PROTECT,
        related_name="resources",
        verbose_name=_("type"),
        help_text=_("The kind of system that it is; fixed from then on."),
    )
    production = EncryptedJSONField(default=dict, editable=False)
    test = EncryptedJSONField(default=dict, editable=False)
    credentials_version = models.PositiveIntegerField(default=TODAYS, db_default=1, editable=False)
    enabled = models.BooleanField(
        _("enabled"),
        default=True,
        help_text=_("While a resource is off nothing is sent to it; what is waiting is kept."),
    )
    concurrency = models.PositiveSmallIntegerField(
        _("concurrency"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_CALLS)],
        help_text=_(
            "The most calls under way at once, of all destinations of this resource together."
            " Blank: what the connector says."
        ),
    )
    rate_limit = models.PositiveIntegerField(
        _("rate limit"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_PUSHES)],
        help_text=_(
            "The most profiles pushed within the time below, by all destinations of this resource together."
            " Blank: what the connector says."
        ),
    )
    rate_period = models.CharField(
        _("rate period"),
        max_length=6,
        choices=RatePeriod.choices,
        default=RatePeriod.SECOND,
        db_default=RatePeriod.SECOND,
        help_text=_("The time it is for."),
    )
    test_concurrency = models.PositiveSmallIntegerField(
        _("test concurrency"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_CALLS)],
        help_text=_("The same for the test credentials. Blank: as above."),
    )
    test_rate_limit = models.PositiveIntegerField(
        _("test rate limit"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_PUSHES)],
        help_text=_("The same for the test credentials. Blank: as above."),
    )
    test_rate_period = models.CharField(
        _("test rate period"),
        max_length=6,
        choices=RatePeriod.choices,
        default=RatePeriod.SECOND,
        db_default=RatePeriod.SECOND,
        help_text=_("The time it is for."),
    )
    tags = models.JSONField(
        _("tags"), default=list, blank=True, help_text=_("A list of words to find it by.")
    )
    revision = models.PositiveIntegerField(default=1, db_default=1, editable=False)
    edits = models.JSONField(null=True, editable=False)  # the last ones; see configuration/revisions.py
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("last edited"), auto_now=True)

    class Meta:
        ordering = ("name",)
        verbose_name = _("resource")
        verbose_name_plural = _("resources")

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, update_fields: Iterable[str] | None = None, **kwargs: Any) -> None:
        if self.credentials_version == TODAYS:
            self.credentials_version = _version_today(self.type_id)
            update_fields = update_fields and {*update_fields, "credentials_version"}
        super().save(*args, update_fields=update_fields, **kwargs)

    def credentials(self, use_test: bool) -> dict[str, Any]:
        """As the connector has them today. Raises ConfigurationError."""
        self.bring_up_to_date()
        return dict(self.test if use_test else self.production)

    def limits(self, use_test: bool) -> Limits:
        """What all its destinations with these credentials may do together: as set here, else as the
        connector says."""
        own, declared = self.own_limits(use_test), limits_of(registry.find(self.type_id))
        return Limits(own.concurrency or declared.concurrency, own.rates or declared.rates)

    def own_limits(self, use_test: bool) -> Limits:
        """As set here; what is not set for the test credentials is as for the others."""
        concurrency = (use_test and self.test_concurrency) or self.concurrency
        if use_test and self.test_rate_limit:
            return Limits(concurrency, [rate_of(self.test_rate_limit, self.test_rate_period)])
        return Limits(concurrency, [rate_of(self.rate_limit, self.rate_period)] if self.rate_limit else ())

    def bring_up_to_date(self) -> None:
        """Have the credentials as the connector has them today; nothing is stored. Raises ConfigurationError.

        Whoever edits them stores that; until then workers of the release before can read what is stored.
        """
        connector = registry.find(self.type_id)
        if connector is not None and self.credentials_version != TODAYS:
            since = self.credentials_version
            both = [migrated(connector, "credentials", one, since) for one in (self.production, self.test)]
            self.production, self.test = both
            self.credentials_version = version(connector)


def _version_today(slug: str) -> int:
    connector = registry.find(slug)
    return 1 if connector is None else version(connector)


def rate_of(count: int, period: str) -> Rate:
    return Rate(count, RatePeriod(period).seconds)


class Destination(models.Model):
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
            self.settings_version = _version_today(self.resource.type_id)
            update_fields = update_fields and {*update_fields, "settings_version"}
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


class DestinationVersion(models.Model):
    """What a destination was from one change on, and who changed it; see configuration/history.py.

    `content` holds no secret: of those only `secrets_changed` is known.
    """

    destination = models.ForeignKey(Destination, models.CASCADE, related_name="versions", db_index=False)
    number = models.PositiveIntegerField()
    revision = models.PositiveIntegerField(default=1, db_default=1)  # the destination's, from then on
    at = models.DateTimeField(default=timezone.now)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    by = models.CharField(max_length=255)  # stays when the user is gone; "" is nobody knows
    content = models.JSONField()
    secrets_changed = models.BooleanField(default=False)

    class Meta:
        ordering = ("destination", "-number")
        verbose_name = _("destination version")
        verbose_name_plural = _("destination versions")
        constraints = (models.UniqueConstraint(fields=("destination", "number"), name="one_version_number"),)

    def __str__(self) -> str:
        return f"version {self.number} of destination {self.destination_id}"
