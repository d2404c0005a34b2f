"""What people set up: which systems there are, and how to sign in there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from destinations.connectors import registry
from destinations.connectors.base import Limits, Rate
from destinations.connectors.capabilities import limits_of, migrated, version
from destinations.models import slugs
from destinations.models.versions import Version
from tracsync.common.encryption import EncryptedJSONField
from tracsync.common.online_column import CascadingForeignKey

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
    slug = slugs.StableSlugField(
        _("slug"), help_text=_("What files, commands and the API call it. Blank: made from the name.")
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
            self.credentials_version = version_today(self.type_id)
            update_fields = update_fields and {*update_fields, "credentials_version"}
        if slugs.give(self):
            update_fields = update_fields and {*update_fields, "slug"}
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


class ResourceVersion(Version):
    """What a resource was from one change on."""

    resource = CascadingForeignKey(Resource, models.CASCADE, related_name="versions", db_index=False)
    user = CascadingForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ("resource", "-number")
        verbose_name = _("resource version")
        verbose_name_plural = _("resource versions")
        constraints = (
            models.UniqueConstraint(fields=("resource", "number"), name="one_version_of_a_resource"),
        )

    def __str__(self) -> str:
        return f"version {self.number} of resource {self.resource_id}"


def version_today(slug: str) -> int:
    connector = registry.find(slug)
    return 1 if connector is None else version(connector)


def rate_of(count: int, period: str) -> Rate:
    return Rate(count, RatePeriod(period).seconds)
