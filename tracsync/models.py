"""API tokens: who may use the REST API. And how each person reads the admin."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

PREFIX_LENGTH = 8


class ApiToken(models.Model):
    """A token is shown once; what is stored can recognise it but not show it again."""

    name = models.CharField(
        _("name"),
        max_length=100,
        unique=True,
        help_text=_("Who or what uses it, so that you know what stops when you revoke it."),
    )
    prefix = models.CharField(
        _("prefix"),
        max_length=PREFIX_LENGTH,
        unique=True,
        editable=False,
        help_text=_("Its first characters, to recognise it by."),
    )
    digest = models.CharField(max_length=64, editable=False)
    read_only = models.BooleanField(
        _("read only"), default=False, help_text=_("May look at everything and change nothing.")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True, help_text=_("Blank: never."))
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)

    class Meta:
        ordering = ("name",)
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")

    def __str__(self) -> str:
        return self.name

    # What Django REST framework asks of whoever is authenticated.
    is_authenticated = True
    is_anonymous = False

    @classmethod
    def generate(cls, name: str, **fields: object) -> tuple[ApiToken, str]:
        """A new, unsaved token and its text, which is not kept anywhere."""
        prefix = secrets.token_hex(PREFIX_LENGTH // 2)
        text = f"{prefix}.{secrets.token_urlsafe(32)}"
        return cls(name=name, prefix=prefix, digest=keyed_digest(text), **fields), text

    def matches(self, text: str) -> bool:
        return hmac.compare_digest(self.digest, keyed_digest(text))


def keyed_digest(text: str) -> str:
    """Of a long random text, so one fast keyed hash is enough."""
    return hmac.new(settings.SECRET_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()


class Preferences(models.Model):
    """What one person has chosen; blank means nothing."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True)
    language = models.CharField(max_length=10, blank=True)
    time_zone = models.CharField(max_length=60, blank=True)

    def __str__(self) -> str:
        return f"preferences of user {self.pk}"
