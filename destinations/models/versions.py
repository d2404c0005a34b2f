"""What something that people set up was from one change on, and who changed it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone


class Version(models.Model):
    """See configuration/history.py. `content` holds no secret: of those only `secrets_changed` is known."""

    number = models.PositiveIntegerField()
    revision = models.PositiveIntegerField(default=1, db_default=1)  # the row's, from then on
    at = models.DateTimeField(default=timezone.now)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    by = models.CharField(max_length=255)  # stays when the user is gone; "" is nobody knows
    content = models.JSONField()
    secrets_changed = models.BooleanField(default=False)

    class Meta:
        abstract = True
