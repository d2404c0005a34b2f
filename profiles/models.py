"""The customer document, and the marks that say it has changes nobody has been told of yet."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, router, transaction
from django.db.models.signals import post_save
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from profiles import documents, sql
from profiles.documents import InvalidDocument, Sealed
from tracsync.common import lookups  # noqa: F401 - lookups registers `among`


class ProfileConflict(Exception):
    """Somebody else changed the profile since it was read; read it again and repeat the change."""


class Profile(models.Model):
    """One customer document.

    The row itself is the outbox: `version` grows by one at each real change, `changed_at` is the time of
    the last one, and `first_changed_at` that of the first one that has not been handed on (null: none).

    `save` and `profiles.changes.write` keep these marks. A queryset's `update` and `bulk_create` do not:
    nobody is told of what they write.
    """

    id = models.CharField(_("ID"), primary_key=True, max_length=documents.MAX_ID_LENGTH)
    document = models.JSONField(_("document"), help_text=_("Any JSON object; its “id” is the profile's id."))
    digest = models.CharField(max_length=64, editable=False)
    version = models.PositiveBigIntegerField(
        _("version"), default=0, editable=False, help_text=_("Grows by one at each real change.")
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    changed_at = models.DateTimeField(_("changed"), default=timezone.now, editable=False)
    first_changed_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ("id",)
        verbose_name = _("profile")
        verbose_name_plural = _("profiles")
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
        """Store the document if it really changed, with the mark that the change has to be handed on.

        A new instance under an existing id replaces that document. Raises InvalidDocument, and
        ProfileConflict where the profile was changed by somebody else since it was read.
        """
        sealed = self._seal()
        using = using or router.db_for_write(Profile, instance=self)
        created = self._state.adding and self._create(sealed, using)
        if created or self._replace(sealed, using):
            post_save.send(
                Profile, instance=self, created=created, update_fields=None, raw=False, using=using
            )

    @property
    def is_settled(self) -> bool:
        return self.first_changed_at is None

    def clean(self) -> None:
        try:
            self._seal()
        except InvalidDocument as error:
            raise ValidationError({"document": str(error)}) from error

    def _seal(self) -> Sealed:
        self.document = documents.with_id(self.document, self.id)
        self.id = self.document["id"]
        return documents.seal(self.document)

    def _create(self, sealed: Sealed, using: str) -> bool:
        """Whether the id was free: then this is a new row."""
        now = timezone.now()
        if not sql.insert([sql.Row(self.id, sealed, 1)], now, using):
            return False
        self.version, self.digest = 1, sealed.digest
        self.created_at = self.changed_at = self.first_changed_at = now
        self._state.adding, self._state.db = False, using
        return True

    def _replace(self, sealed: Sealed, using: str) -> bool:
        """Whether the stored document was another one: then it is this one now."""
        if not self._state.adding:
            return self._update(sealed, using)
        with transaction.atomic(using=using):
            self._adopt_existing(using)
            return self._update(sealed, using)

    def _adopt_existing(self, using: str) -> None:
        """The id is taken: this instance becomes that row, with another document."""
        locked = Profile.objects.using(using).select_for_update(no_key=True)
        stored = locked.filter(pk=self.pk).defer("document").first()
        if stored is None:
            raise ProfileConflict(f"profile {self.pk} was deleted by somebody else at this moment")
        self.version, self.digest, self.created_at = stored.version, stored.digest, stored.created_at
        self.changed_at, self.first_changed_at = stored.changed_at, stored.first_changed_at
        self._state.adding, self._state.db = False, using

    def _update(self, sealed: Sealed, using: str) -> bool:
        if sealed.digest == self.digest:
            return False
        now, version = timezone.now(), self.version + 1
        if not sql.update(sql.Row(self.id, sealed, version), now, using):
            raise ProfileConflict(f"profile {self.pk} was changed by somebody else since it was read")
        self.version, self.digest, self.changed_at = version, sealed.digest, now
        self.first_changed_at = self.first_changed_at or now
        return True
