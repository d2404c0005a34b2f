"""As whom an issuer (OpenID Connect) knows the people here."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from tracsync.common.online_column import CascadingForeignKey


class Identity(models.Model):
    """A subject of an issuer is one person here, whatever its e-mail address becomes."""

    user = CascadingForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="identities")
    issuer = models.CharField(max_length=255)
    subject = models.CharField(max_length=255)
    linked_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("way in by the issuer")
        verbose_name_plural = _("ways in by the issuer")
        constraints = (
            models.UniqueConstraint(fields=("issuer", "subject"), name="identity_is_one_person"),
            models.UniqueConstraint(fields=("issuer", "user"), name="identity_of_a_person_is_one"),
        )

    def __str__(self) -> str:
        return f"identity of user {self.user_id}"
