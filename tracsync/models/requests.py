"""Requests that came with an Idempotency-Key, and what was answered."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models

from tracsync.common.encryption import EncryptedJSONField
from tracsync.common.online_column import CascadingForeignKey
from tracsync.models.access import ApiToken

MOST_KEY = 255
KEPT = timedelta(hours=24)
MOST_KEPT = 10_000  # of a token
AT_ONCE = 5_000


class KeptAnswer(models.Model):
    """One request of a token under its key; without a status it is under way since `begun_at`.

    `answer`: `body`, and the `headers` that a program acts on. Encrypted, as profiles are in it.
    """

    token = CascadingForeignKey(ApiToken, models.CASCADE, related_name="+")
    key = models.CharField(max_length=MOST_KEY)
    fingerprint = models.CharField(max_length=64)
    begun_at = models.DateTimeField(db_index=True)
    status = models.PositiveSmallIntegerField(null=True)
    answer = EncryptedJSONField(null=True)

    class Meta:
        verbose_name = "kept answer"
        verbose_name_plural = "kept answers"
        default_permissions = ()
        constraints = (models.UniqueConstraint(fields=("token", "key"), name="one_request_of_a_key"),)

    def __str__(self) -> str:
        return f"answer {self.pk}"

    @classmethod
    def prune(cls, now: datetime) -> int:
        """Delete one batch of what is kept for long enough, or is more than a token may have; how many."""
        found = [cls.objects.filter(begun_at__lt=now - KEPT)]
        for token in ApiToken.objects.values_list("pk", flat=True):
            of_token = cls.objects.filter(token=token)
            for newest in of_token.order_by("-pk").values_list("pk", flat=True)[MOST_KEPT : MOST_KEPT + 1]:
                found.append(of_token.filter(pk__lte=newest))
        return sum(cls._delete_batch(rows) for rows in found)

    @classmethod
    def _delete_batch(cls, rows: models.QuerySet[KeptAnswer]) -> int:
        ids = list(rows.order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
        return cls.objects.filter(pk__in=ids).delete()[0] if ids else 0
