"""Where profiles go, and what each destination knows of each of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from destinations.encryption import EncryptedJSONField
from profiles.jobs import Job
from profiles.models import Profile
from profiles.numbers import grouped


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
    """An external system and how to sign in there."""

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
    enabled = models.BooleanField(
        _("enabled"),
        default=True,
        help_text=_("While a resource is off nothing is sent to it; what is owed is kept."),
    )
    tags = models.JSONField(
        _("tags"), default=list, blank=True, help_text=_("A list of words to find it by.")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("last edited"), auto_now=True)

    class Meta:
        ordering = ("name",)
        verbose_name = _("resource")
        verbose_name_plural = _("resources")

    def __str__(self) -> str:
        return self.name

    def credentials(self, use_test: bool) -> dict[str, Any]:
        return dict(self.test if use_test else self.production)


class Destination(models.Model):
    """What is sent to a resource, for which profiles, and when."""

    class RatePeriod(models.TextChoices):
        SECOND = "second", _("Second")
        MINUTE = "minute", _("Minute")
        HOUR = "hour", _("Hour")
        DAY = "day", _("Day")

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
        validators=[MinValueValidator(1), MaxValueValidator(256)],
        help_text=_("The most calls under way at once, over all workers. Blank: as configured for all."),
    )
    rate_limit = models.PositiveIntegerField(
        _("rate limit"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(1_000_000_000)],
        help_text=_("The most profiles pushed within the time below, over all workers. Blank: no limit."),
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
        help_text=_("Off: nothing is sent; what is owed is kept and goes out when it is on again."),
    )
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

    @property
    def effective_quiet_period(self) -> timedelta:
        quiet = settings.TRACSYNC_QUIET_PERIOD if self.quiet_period is None else self.quiet_period
        return timedelta(seconds=quiet)

    @property
    def effective_max_wait(self) -> timedelta | None:
        wait = settings.TRACSYNC_MAX_WAIT if self.max_wait is None else self.max_wait
        return None if wait is None else timedelta(seconds=wait)

    @property
    def effective_concurrency(self) -> int:
        concurrency: int = self.concurrency or settings.TRACSYNC_CONCURRENCY
        return concurrency

    @property
    def rate_seconds(self) -> float:
        return timedelta(**{f"{self.rate_period}s": 1}).total_seconds()

    def due_at(self, changed_at: datetime, first_changed_at: datetime) -> datetime:
        """When a burst of changes from `first_changed_at` to `changed_at` is to be pushed."""
        due = changed_at + self.effective_quiet_period
        wait = self.effective_max_wait
        return due if wait is None else min(due, first_changed_at + wait)

    @property
    def credentials(self) -> dict[str, Any]:
        return self.resource.credentials(self.use_test_credentials)


class DestinationVersion(models.Model):
    """What a destination was from one change on, and who changed it; see versions.py.

    `content` holds no secret: of those only `secrets_changed` is known.
    """

    destination = models.ForeignKey(Destination, models.CASCADE, related_name="versions", db_index=False)
    number = models.PositiveIntegerField()
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


class Health(models.Model):
    """How a destination is doing: what the engine notes while it works, apart from what people edit."""

    destination = models.OneToOneField(Destination, models.CASCADE, primary_key=True)
    failures = models.PositiveIntegerField(default=0)  # in a row, of the destination as a whole
    held_until = models.DateTimeField(null=True)  # nothing is sent before: circuit breaker, Retry-After
    held_since = models.DateTimeField(null=True)
    hold_reason = models.TextField(blank=True)
    last_accepted_at = models.DateTimeField(null=True)
    problem = models.TextField(blank=True)  # of its condition, mapping, settings or credentials
    problem_at = models.DateTimeField(null=True)
    usage = models.JSONField(default=list)  # what counts for the rate limit, see sync/limits.py

    class Meta:
        verbose_name = _("health")
        verbose_name_plural = _("health")

    def __str__(self) -> str:
        return f"health of destination {self.pk}"

    def is_held(self, now: datetime) -> bool:
        return self.held_until is not None and self.held_until > now


class Tally(models.Model):
    """How often what happened at a destination within five minutes; every count is exact.

    `slot` counts five minutes since the epoch. `settled` are the profiles that settling handed over, the
    others what was recorded of pushes: an attempt counts even if its claim was lost. `lag_n` counts the
    pushes that were sent at most LAG_BOUNDS[n] seconds after they were due, and later than the bound before;
    the last one counts the later ones.
    """

    SLOT = timedelta(minutes=5)
    DECISIONS = ("skipped", "refused", "unchanged")  # without a push
    OUTCOMES = ("accepted", "retry", "rejected", "unknown")  # of a push
    LAG_BOUNDS = tuple(0.25 * 2**n for n in range(16))  # a quarter of a second to two hours
    LAGS = tuple(f"lag_{n}" for n in range(len(LAG_BOUNDS) + 1))
    COUNTS = ("settled", *DECISIONS, *OUTCOMES, *LAGS)

    destination = models.ForeignKey(Destination, models.CASCADE, related_name="tallies", db_index=False)
    slot = models.PositiveIntegerField()

    class Meta:
        verbose_name = _("tally")
        verbose_name_plural = _("tallies")
        constraints = (
            models.UniqueConstraint(
                fields=("slot", "destination"), name="one_tally_per_slot_and_destination"
            ),
        )

    def __str__(self) -> str:
        return f"tally of destination {self.destination_id} in {self.slot}"


for _count in Tally.COUNTS:  # they are only ever summed, by name
    Tally.add_to_class(_count, models.PositiveIntegerField(db_default=0))


class ProfileSync(models.Model):
    """What one destination knows of one profile, and what it is owed.

    It is owed something while `due_at` is set, and is pushed by whoever holds `claim_token` until
    `claimed_until`. `version` is the profile version that was handed over, `synced_version` the last one
    that the destination accepted.
    """

    class State(models.TextChoices):
        PENDING = "pending", _("Pending")
        CLAIMED = "claimed", _("Claimed")
        SYNCED = "synced", _("Synced")
        SKIPPED = "skipped", _("Skipped")
        RETRYING = "retrying", _("Retrying")
        REJECTED = "rejected", _("Rejected")

    profile = models.ForeignKey(
        Profile, models.CASCADE, related_name="syncs", db_index=False, verbose_name=_("profile")
    )
    destination = models.ForeignKey(
        Destination, models.CASCADE, related_name="syncs", db_index=False, verbose_name=_("destination")
    )
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.PENDING)
    state_since = models.DateTimeField(_("state since"), default=timezone.now)
    reason = models.TextField(_("reason"), blank=True)
    version = models.PositiveBigIntegerField(
        _("version"), default=0, help_text=_("Of the profile, as it was handed to the destination.")
    )
    first_changed_at = models.DateTimeField(null=True)  # of the changes that are still owed
    due_at = models.DateTimeField(null=True)
    asked = models.BooleanField(default=False)  # by a person: do not wait for the changes to end
    resend = models.BooleanField(default=False)  # by a person: send even what is unchanged
    bulk = models.BooleanField(default=False)  # one of very many: what has just changed goes first
    claim_token = models.UUIDField(null=True)
    claimed_until = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(
        _("attempts"), default=0, help_text=_("That have failed since the last success.")
    )
    last_error = models.TextField(
        _("last error"), blank=True, help_text=_("Why the last attempt failed, if it did.")
    )
    synced_version = models.PositiveBigIntegerField(
        _("accepted version"), null=True, help_text=_("Of the profile, as the destination last accepted it.")
    )
    synced_at = models.DateTimeField(_("accepted at"), null=True)
    payload_hash = models.CharField(max_length=64, blank=True)
    remote_id = models.CharField(
        _("remote ID"),
        max_length=255,
        blank=True,
        help_text=_("What the external system calls this profile."),
    )

    class Meta:
        ordering = ("id",)
        verbose_name = _("profile sync")
        verbose_name_plural = _("profile syncs")
        constraints = (models.UniqueConstraint(fields=("profile", "destination"), name="one_sync_per_pair"),)
        indexes = (
            models.Index(
                fields=("destination", "bulk", "due_at"),
                condition=models.Q(due_at__isnull=False),
                name="owed_by_destination",
            ),
            models.Index(
                fields=("claimed_until",), condition=models.Q(claimed_until__isnull=False), name="in_flight"
            ),
            models.Index(fields=("destination", "state"), name="state_by_destination"),
        )

    def __str__(self) -> str:
        return f"{self.profile_id} → {self.destination_id}"

    @property
    def owed(self) -> bool:
        return self.due_at is not None


class DeliveryAttempt(models.Model):
    """One try to push, with its outcome; never changed afterwards, deleted by age."""

    class Outcome(models.TextChoices):
        ACCEPTED = "accepted", _("Accepted")
        RETRY = "retry", _("Retry")
        REJECTED = "rejected", _("Rejected")
        UNKNOWN = "unknown", _("Unknown")

    profile = models.ForeignKey(
        Profile, models.CASCADE, related_name="attempts", db_index=False, verbose_name=_("profile")
    )
    destination = models.ForeignKey(
        Destination, models.CASCADE, related_name="attempts", db_index=False, verbose_name=_("destination")
    )
    idempotency_key = models.CharField(
        _("idempotency key"), max_length=50, help_text=_("The same whenever the same push is repeated.")
    )
    version = models.PositiveBigIntegerField(_("version"), help_text=_("Of the profile, as it was sent."))
    at = models.DateTimeField(_("at"))
    duration_ms = models.PositiveIntegerField(_("duration"))
    lag = models.FloatField(null=True)  # seconds from due to sent
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome.choices)
    status_code = models.PositiveSmallIntegerField(
        _("status code"), null=True, help_text=_("Of the HTTP answer; blank where there was none.")
    )
    reason = models.TextField(
        _("reason"), blank=True, help_text=_("What the destination, or the engine, said.")
    )
    remote_id = models.CharField(
        _("remote ID"),
        max_length=255,
        blank=True,
        help_text=_("What the external system calls this profile."),
    )
    request = EncryptedJSONField(null=True)  # only as far as TRACSYNC_ATTEMPT_BODIES says
    response = EncryptedJSONField(null=True)

    class Meta:
        ordering = ("-id",)
        verbose_name = _("delivery attempt")
        verbose_name_plural = _("delivery attempts")
        indexes = (
            models.Index(fields=("destination", "-at"), name="attempts_by_destination"),
            models.Index(fields=("at",), name="attempts_by_age"),
            models.Index(fields=("profile", "-at"), name="attempts_by_profile"),
            models.Index(
                fields=("outcome", "-at"), condition=~models.Q(outcome="accepted"), name="failed_attempts"
            ),
            models.Index(fields=("-at",), condition=~models.Q(outcome="accepted"), name="failed_by_age"),
            models.Index(
                fields=("destination", "-at"),
                condition=~models.Q(outcome="accepted"),
                name="failed_by_destination",
            ),
        )

    def __str__(self) -> str:
        return f"{self.profile_id} → {self.destination_id}: {self.outcome}"


class Backfill(Job):
    """Bringing all profiles, or those changed since a moment, up to date at one destination.

    The clock works through it in batches; `after` is the id of the last profile that was handed over.
    """

    destination = models.ForeignKey(
        Destination, models.CASCADE, related_name="backfills", verbose_name=_("destination")
    )
    changed_since = models.DateTimeField(null=True)
    after = models.CharField(max_length=255, blank=True)

    class Meta(Job.Meta):
        verbose_name = _("backfill")
        verbose_name_plural = _("backfills")

    def __str__(self) -> str:
        return _("backfill %(number)s of destination %(id)s") % {"number": self.pk, "id": self.destination_id}

    @property
    def amount(self) -> str:
        return handed_over(self)


class Replay(Job):
    """Sending what was chosen at one destination again; `after` says where to go on (see sync/choices.py).

    A retry sends again what was not accepted as it is now; a replay even that.
    """

    class Kind(models.TextChoices):
        REPLAY = "replay", _("replay")
        RETRY = "retry", _("retry")

    destination = models.ForeignKey(
        Destination, models.CASCADE, related_name="replays", verbose_name=_("destination")
    )
    choice = models.JSONField(default=dict)  # see sync/choices.py
    kind = models.CharField(_("kind"), max_length=6, choices=Kind.choices, default=Kind.REPLAY)
    after = models.JSONField(null=True)

    class Meta(Job.Meta):
        verbose_name = _("replay")
        verbose_name_plural = _("replays")
        default_permissions = ("view",)

    def __str__(self) -> str:
        return _("replay %(number)s at destination %(id)s") % {"number": self.pk, "id": self.destination_id}

    @property
    def amount(self) -> str:
        return handed_over(self)


def handed_over(job: Job) -> str:
    return _("%(done)s of %(total)s handed over") % {"done": grouped(job.done), "total": grouped(job.total)}


class AccessToken(models.Model):
    """A resource's OAuth token, shared by all workers; one of them at a time renews it."""

    resource = models.ForeignKey(Resource, models.CASCADE)
    use_test = models.BooleanField()
    value = EncryptedJSONField(null=True)
    expires_at = models.DateTimeField(null=True)
    renewing_until = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("access token")
        verbose_name_plural = _("access tokens")
        constraints = (models.UniqueConstraint(fields=("resource", "use_test"), name="one_token_per_set"),)

    def __str__(self) -> str:
        return f"access token of resource {self.resource_id}"


class Heartbeat(models.Model):
    """That a clock is alive, and where."""

    name = models.CharField(primary_key=True, max_length=255)  # host:pid
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("heartbeat")
        verbose_name_plural = _("heartbeats")

    def __str__(self) -> str:
        return self.name
