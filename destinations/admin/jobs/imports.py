"""Imports: a file is uploaded and checked, its dry run is looked at, then it is imported or cancelled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.utils.translation import get_language, gettext_lazy, ngettext, override
from django.utils.translation import gettext as _

from destinations.admin.base.links import called, may_see_names
from destinations.admin.base.live import WORKING
from destinations.admin.base.object_actions import Act
from destinations.admin.jobs import import_columns
from destinations.admin.jobs.base import ASKED_BETWEEN, FinishedFilter, JobAdmin
from destinations.admin.jobs.import_forms import ReadingForm, UploadForm
from destinations.insight.payloads import diff
from profiles import documents
from profiles.documents import InvalidDocument
from profiles.imports import csv_reader, refused, uploads
from profiles.imports import job as import_jobs
from profiles.imports import options as import_options
from profiles.imports.files import Place, UnusableFile
from profiles.imports.models import ImportJob
from profiles.imports.records import Record
from profiles.models import Profile
from tracsync.common import jobs
from tracsync.common.translation import list_separator, translated

Phase = ImportJob.Phase
COUNTS = {
    "created": gettext_lazy("new"),
    "changed": gettext_lazy("changed"),
    "unchanged": gettext_lazy("unchanged"),
    "refused": gettext_lazy("refused"),
}
OPTIONS = ("format", "encoding", "delimiter", "sheet", "merge")
NDJSON = "application/x-ndjson; charset=utf-8"
LINE_SHOWN = 200  # characters


@dataclass(frozen=True, slots=True)
class Sample:
    """What importing one record would change."""

    profile: str
    line: int
    lines: tuple[diff.Line, ...]


def columns_page(request: HttpRequest, model_admin: JobAdmin, job: ImportJob) -> HttpResponse:
    """How the file is read, which column holds the id, and where the cells of the others go."""
    if not model_admin.has_act_permission(request, job):
        raise PermissionDenied
    if not _has_columns_to_choose(job):
        return redirect(model_admin.url("change", job))
    reading = ReadingForm(job.options, request.POST if "read" in request.POST else None)
    table, problem = None, ""
    try:
        if reading.is_bound and reading.is_valid():
            as_it_is = {name: job.options[name] for name in ("encoding", "delimiter")}
            import_jobs.read_anew(job, **{**as_it_is, **reading.cleaned_data})
            return redirect(model_admin.url("columns", job))
        table = import_columns.table(job, may_see_profiles=may_see_names(request))
        if request.method == "POST" and not reading.is_bound and table.fill(request.POST):
            import_jobs.check(job, _checked(list(table.chosen())))
            return redirect(model_admin.url("change", job))
    except (UnusableFile, ValueError) as error:
        problem = translated(str(error))
    context = {"table": table, "reading": reading, "problem": problem, "other": import_columns.OTHER}
    context |= {"cancel_url": model_admin.url("cancel", job), "sheets": job.options.get("sheets")}
    return model_admin.page(request, "jobs/import_columns.html", _("Choose columns"), job, **context)


def _checked(columns: list[list[str]]) -> list[list[str]]:
    """Raises ValueError for columns that cannot be imported."""
    if not columns:
        raise ValueError(_("Say of at least one column where its cells go."))
    if all(path != "id" for _name, path, _kind in columns):
        raise ValueError(_("Say which column holds the id."))
    csv_reader.columns_of(columns)
    return columns


def refused_lines(request: HttpRequest, model_admin: JobAdmin, job: ImportJob) -> Any:
    """The lines that were refused, as a file: mended, it can be imported."""
    if not may_see_names(request):
        raise PermissionDenied
    heading, language = job.options.get("heading", ()), get_language()

    def said(reason: str) -> str:  # while the file is sent nobody knows the reader's language any more
        with override(language):
            return translated(reason)

    lines = refused.as_file(import_jobs.refused_lines(job), heading, _delimiter(job), said)
    answer = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8" if heading else NDJSON)
    stem = job.name.removesuffix(".gz").rpartition(".")[0] or job.name
    name = f"{stem}-{_('refused')}.{'csv' if heading else 'ndjson'}"
    answer["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    return answer


def _delimiter(job: ImportJob) -> str:
    """As in the file, where a spreadsheet told apart its cells by it: then it does again."""
    own = job.options.get("delimiter", ",")
    return own if own in (",", ";") and not job.options.get("sheets") else list_separator()


def start(request: HttpRequest, model_admin: JobAdmin, job: ImportJob) -> None:
    if import_jobs.start(job):
        model_admin.say(request, _("The import of %(name)s has begun.") % {"name": job.name})
    else:
        model_admin.say(request, _("There is nothing to import."), warning=True)


@admin.register(ImportJob)
class ImportJobAdmin(JobAdmin):
    list_display = ("name", "state", "progress", "count", "rate", "left", "requested")
    list_filter = (FinishedFilter, ASKED_BETWEEN)
    fields = ("name", "bytes", "read_as", "requested", "finished")
    panel_template = "admin/tracsync/jobs/import_panel.html"
    acts = {**JobAdmin.acts, "start": Act(start)}
    object_views = {"columns": columns_page, "refused": refused_lines}
    about = gettext_lazy(
        "Files of profiles. Each is first read without changing anything; then you import it or cancel."
    )
    pause_help = gettext_lazy("Read and import nothing more until it is resumed.")
    cancel_note = gettext_lazy("What was imported already stays. The uploaded file is deleted.")

    def has_act_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """An import creates profiles and replaces them."""
        return request.user.has_perms(("profiles.add_profile", "profiles.change_profile"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_act_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_view_permission(request, obj) or self.has_act_permission(request, obj)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("errors", "mistakes", "samples")

    def progress_of(self, job: ImportJob) -> jobs.Progress:
        waits = {
            Phase.RECEIVING: _("the rows of the workbook are being read"),
            Phase.COLUMNS: _("somebody has to choose its columns"),
            Phase.READY: _("somebody has to import or cancel it"),
        }
        return jobs.progress(job, waits.get(Phase(job.phase), "") if job.finished_at is None else "")

    def title_of(self, job: ImportJob) -> str:
        return _("Import of %(name)s") % {"name": job.name}

    def name_of(self, job: ImportJob) -> str:
        return job.name

    def rate_words(self, job: ImportJob, rate: float) -> str:
        if job.phase == Phase.IMPORTING:
            return super().rate_words(job, rate)
        return _("%(size)s a second") % {"size": filesizeformat(rate)}

    def moves(self, job: ImportJob) -> bool:
        return job.phase in import_jobs.UNDER_WAY

    def live(self, job: Any) -> int:
        return WORKING if job.phase == Phase.RECEIVING and job.finished_at is None else super().live(job)

    def offered(self, job: ImportJob) -> Iterable[str]:
        offered = super().offered(job)
        return offered if self.moves(job) else ("cancel",) if offered else ()

    def next_step(self, job: ImportJob) -> tuple[str, str]:
        if job.finished_at is None and job.phase == Phase.COLUMNS:
            return _("Choose columns…"), self.url("columns", job)
        if job.finished_at is None and job.phase == Phase.READY:
            return _("Look at the dry run"), self.url("change", job)
        return "", ""

    def cancel_title(self, count: int) -> str:
        return ngettext("Cancel this import?", "Cancel these %(count)s imports?", count) % {"count": count}

    def panel(self, request: HttpRequest, obj: ImportJob) -> dict[str, Any]:
        is_ready = obj.phase == Phase.READY and obj.finished_at is None
        may_read = may_see_names(request)
        may_act, counts = self.has_act_permission(request, obj), obj.checked or {}
        return {
            **super().panel(request, obj),
            "records": obj.records,
            "may_read": may_read,
            "refused_url": self.url("refused", obj) if may_read and obj.refused_records.exists() else "",
            "kept_until": (obj.finished_at or obj.created_at) + import_jobs.KEPT,
            "add_url": reverse("admin:profiles_importjob_add") if may_act else "",
            "counts": [(label, getattr(obj, name), counts.get(name)) for name, label in COUNTS.items()],
            "is_ready": is_ready,
            "is_counted": obj.records > 0 or is_ready,
            "importable": obj.records - obj.refused if is_ready and may_act and not obj.problem else 0,
            "samples": list(_samples(obj, request)) if is_ready and may_read else [],
            "start_url": self.url("start", obj),
            "columns_url": self.url("columns", obj) if may_act and _has_columns_to_choose(obj) else "",
        }

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = UploadForm()
        if request.method == "POST":
            posted, files = request.POST, request.FILES  # reading them may find the file too large
            form = UploadForm(posted, files, too_large=getattr(request, "upload_too_large", False))
            if form.is_valid() and (job := self._receive(request, form)):
                return redirect(self.url("columns" if job.phase == Phase.COLUMNS else "change", job))
        return self.page(request, "jobs/import_upload.html", _("Import profiles"), form=form)

    def _receive(self, request: HttpRequest, form: UploadForm) -> ImportJob | None:
        options = {name: form.cleaned_data[name] for name in OPTIONS}
        file = form.cleaned_data["file"]
        try:
            job = import_jobs.receive(file, file.name, request.user.get_username(), **options)
        except UnusableFile as error:
            form.add_error("file", _("The file %(reason)s.") % {"reason": translated(str(error))})
            return None
        return job

    @admin.display(description=gettext_lazy("size"))
    def bytes(self, job: ImportJob) -> str:
        return filesizeformat(job.size)

    @admin.display(description=gettext_lazy("read as"))
    def read_as(self, job: ImportJob) -> str:
        format = job.options.get("format", "")
        if format != "csv":
            return {"ndjson": "NDJSON", "json": _("a list in JSON")}.get(format, "-")
        if sheets := job.options.get("sheets"):
            return _("the sheet %(name)s of a workbook") % {"name": sheets[0]}
        encoding = import_options.encoding_of(job.options)
        delimiter = job.options["delimiter"].replace("\t", _("tab"))
        said = _("CSV in %(encoding)s, %(delimiter)s between two cells")
        text = said % {"encoding": encoding, "delimiter": delimiter}
        return _("%(text)s; merged into the profiles") % {"text": text} if job.options["merge"] else text


def _has_columns_to_choose(job: ImportJob) -> bool:
    phases = (Phase.COLUMNS, Phase.CHECKING, Phase.READY)
    return job.options.get("format") == "csv" and job.finished_at is None and job.phase in phases


def _samples(job: ImportJob, request: HttpRequest) -> Iterator[Sample]:
    """How some of the profiles that would change differ from what is stored now."""
    source = uploads.source(job)
    read = (import_jobs.sample(job, source, Place(*place)) for place in job.samples)
    records = [record for record in read if record and record.change]
    stored = Profile.objects.in_bulk([record.change.id for record in records if record.change])
    for record in records:
        lines = _difference(record, stored)
        if lines and record.change:
            profile = called(stored[record.change.id], by_name=may_see_names(request))
            yield Sample(profile, record.line, lines)


def _difference(record: Record, stored: dict[str, Profile]) -> tuple[diff.Line, ...]:
    assert record.change is not None
    profile = stored.get(record.change.id)
    if profile is None:
        return ()
    try:
        after = documents.with_id(record.change.apply(profile.document), profile.pk)
    except (InvalidDocument, RecursionError):
        return ()
    lines = diff.difference(profile.document, after)
    return tuple(diff.Line(line.sign, line.text[:LINE_SHOWN]) for line in lines)
