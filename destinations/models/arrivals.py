"""What has arrived at the receiver page, where profiles are sent to try a destination out."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from tracsync.common.encryption import EncryptedJSONField


class Arrival(models.Model):
    """One request, for whoever sent it and for some minutes; see `destinations.operations.receiver`."""

    user = models.CharField(max_length=64)  # the id; a dump of this app alone can be loaded
    at = models.DateTimeField(db_index=True)
    content = EncryptedJSONField()  # the request as connectors describe it, and of what

    class Meta:
        verbose_name = _("arrival")
        verbose_name_plural = _("arrivals")
        default_permissions = ()

    def __str__(self) -> str:
        return f"arrival {self.pk}"
