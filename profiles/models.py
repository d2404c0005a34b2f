"""The customer document, and the marks that say it has changes nobody has been told of yet."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.db.models.functions import Coalesce
from django.db.models.signals import post_save
from django.utils import timezone

from profiles import documents
from profiles.documents import InvalidDocument


class ProfileConflict(Exception):
    """Somebody else changed the profile since it was read; read it again and repeat the change."""


class Profile(models.Model):
    """One customer document.

    The row itself is the outbox: `version` grows by one at each real change, `changed_at` is the time of
    the last one, and `first_changed_at` that of the first one that has not been handed on (null: none).

    `save` and `profiles.changes.write` keep these marks. A queryset's `update` and `bulk_create` do not:
    nobody is told of what they write.
    """

    id = models.CharField(primary_key=True, max_length=documents.MAX_ID_LENGTH)
    document = models.JSONField(help_text="Any JSON object; its “id” is the profile's id.")
    digest = models.CharField(max_length=64, editable=False)
    version = models.PositiveBigIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    changed_at = models.DateTimeField(default=timezone.now, editable=False)
    first_changed_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ("id",)
        indexes = (
            models.Index(
                fields=("changed_at",), condition=models.Q(first_changed_at__isnull=False), name="unsettled"
            ),
            models.Index(
                fields=("first_changed_at",),
                condition=models.Q(first_changed_at__isnull=False),
                name="unsettled_since",
            ),
            models.Index(fields=("changed_at",), name="changed"),
        )

    def __str__(self) -> str:
        return self.id

    def save(self, *args: Any, using: str | None = None, **kwargs: Any) -> None:
        """Store the document if it really changed, with the mark that the change is owed.

        A new instance under an existing id replaces that document. Raises InvalidDocument, and
        ProfileConflict where the profile was changed by somebody else since it was read.
        """
        digest = self._check_document()
        with transaction.atomic(using=using):
            created = self._state.adding and not self._adopt_existing(using)
            if not created and digest == self.digest:
                return
            (self._create if created else self._update)(digest, using)
            post_save.send(
                Profile, instance=self, created=created, update_fields=None, raw=False, using=self._state.db
            )

    @property
    def is_settled(self) -> bool:
        return self.first_changed_at is None

    def clean(self) -> None:
        try:
            self._check_document()
        except InvalidDocument as error:
            raise ValidationError({"document": str(error)}) from error

    def _check_document(self) -> str:
        self.document = documents.with_id(self.document, self.id)
        self.id = self.document["id"]
        return documents.digest(self.document)

    def _adopt_existing(self, using: str | None) -> bool:
        """Whether the id is taken; then this instance becomes that row with another document."""
        rows = Profile.objects.using(using).select_for_update(no_key=True)
        stored = rows.filter(pk=self.pk).first()
        if stored is None:
            return False
        self.version, self.digest, self.created_at = stored.version, stored.digest, stored.created_at
        self.changed_at, self.first_changed_at = stored.changed_at, stored.first_changed_at
        self._state.adding, self._state.db = False, stored._state.db
        return True

    def _create(self, digest: str, using: str | None) -> None:
        now = timezone.now()
        self.version, self.digest, self.changed_at, self.first_changed_at = 1, digest, now, now
        try:
            Profile.objects.using(using).bulk_create([self])
        except IntegrityError:
            raise ProfileConflict(f"profile {self.pk} was created by somebody else at this moment") from None

    def _update(self, digest: str, using: str | None) -> None:
        now = timezone.now()
        updated = Profile.objects.using(using).filter(pk=self.pk, version=self.version)
        marks = {"changed_at": now, "first_changed_at": Coalesce("first_changed_at", now)}
        if not updated.update(document=self.document, digest=digest, version=self.version + 1, **marks):
            raise ProfileConflict(f"profile {self.pk} was changed by somebody else since it was read")
        self.version, self.digest, self.changed_at = self.version + 1, digest, now
        self.first_changed_at = self.first_changed_at or now
