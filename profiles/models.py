"""The customer document, and the marks that say it has changes nobody has been told of yet."""

from collections.abc import Iterable
from typing import Any, NoReturn

from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, NotSupportedError, models, router, transaction
from django.db.models.base import ModelBase
from django.db.models.signals import post_save, pre_save
from django.dispatch import Signal
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from profiles import documents, names, sources, sql
from profiles.documents import InvalidDocument, Sealed
from profiles.names import Person
from tracsync.common import lookups  # noqa: F401 - lookups registers `among`
from tracsync.common.loading import LoadedQuickly

# Sent inside the transaction, with `ids`, after these profiles were deleted.
profiles_deleted = Signal()

DELETED_AT_ONCE = 500
MOST_NAME = 255


class ProfileConflict(DatabaseError):
    """Somebody else changed or deleted the profile since it was read; read it again and repeat the change."""


class ProfileQuerySet(models.QuerySet["Profile"]):
    """Refuses to write what nobody would be told of, and deletes so that destinations can be told."""

    def delete(self, by: str = "") -> tuple[int, dict[str, int]]:
        """Leave tombstones: see Profile. `by`: who deletes. Answers as Django does."""
        using = router.db_for_write(Profile)
        ids = list(self.order_by("pk").values_list("pk", flat=True))
        deleted = 0
        for start in range(0, len(ids), DELETED_AT_ONCE):
            with transaction.atomic(using=using):
                part = Profile.objects.using(using).filter(pk__in=ids[start : start + DELETED_AT_ONCE])
                locked = list(part.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True))
                sql.bury(locked, by[:MOST_NAME], timezone.now(), using)
                profiles_deleted.send(Profile, ids=locked, using=using)
            deleted += len(locked)
        return deleted, {Profile._meta.label: deleted} if deleted else {}

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]

    def of_source(self, source: str | None) -> "ProfileQuerySet":
        """All of them where it is None."""
        # The first condition is that of the index, which only has profiles with a source.
        return self if source is None else self.filter(source__gt="", source=source)

    def purge(self) -> int:
        """Delete the rows with all that hangs on them, and tell nobody; how many."""
        _all, by_model = super().delete()
        return by_model.get(Profile._meta.label, 0)

    def update(self, **fields: Any) -> NoReturn:
        raise _unmarked("update")

    def bulk_create(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise _unmarked("bulk_create")

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise _unmarked("bulk_update")

    def update_marks(self, **marks: Any) -> int:
        """Write marks as they are given, in one statement; how many rows. For what hands changes on."""
        return super().update(**marks)


class LiveProfiles(models.Manager.from_queryset(ProfileQuerySet)):  # type: ignore[misc]
    """Without those that were deleted."""

    def get_queryset(self) -> ProfileQuerySet:
        live: ProfileQuerySet = super().get_queryset().filter(digest__gt="")
        return live


def _unmarked(name: str) -> NotSupportedError:
    return NotSupportedError(
        f"{name} would not mark the profiles as changed, so that no destination is told: "
        "use profiles.changes.write"
    )


# Where `indexed_version` is the version, name and e-mail are right; releases without them leave it behind.
UNINDEXED = ~models.Q(indexed_version=models.F("version"))


class Profile(LoadedQuickly):
    """One customer document.

    The row itself is the outbox: `version` grows by one at each real change, `changed_at` is the time of
    the last one, and `first_changed_at` that of the first one that has not been handed on (null: none).

    `save` and `profiles.changes.write` keep these marks, and so does what calls `save`, as `create` and
    `update_or_create` do. A queryset's `update`, `bulk_create` and `bulk_update` are refused.

    A profile that is deleted leaves a tombstone: the row without document and digest, its version one higher,
    until every destination that has to remove it has done so, and for a while after. `objects` leaves
    tombstones out, `with_deleted` has them. Whoever makes the profile again continues its version.

    `name` and `email` are what the document has at the installation's paths, as of `indexed_version`; the
    words that the profile is found by (SearchWord) are those of both, and written with them.

    `source` is where it comes from, blank: nowhere known. A token for one source reaches only its profiles.
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
    deleted_at = models.DateTimeField(_("deleted"), null=True, editable=False)
    deleted_by = models.CharField(
        _("deleted by"), max_length=MOST_NAME, blank=True, default="", db_default="", editable=False
    )
    name = models.CharField(
        _("name"), max_length=names.MOST_NAME, blank=True, default="", db_default="", editable=False
    )
    email = models.CharField(
        _("e-mail"), max_length=names.MOST_EMAIL, blank=True, default="", db_default="", editable=False
    )
    indexed_version = models.PositiveBigIntegerField(default=0, db_default=0, editable=False)
    source = models.CharField(
        _("source"), max_length=sources.MOST_NAME, blank=True, default="", db_default="", editable=False
    )

    is_masked = False  # for somebody who may not see it: see personal.py
    is_named = False  # for somebody who may know the name: then it is called by it, with the id

    objects = LiveProfiles()
    with_deleted = ProfileQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        verbose_name = _("profile")
        verbose_name_plural = _("profiles")
        permissions = (("see_personal_data", _("Can see personal data")),)
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
            models.Index(fields=("deleted_at",), condition=models.Q(digest=""), name="deleted"),
            models.Index(fields=("id",), condition=UNINDEXED, name="unindexed"),
            models.Index(fields=("source", "id"), condition=models.Q(source__gt=""), name="of_source"),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.pk})" if self.is_named and self.name else self.id

    def save(
        self,
        *,
        force_insert: bool | tuple[ModelBase, ...] = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        """Store the document if it really changed, with the mark that the change has to be handed on.

        A new instance under an existing id replaces that document, unless `force_insert` is given, as
        `objects.create` does: then IntegrityError is raised. With `force_update` or `update_fields` the
        profile has to exist. `update_fields` must name the document, which is all that a caller decides: the
        marks are kept as ever. `post_save` is sent after a real change only.

        Raises InvalidDocument, and ProfileConflict where the profile is gone or was changed by somebody else
        since it was read.
        """
        if update_fields is not None:
            update_fields = frozenset(update_fields)
            if not update_fields:
                return
            known = {field.name for field in self._meta.fields if not field.primary_key}
            if "document" not in update_fields or not update_fields <= known:
                raise ValueError(f"only the document of a profile can be saved, not {sorted(update_fields)}")
        if force_insert and (force_update or update_fields):
            raise ValueError("Cannot force both insert and updating in model saving.")
        if self.is_masked:
            raise ValueError("a masked profile cannot be saved")
        using = using or router.db_for_write(Profile, instance=self)
        pre_save.send(Profile, instance=self, raw=False, using=using, update_fields=update_fields)
        sealed = self._seal()
        must_exist = force_update or update_fields is not None
        created = (force_insert or self._state.adding) and not must_exist and self._create(sealed, using)
        if force_insert and not created:
            raise IntegrityError(f"profile {self.id} exists already")
        if created or self._replace(sealed, using):
            post_save.send(
                Profile, instance=self, created=created, update_fields=update_fields, raw=False, using=using
            )
        elif must_exist and not Profile.objects.using(using).filter(pk=self.pk).exists():
            raise self._gone()

    def delete(self, using: str | None = None, keep_parents: bool = False) -> tuple[int, dict[str, int]]:
        """Leave a tombstone. A queryset's `delete` takes who deletes, too."""
        using = using or router.db_for_write(Profile, instance=self)
        return Profile.objects.using(using).filter(pk=self.pk).delete()

    @property
    def person(self) -> Person:
        """Name and e-mail address, as they are stored."""
        return Person(self.name, self.email)

    @property
    def is_deleted(self) -> bool:
        return not self.digest

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
        """Whether the id was free: then this is a new row, or continues a tombstone."""
        now = timezone.now()
        person = names.person(self.document)
        version = sql.create(sql.Row(self.id, sealed, 1, person, self.source), now, using)
        if version is None:
            return False
        self.version, self.digest = version, sealed.digest
        self._take(person)
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
            raise self._gone()
        self.version, self.digest, self.created_at = stored.version, stored.digest, stored.created_at
        self.name, self.email = stored.person
        self.changed_at, self.first_changed_at = stored.changed_at, stored.first_changed_at
        self._state.adding, self._state.db = False, using

    def _gone(self) -> ProfileConflict:
        return ProfileConflict(f"there is no profile {self.pk} to change; somebody else may have deleted it")

    def _update(self, sealed: Sealed, using: str) -> bool:
        if sealed.digest == self.digest:
            return False
        now, version, person = timezone.now(), self.version + 1, names.person(self.document)
        if not sql.update(sql.Row(self.id, sealed, version, person), self.person, now, using):
            raise ProfileConflict(f"profile {self.pk} was changed by somebody else since it was read")
        self.version, self.digest, self.changed_at = version, sealed.digest, now
        self._take(person)
        self.first_changed_at = self.first_changed_at or now
        return True

    def _take(self, person: Person) -> None:
        """What was stored with the version of now."""
        self.name, self.email, self.indexed_version = *person, self.version
