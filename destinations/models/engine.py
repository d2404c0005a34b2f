"""What the engine notes of its own work: health, counts, and that it is alive."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from destinations.models.destinations import Destination
from destinations.models.resources import Resource
from tracsync.common.loading import LoadedQuickly
from tracsync.common.prepared import Prepared
from tracsync.common.translation import MessageField


class Health(LoadedQuickly):
    """How a destination is doing: what the engine notes while it works, apart from what people edit."""

    destination = models.OneToOneField(Destination, models.CASCADE, primary_key=True)
    failures = models.PositiveIntegerField(default=0)  # in a row, of the destination as a whole
    held_until = models.DateTimeField(null=True)  # nothing is sent before: circuit breaker, Retry-After
    held_since = models.DateTimeField(null=True)
    hold_reason = MessageField(blank=True)
    last_accepted_at = models.DateTimeField(null=True)
    recovered_at = models.DateTimeField(null=True)  # until all that waits for a retry is brought forward
    edited_at = models.DateTimeField(null=True)  # until all that was rejected before is tried again
    claimed_at = models.DateTimeField(null=True)  # its last turn
    call_seconds = models.FloatField(null=True)  # that the last calls took, in the middle
    problem = MessageField(blank=True)  # of its condition, mapping, settings or credentials
    problem_at = models.DateTimeField(null=True)
    refusals = models.PositiveIntegerField(default=0, db_default=0)  # in a row, all of the same kind
    refused_since = models.DateTimeField(null=True)
    refusal = MessageField(blank=True, default="", db_default="")  # what was said to the first of them
    run_ended_at = models.DateTimeField(null=True)  # when the last run of equal refusals was over
    chance_since = models.DateTimeField(null=True)  # until what was refused from then on is tried once more
    stopped_at = models.DateTimeField(null=True)  # it wants nothing any more, until a person starts it again
    usage = models.JSONField(default=list)  # what counts for its own rate limit, see sync/limits/rates.py

    class Meta:
        verbose_name = _("health")
        verbose_name_plural = _("health")

    def __str__(self) -> str:
        return f"health of destination {self.pk}"

    def is_held(self, now: datetime) -> bool:
        return self.held_until is not None and self.held_until > now


class Account(models.Model):
    """What the engine notes of one set of a resource's credentials: systems count calls per account,
    whichever destination made them.

    `usage` has what counts for each shared rate, by its seconds; `told` what a session was told of the
    limits, see sync/limits/accounts.py. Without a row nothing was noted yet.
    """

    resource = models.ForeignKey(Resource, models.CASCADE, related_name="accounts", db_index=False)
    use_test = models.BooleanField()
    usage = models.JSONField(default=dict)
    told = models.JSONField(null=True)
    told_at = models.DateTimeField(null=True)
    held_until = models.DateTimeField(null=True)  # it asked everyone to wait
    held_since = models.DateTimeField(null=True)
    hold_reason = MessageField(blank=True, default="")

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        default_permissions = ()
        constraints = (models.UniqueConstraint(fields=("resource", "use_test"), name="one_account_per_set"),)

    def __str__(self) -> str:
        return f"account of resource {self.resource_id}"

    def is_held(self, now: datetime) -> bool:
        return self.held_until is not None and self.held_until > now


class Tallies(models.Manager["Tally"]):
    def get_queryset(self) -> models.QuerySet[Tally]:
        return super().get_queryset().filter(slot__gt=Tally.TOTAL)


class Totals(models.Manager["Tally"]):
    def get_queryset(self) -> models.QuerySet[Tally]:
        return super().get_queryset().filter(slot=Tally.TOTAL)


class Tally(models.Model):
    """How often what happened at a destination within five minutes; every count is exact.

    `slot` counts five minutes since the epoch; TOTAL is all that was ever counted, of which `objects` knows
    nothing. `settled` are the profiles that settling handed over, the others what was recorded of pushes: an
    attempt counts even if its claim was lost. `removed` are those of the accepted that took a profile away.
    `lag_n` counts the pushes that were sent at most LAG_BOUNDS[n] seconds after they were due, and later than
    the bound before; the last one counts the later ones.
    """

    SLOT = timedelta(minutes=5)
    TOTAL = 0
    DECISIONS = ("skipped", "refused", "unchanged")  # without a push
    OUTCOMES = ("accepted", "retry", "rejected", "unknown")  # of a push
    LAG_BOUNDS = tuple(0.25 * 2**n for n in range(16))  # a quarter of a second to two hours
    LAGS = tuple(f"lag_{n}" for n in range(len(LAG_BOUNDS) + 1))
    COUNTS = ("settled", *DECISIONS, *OUTCOMES, "removed", *LAGS)

    destination = models.ForeignKey(Destination, models.CASCADE, related_name="tallies", db_index=False)
    slot = models.PositiveIntegerField()

    objects = Tallies()
    totals = Totals()

    class Meta:
        verbose_name = _("count")
        verbose_name_plural = _("counts")
        constraints = (
            models.UniqueConstraint(
                fields=("slot", "destination"), name="one_tally_per_slot_and_destination"
            ),
        )

    def __str__(self) -> str:
        return f"counts of destination {self.destination_id} in {self.slot}"


for _count in Tally.COUNTS:  # they are only ever summed, by name
    Tally.add_to_class(_count, models.PositiveIntegerField(db_default=0))


class Installation(models.Model):
    """This installation as its destinations know it: one row.

    Every idempotency key is made with `epoch`. A restored backup is another epoch: its versions and numbers
    were used before, for other pushes.
    """

    epoch = models.UUIDField(default=uuid.uuid4)

    class Meta:
        verbose_name = _("installation")
        verbose_name_plural = _("installations")
        default_permissions = ()

    def __str__(self) -> str:
        return f"epoch {self.epoch}"

    @classmethod
    def current_epoch(cls, **_: Any) -> uuid.UUID:
        for (epoch,) in _EPOCH.rows():
            return uuid.UUID(str(epoch))
        return cls.objects.get_or_create(pk=1)[0].epoch

    @classmethod
    def begin_epoch(cls) -> None:
        """From now on no idempotency key is one that was used before."""
        cls.objects.update_or_create(pk=1, defaults={"epoch": uuid.uuid4()})


_EPOCH = Prepared(lambda: Installation.objects.filter(pk=1).values_list("epoch"))


class KnownFields(models.Model):
    """The fields of an external system, as its resource's production or test set shows them.

    `scope` stands for the settings of a destination that they hang on, such as a table; "" where they hang
    on none. `fields`: objects with the members of the connectors' Field. `problem`: of the last try to fetch
    them.
    """

    resource = models.ForeignKey(Resource, models.CASCADE, related_name="known_fields")
    use_test = models.BooleanField()
    scope = models.CharField(max_length=64, blank=True, default="", db_default="")
    fields = models.JSONField(default=list)
    fetched_at = models.DateTimeField(null=True)
    problem = MessageField(blank=True)

    class Meta:
        verbose_name = _("known fields")
        verbose_name_plural = _("known fields")
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(fields=("resource", "use_test", "scope"), name="one_list_per_scope"),
        )

    def __str__(self) -> str:
        return f"fields of resource {self.resource_id}"


class Heartbeat(models.Model):
    """That a scheduler is alive, and where."""

    name = models.CharField(primary_key=True, max_length=255)  # host:pid
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("heartbeat")
        verbose_name_plural = _("heartbeats")

    def __str__(self) -> str:
        return self.name
