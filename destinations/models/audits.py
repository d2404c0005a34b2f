"""Audits: what a destination's system holds, compared with what the mapping makes now."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from destinations.models.destinations import Destination
from tracsync.common.jobs import Job
from tracsync.common.numbers import grouped
from tracsync.common.online_column import CascadingForeignKey


class Audit(Job):
    """Comparing all profiles, or some at random, with what the system says that it holds of them.

    A worker reads a few at a time; `after` is the id of the last profile that was compared. The ids of a
    sample are `chosen` until its end, and `done` says how many of them are behind. `reading_until`: a worker
    is at it. `not_before`: limits, or a system that cannot be asked, are waited for. `failures`: batches in a
    row that could not be read, and `problem` why.
    """

    COUNTS = ("equal", "differs", "missing", "extra", "left_out", "unknown")

    destination = CascadingForeignKey(
        Destination, models.CASCADE, related_name="audits", verbose_name=_("destination")
    )
    heal = models.BooleanField(_("heals"), default=False)
    chosen = models.JSONField(null=True)
    after = models.CharField(max_length=255, blank=True)
    equal = models.PositiveBigIntegerField(default=0)
    differs = models.PositiveBigIntegerField(default=0)
    missing = models.PositiveBigIntegerField(default=0)
    extra = models.PositiveBigIntegerField(default=0)
    left_out = models.PositiveBigIntegerField(default=0)
    unknown = models.PositiveBigIntegerField(default=0)
    healed = models.PositiveBigIntegerField(default=0)
    reading_until = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)
    problem = models.TextField(blank=True)

    class Meta(Job.Meta):
        verbose_name = _("audit")
        verbose_name_plural = _("audits")
        default_permissions = ("view",)

    def __str__(self) -> str:
        return gettext("audit %(number)s of destination %(id)s") % {
            "number": self.pk,
            "id": self.destination_id,
        }

    @property
    def counts(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in self.COUNTS}

    @property
    def amount(self) -> str:
        return gettext("%(done)s of %(total)s compared") % {
            "done": grouped(self.done),
            "total": grouped(self.total),
        }


class AuditFinding(models.Model):
    """A profile that is not there as it should be. No value is kept of it: only the names of the fields that
    differ, or why it could not be told.
    """

    class Kind(models.TextChoices):
        DIFFERS = "differs", _("differs")
        MISSING = "missing", _("missing")
        EXTRA = "extra", _("extra")
        UNKNOWN = "unknown", _("unknown")

    audit = CascadingForeignKey(Audit, models.CASCADE, related_name="findings")
    profile = CascadingForeignKey("profiles.Profile", models.CASCADE, related_name="+")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    fields = models.JSONField(default=list)
    reason = models.TextField(blank=True)

    class Meta:
        ordering = ("id",)
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.kind} {self.profile_id}"
