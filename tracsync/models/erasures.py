"""Receipts of people who were erased."""

from __future__ import annotations

import hashlib
import secrets
import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


def new_salt() -> str:
    return secrets.token_hex(16)


class Erasure(models.Model):
    """One person who was erased, here and at the destinations; the receipt says nothing of who.

    `profile_id` is there until all destinations are done, and blank from then on. `fingerprint` stays: who
    knows the id can tell whether this is its receipt. `steps`: what each destination was asked for and what
    came of it, see privacy/steps.py.
    """

    id = models.UUIDField(_("number"), primary_key=True, default=uuid.uuid4, editable=False)
    profile_id = models.CharField(max_length=255, blank=True, editable=False)
    salt = models.CharField(max_length=32, default=new_salt, editable=False)
    fingerprint = models.CharField(max_length=64, editable=False)
    asked_at = models.DateTimeField(_("asked for"), default=timezone.now, editable=False)
    asked_by = models.CharField(_("by"), max_length=255, editable=False)
    finished_at = models.DateTimeField(_("finished"), null=True, editable=False)
    closed_by = models.CharField(_("finished by hand by"), max_length=255, blank=True, editable=False)
    was_deleted = models.BooleanField(default=False, editable=False)
    came_back = models.BooleanField(default=False, editable=False)
    steps = models.JSONField(default=list, editable=False)

    class Meta:
        ordering = ("-asked_at",)
        verbose_name = _("erasure")
        verbose_name_plural = _("erasures")
        default_permissions = ("view",)
        permissions = (
            ("erase_person", _("Can erase people everywhere")),
            ("export_person", _("Can download all that is known of a person")),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("profile_id",), condition=~models.Q(profile_id=""), name="one_erasure_at_once"
            ),
        )

    def __str__(self) -> str:
        return str(self.id)

    def is_of(self, profile_id: str) -> bool:
        return secrets.compare_digest(self.fingerprint, self.fingerprint_of(profile_id))

    def fingerprint_of(self, profile_id: str) -> str:
        return hashlib.sha256(f"{self.salt}:{profile_id}".encode()).hexdigest()
