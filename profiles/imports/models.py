"""Uploaded files, and how far the import of each one is."""

from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from profiles.imports.files import Place
from tracsync.common.jobs import Job
from tracsync.common.numbers import grouped
from tracsync.common.online_column import CascadingForeignKey
from tracsync.common.translation import MessageField


class ImportJob(Job):
    """A file that was uploaded: first all of it is checked, then, if somebody says so, it is imported.

    `total` and `done` are bytes while it is checked, and records from then on. The counts are those of the
    check until the import begins, and its own from then on; `checked` keeps those of the check.
    """

    class Phase(models.TextChoices):
        RECEIVING = "receiving", _("being read")
        COLUMNS = "columns", _("columns missing")
        CHECKING = "checking", _("dry run")
        READY = "ready", _("dry run done")
        IMPORTING = "importing", _("importing")

    name = models.CharField(_("file"), max_length=200)
    size = models.PositiveBigIntegerField(default=0)  # bytes, unpacked
    options = models.JSONField(default=dict)  # see profiles/imports/options.py
    phase = models.CharField(max_length=10, choices=Phase.choices, default=Phase.RECEIVING)
    offset = models.PositiveBigIntegerField(default=0)  # bytes that are dealt with
    number = models.PositiveBigIntegerField(default=0)  # lines, or elements of an array, that are dealt with
    created = models.PositiveBigIntegerField(default=0)
    changed = models.PositiveBigIntegerField(default=0)
    unchanged = models.PositiveBigIntegerField(default=0)
    refused = models.PositiveBigIntegerField(default=0)
    errors = models.JSONField(default=list)  # [line, packed message] of the first that are refused
    mistakes = models.JSONField(default=list, db_default=[])  # equal ones together, see refused.group
    samples = models.JSONField(default=list)  # [offset, line] before some records that would change something
    checked = models.JSONField(null=True)
    problem = MessageField(blank=True)  # of the file as a whole

    class Meta(Job.Meta):
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.name

    @property
    def place(self) -> Place:
        return Place(self.offset, self.number)

    @property
    def records(self) -> int:
        return self.created + self.changed + self.unchanged + self.refused

    @property
    def stage(self) -> str:
        return self.phase if self.state == self.State.RUNNING else self.state

    @property
    def state_words(self) -> str:
        is_running = self.state == self.State.RUNNING
        return str(self.Phase(self.phase).label) if is_running else super().state_words

    @property
    def amount(self) -> str:
        done, total = grouped(self.done), grouped(self.total)
        if self.phase == self.Phase.IMPORTING:
            return _("%(done)s of %(total)s records imported") % {"done": done, "total": total}
        if not self.records:
            return str(_("nothing imported"))
        return _("%(count)s records read, nothing imported") % {"count": grouped(self.records)}

    def cancel(self) -> None:
        """What is imported stays; nothing else is, and the file is forgotten."""
        with transaction.atomic():
            super().cancel()
            self.chunks.all().delete()
            self.refused_records.all().delete()


class ImportChunk(models.Model):
    """A piece of an uploaded file, compressed; all but the last one have the same size unpacked."""

    job = models.ForeignKey(ImportJob, models.CASCADE, related_name="chunks", db_index=False)
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        verbose_name = _("part of an import")
        verbose_name_plural = _("parts of imports")
        constraints = (models.UniqueConstraint(fields=("job", "number"), name="one_chunk_per_number"),)

    def __str__(self) -> str:
        return f"chunk {self.number} of import {self.job_id}"


class RefusedRecords(models.Model):
    """Some lines that were refused, one after the other, compressed; `number` of them came before."""

    job = CascadingForeignKey(ImportJob, models.CASCADE, related_name="refused_records", db_index=False)
    number = models.PositiveBigIntegerField()
    data = models.BinaryField()

    class Meta:
        verbose_name = _("refused lines of an import")
        verbose_name_plural = _("refused lines of imports")
        default_permissions = ()
        constraints = (models.UniqueConstraint(fields=("job", "number"), name="one_piece_of_refused"),)

    def __str__(self) -> str:
        return f"refused lines of import {self.job_id} from {self.number}"
