"""What each destination knows of each profile, and every try to tell it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from destinations.models.destinations import Destination
from profiles.models import Profile
from tracsync.common.encryption import EncryptedJSONField
from tracsync.common.loading import LoadedQuickly
from tracsync.common.translation import MessageField


class Operation(models.TextChoices):
    """What a destination is asked for; see Delivery in connectors/base.py."""

    UPSERT = "upsert", _("Create or update")
    REMOVE = "remove", _("Remove")
    ERASE = "erase", _("Erase")


class ProfileSync(LoadedQuickly):
    """What one destination knows of one profile, and whether something is waiting for it.

    Something is waiting while `due_at` is set, and is pushed by whoever holds `claim_token` until
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
        REMOVED = "removed", _("Removed")

    FINISHED = State.SYNCED, State.SKIPPED, State.REMOVED  # until a change

    profile = models.ForeignKey(
        Profile, models.CASCADE, related_name="syncs", db_index=False, verbose_name=_("profile")
    )
    destination = models.ForeignKey(
        Destination, models.CASCADE, related_name="syncs", db_index=False, verbose_name=_("destination")
    )
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.PENDING)
    state_since = models.DateTimeField(_("state since"), default=timezone.now)
    reason = MessageField(_("reason"), blank=True)
    version = models.PositiveBigIntegerField(
        _("version"), default=0, help_text=_("Of the profile, as it was handed to the destination.")
    )
    first_changed_at = models.DateTimeField(null=True)  # of the changes that are still waiting
    due_at = models.DateTimeField(null=True)
    asked = models.BooleanField(default=False)  # by a person: do not wait for the changes to end
    resend = models.BooleanField(default=False)  # by a person: send even what is unchanged
    bulk = models.BooleanField(default=False)  # one of very many: what has just changed goes first
    claim_token = models.UUIDField(null=True)
    claimed_until = models.DateTimeField(null=True)
    lanes = models.PositiveSmallIntegerField(default=0, db_default=0)  # calls at once that its claim may make
    started_at = models.DateTimeField(null=True)
    first_tried_at = models.DateTimeField(null=True)  # of the push under way: repeats have its `now`
    replays = models.PositiveIntegerField(default=0, db_default=0)  # how often it was asked to be sent again
    second_chance = models.BooleanField(default=False, db_default=False)  # after a run of equal refusals
    unfinished = models.PositiveSmallIntegerField(default=0, db_default=0)  # pushes in a row without a result
    attempts = models.PositiveIntegerField(
        _("attempts"), default=0, help_text=_("That have failed since the last success.")
    )
    last_error = MessageField(
        _("last error"), blank=True, help_text=_("Why the last attempt failed, if it did.")
    )
    synced_version = models.PositiveBigIntegerField(
        _("accepted version"), null=True, help_text=_("Of the profile, as the destination last accepted it.")
    )
    synced_at = models.DateTimeField(_("accepted at"), null=True)
    payload_hash = models.CharField(max_length=64, blank=True)
    in_doubt = models.BooleanField(
        default=False, db_default=False
    )  # a push was not heard of, and may be there
    erasing = models.BooleanField(default=False, db_default=False)  # wherever it can, whatever is set there
    removed_at = models.DateTimeField(
        _("removed at"), null=True, help_text=_("Since when the destination has it no more.")
    )
    code = models.CharField(
        _("code"),
        max_length=50,
        blank=True,
        default="",
        db_default="",
        help_text=_("Of what kind the last error is."),
    )
    field = models.CharField(
        _("field"),
        max_length=255,
        blank=True,
        default="",
        db_default="",
        help_text=_("What the last error is about."),
    )
    remote_id = models.CharField(
        _("remote ID"),
        max_length=255,
        blank=True,
        help_text=_("What the external system calls this profile."),
    )
    remote_details = EncryptedJSONField(null=True)  # `remote` where it is more than that id

    # Pushes that may have arrived, where only an answer tells by what the profile can be taken away; the last
    # one comes last. None: not known. It counts while the row is in doubt. See sync/remote/doubts.py.
    unanswered = EncryptedJSONField(null=True)
    awaited = EncryptedJSONField(
        null=True
    )  # the push that the destination answers later, see sync/entries.py
    awaited_since = models.DateTimeField(
        _("answer awaited since"),
        null=True,
        help_text=_("Since when the destination has a push that it answers later; it is asked when due."),
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
            models.Index(
                fields=("destination", "awaited_since"),
                condition=models.Q(awaited_since__isnull=False),
                name="awaited_by_destination",
            ),
            models.Index(
                fields=("destination", "remote_id"), condition=~models.Q(remote_id=""), name="by_remote_id"
            ),
        )

    def __str__(self) -> str:
        return f"{self.profile_id} → {self.destination_id}"

    @property
    def owed(self) -> bool:
        return self.due_at is not None

    @property
    def may_be_there(self) -> bool:
        """Whether the destination holds the profile, or may."""
        return self.synced_version is not None or self.in_doubt

    @property
    def in_doubt_there(self) -> Mapping[str, Any] | None:
        """The push that may have arrived, where only its answer tells what the system calls the profile."""
        return self.unanswered[-1] if self.in_doubt and self.unanswered else None

    @property
    def remote(self) -> Mapping[str, Any]:
        """What the connector wants to be told of this profile with its next push.

        The id counts: details of another one are those of a profile that this was before.
        """
        details: Mapping[str, Any] = self.remote_details or {}
        if details and str(details.get("id", "")) == self.remote_id:
            return details
        return {"id": self.remote_id} if self.remote_id else {}

    @remote.setter
    def remote(self, remote: Mapping[str, Any]) -> None:
        self.remote_id = str(remote.get("id", ""))
        is_told_by_id = remote == ({"id": self.remote_id} if self.remote_id else {})
        self.remote_details = None if is_told_by_id else dict(remote)


class DeliveryAttempt(LoadedQuickly):
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
        _("idempotency key"), max_length=64, help_text=_("The same whenever the same push is repeated.")
    )
    version = models.PositiveBigIntegerField(_("version"), help_text=_("Of the profile, as it was sent."))
    at = models.DateTimeField(_("at"))
    duration_ms = models.PositiveIntegerField(_("duration"))
    lag = models.FloatField(null=True)  # seconds from due to sent
    operation = models.CharField(
        _("operation"),
        max_length=10,
        choices=Operation.choices,
        default=Operation.UPSERT,
        db_default=Operation.UPSERT,
        help_text=_("What the destination was asked for."),
    )
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome.choices)
    code = models.CharField(
        _("code"),
        max_length=50,
        blank=True,
        default="",
        db_default="",
        help_text=_("Of what kind the outcome is."),
    )
    field = models.CharField(
        _("field"),
        max_length=255,
        blank=True,
        default="",
        db_default="",
        help_text=_("What the outcome is about."),
    )
    status_code = models.PositiveSmallIntegerField(
        _("status code"), null=True, help_text=_("Of the HTTP answer; blank where there was none.")
    )
    reason = MessageField(_("reason"), blank=True, help_text=_("What the destination, or the engine, said."))
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
