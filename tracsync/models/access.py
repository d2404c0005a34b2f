"""API tokens, and how each person reads the admin."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from tracsync.common.online_column import CascadingForeignKey
from tracsync.common.rest import scopes as areas

PREFIX_LENGTH = 8
# What scanners find in what was published by mistake. Releases that know no scopes refuse what begins with
# it: beside them, in a rolling deploy, nothing may do more than its scopes.
MARK = "tracsync_"
# `ingest@shop`: a scope for the profiles of one source. Releases that know no sources allow it nothing.
OF_SOURCE = "@"


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
    # By SECRET_KEY: what earlier releases know it by.
    digest = models.CharField(max_length=64, editable=False)
    text_hash = models.CharField(max_length=64, default="", db_default="", editable=False)
    rotated_at = models.DateTimeField(_("rotated"), null=True, editable=False)
    is_confirmed = models.BooleanField(
        editable=False,
        default=True,
        db_default=True,
        help_text="The text made last was used, or is the only one.",
    )
    # Null where there is none, as each is there once.
    previous_prefix = models.CharField(  # noqa: DJ001
        max_length=PREFIX_LENGTH, unique=True, null=True, editable=False
    )
    previous_digest = models.CharField(max_length=64, editable=False, default="", db_default="")
    previous_text_hash = models.CharField(max_length=64, editable=False, default="", db_default="")
    previous_ends_at = models.DateTimeField(null=True, editable=False)
    owner = CascadingForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        verbose_name=_("owner"),
        null=True,
        blank=True,
        editable=False,
        related_name="api_tokens",
        help_text=_("It may do nothing that they may not. Nobody's: made on the command line."),
    )
    scopes = models.JSONField(_("may"), null=True, editable=False)  # null: made by a release without them
    destination = CascadingForeignKey(
        "destinations.Destination",
        models.CASCADE,
        verbose_name=_("only for"),
        null=True,
        blank=True,
        related_name="+",
        help_text=_("It reaches no other destination. Blank: all."),
    )
    read_only = models.BooleanField(
        _("read only"), default=False, editable=False, help_text=_("May change nothing.")
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

    def save(self, *args: Any, **options: Any) -> None:
        self.read_only = all(scope.endswith(":read") for scope in self.granted)
        super().save(*args, **options)

    # What Django REST framework asks of whoever is authenticated.
    is_authenticated = True
    is_anonymous = False

    @classmethod
    def generate(cls, name: str, *, source: str = "", **fields: Any) -> tuple[ApiToken, str]:
        """A new, unsaved token and its text, which is not kept anywhere. Without scopes it may do everything
        that there was before there were scopes, or read it."""
        unscoped = areas.READS if fields.get("read_only") else areas.EVERYTHING
        token = cls(name=name, **fields)
        token.grant(fields.get("scopes", unscoped), source)
        return token, token.new_text()

    def grant(self, scopes: Iterable[str], source: str = "") -> None:
        """Let it do this and nothing else, for the profiles of one source only if that is named."""
        self.scopes = [f"{scope}{OF_SOURCE}{source}" if source else scope for scope in scopes]

    def new_text(self) -> str:
        """Be known by a new text from now on."""
        self.prefix = secrets.token_hex(PREFIX_LENGTH // 2)
        text = f"{MARK}{self.prefix}.{secrets.token_urlsafe(32)}"
        self.digest, self.text_hash = keyed_digest(text), _plain_hash(text)
        return text

    def remember(self, text: str) -> None:
        """Recognise it, or the text before, by a hash that no key has a part in: it outlives SECRET_KEY."""
        if prefix_of(text) == self.previous_prefix:
            self.previous_text_hash = _plain_hash(text)
        else:
            self.text_hash = _plain_hash(text)

    def matches(self, text: str) -> bool:
        """Whether it is its text, or the one before; until when that counts is asked by who looks it up."""
        if prefix_of(text) == self.previous_prefix:
            return _recognised(text, self.previous_text_hash, self.previous_digest)
        return _recognised(text, self.text_hash, self.digest)

    def renew(self, now: datetime, overlap_ends_at: datetime, expires_at: datetime | None) -> str:
        """Its new text. Another one goes on until the overlap ends: the one before, or, where that was never
        used, the one that is."""
        is_alive = self.expires_at is None or self.expires_at > now
        in_use = self.previous_ends_at if not self.is_confirmed else None
        if in_use is not None and in_use > now:
            self.previous_ends_at = min(in_use, overlap_ends_at)
        elif is_alive:
            self.previous_prefix = self.prefix
            self.previous_digest, self.previous_text_hash = self.digest, self.text_hash
            self.previous_ends_at = min(overlap_ends_at, self.expires_at or overlap_ends_at)
        if not is_alive or self.previous_ends_at is None or self.previous_ends_at <= now:
            self.previous_prefix = self.previous_ends_at = None
            self.previous_digest = self.previous_text_hash = ""
        self.rotated_at, self.expires_at = now, expires_at
        self.is_confirmed = self.previous_prefix is None
        return self.new_text()

    @property
    def lifetime(self) -> timedelta | None:
        """From when its text was made; None is for ever."""
        return self.expires_at - (self.rotated_at or self.created_at) if self.expires_at else None

    @property
    def granted(self) -> tuple[str, ...]:
        """The scopes that it was given."""
        if self.scopes is None:
            return areas.READS if self.read_only else areas.EVERYTHING
        return tuple(scope.partition(OF_SOURCE)[0] for scope in self.scopes)

    @property
    def source(self) -> str:
        """The one whose profiles it is for; blank: all."""
        return self.scopes[0].partition(OF_SOURCE)[2] if self.scopes else ""

    @property
    def allowed(self) -> frozenset[str]:
        """All scopes that it has, those that others include as well."""
        return areas.implied(self.granted)


def prefix_of(text: str) -> str:
    return text.partition(".")[0].removeprefix(MARK)


def _recognised(text: str, text_hash: str, digest: str) -> bool:
    """What earlier releases made is known by SECRET_KEY, or one of its fallbacks, until it is used."""
    if text_hash:
        return hmac.compare_digest(text_hash, _plain_hash(text))
    known = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return any(hmac.compare_digest(digest, keyed_digest(text, key)) for key in known)


def keyed_digest(text: str, key: str = "") -> str:
    """Of a text under SECRET_KEY, or another key."""
    return hmac.new((key or settings.SECRET_KEY).encode(), text.encode(), hashlib.sha256).hexdigest()


def _plain_hash(text: str) -> str:
    """Of a long random text nobody tries all there are: one fast hash is enough."""
    return hashlib.sha256(text.encode()).hexdigest()


class Preferences(models.Model):
    """What one person has chosen; blank means nothing."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True)
    language = models.CharField(max_length=10, blank=True)
    time_zone = models.CharField(max_length=60, blank=True)

    class Meta:
        verbose_name = _("preferences")
        verbose_name_plural = _("preferences")

    def __str__(self) -> str:
        return f"preferences of user {self.pk}"
