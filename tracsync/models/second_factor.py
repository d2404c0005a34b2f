"""What beside their password lets people in: codes of an app, and codes on paper for who has lost it."""

from __future__ import annotations

import hashlib

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from tracsync.common.encryption import EncryptedJSONField
from tracsync.common.online_column import CascadingForeignKey, CascadingOneToOneField


class SecondFactor(models.Model):
    """Of one person. `seed` is base32 text, `mark` stands in the sessions in which a code of it was typed."""

    user = CascadingOneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="second_factor"
    )
    seed = EncryptedJSONField()
    mark = models.CharField(max_length=32)
    set_up_at = models.DateTimeField(auto_now_add=True)
    last_step = models.BigIntegerField(default=0, db_default=0)  # of the code that was accepted last
    wrong = models.PositiveIntegerField(default=0, db_default=0)  # codes since the last right one
    waits_until = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("second factor")
        verbose_name_plural = _("second factors")

    def __str__(self) -> str:
        return f"second factor of user {self.pk}"


class BackupCode(models.Model):
    """Works once, and is gone."""

    factor = CascadingForeignKey(SecondFactor, models.CASCADE, related_name="backup_codes")
    digest = models.CharField(max_length=64)

    class Meta:
        verbose_name = _("backup code")
        verbose_name_plural = _("backup codes")
        constraints = (models.UniqueConstraint(fields=("factor", "digest"), name="backup_code_once"),)

    def __str__(self) -> str:
        return f"backup code of user {self.factor_id}"

    @staticmethod
    def digest_of(text: str) -> str:
        """Of 80 random bits: a plain hash is enough, and needs no key that could be changed."""
        return hashlib.sha256(text.encode()).hexdigest()
