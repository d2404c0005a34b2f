"""What the pages of imports, backfills and replays have in common: how far one is, pausing and ending it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import methodcaller
from typing import Any, NamedTuple

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from destinations.admin.base.live import STEADY, WORKING
from destinations.admin.base.object_actions import Act, ActingAdmin, Button, Question, ReadOnly
from destinations.models import Destination
from destinations.scheduler import loop
from profiles.imports.models import ImportJob
from tracsync.common import jobs
from tracsync.common.bounded_lists import BetweenDates, BoundedAdmin, NullFilter
from tracsync.common.jobs import Job, JobEnded
from tracsync.common.messages import message
from tracsync.common.numbers import grouped
from tracsync.common.times import duration, shown

State = Job.State
OFFERED = {State.RUNNING: ("pause", "cancel"), State.PAUSED: ("resume", "cancel")}
MOST_SHOWN = 50
CANCEL: Callable[[Any], None] = methodcaller("cancel")  # of its own kind: an import deletes its file, too


class Done(NamedTuple):
    """What was done with jobs: as the history keeps it, and as it is said."""

    recorded: str
    said: Any


PAUSED = Done(message("Paused."), gettext_lazy("Paused: %(names)s."))
RESUMED = Done(message("Resumed."), gettext_lazy("Resumed: %(names)s."))
CANCELLED = Done(message("Cancelled."), gettext_lazy("Cancelled: %(names)s."))

BADGES: dict[str, str] = {  # of a job's stage; any other is worked on
    State.FINISHED: "fine",
    State.PAUSED: "off",
    State.CANCELLED: "off",
    ImportJob.Phase.COLUMNS: "needs",
    ImportJob.Phase.READY: "needs",
}


@dataclass(frozen=True, slots=True)
class ShownJob:
    """What the templates show of one job: whether it `moves`, and what somebody is to do where it waits."""

    title: str
    url: str
    stage: str
    state: str
    progress: jobs.Progress
    rate: str
    left: str
    moves: bool = True
    next_label: str = ""
    next_url: str = ""
    buttons: tuple[Button, ...] = ()
    cancel: Button | None = None

    @property
    def badge(self) -> str:
        """Which of the five kinds its stage is."""
        return BADGES.get(self.stage, "working")


class FinishedFilter(NullFilter):
    title = gettext_lazy("finished")
    parameter_name = "finished"
    field = "finished_at"
    answers: Any = {"no": (gettext_lazy("On its way"), True), "yes": (gettext_lazy("Finished"), False)}


class AskedBetween(BetweenDates):
    """Called as the column of the lists is, not as the field of all jobs."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.title = gettext_lazy("requested")


ASKED_BETWEEN = ("created_at", AskedBetween)


@admin.action(description=gettext_lazy("Pause until resumed"), permissions=["act"])
def pause(model_admin: JobAdmin, request: HttpRequest, queryset: QuerySet[Any]) -> None:
    _each(model_admin, request, queryset, Job.pause, PAUSED)


@admin.action(description=gettext_lazy("Resume"), permissions=["act"])
def resume(model_admin: JobAdmin, request: HttpRequest, queryset: QuerySet[Any]) -> None:
    _each(model_admin, request, queryset, Job.resume, RESUMED)


@admin.action(description=gettext_lazy("Cancel…"), permissions=["act"])
def cancel(model_admin: JobAdmin, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
    chosen = list(queryset)
    asked = model_admin.ask_first(request, model_admin.acts["cancel"], chosen)
    if asked is None:
        _each(model_admin, request, chosen, CANCEL, CANCELLED)
    return asked


def before_cancel(_request: HttpRequest, model_admin: JobAdmin, chosen: Sequence[Any]) -> Question | None:
    """Of one that has ended there is nothing to ask: it only says so."""
    unfinished = [job for job in chosen if job.finished_at is None]
    if not unfinished:
        return None
    sentences = [
        f"{model_admin.title_of(job)}: {model_admin.summary(job)}." for job in unfinished[:MOST_SHOWN]
    ]
    if more := len(unfinished) - len(sentences):
        sentences.append(ngettext("And %(count)s more.", "And %(count)s more.", more) % {"count": more})
    no_way_back = _("What is cancelled cannot be resumed; to hold it up for a while, pause it.")
    return Question(
        model_admin.cancel_title(len(unfinished)),
        (*sentences, str(model_admin.cancel_note), no_way_back),
        _("Yes, cancel"),
    )


def _one(
    request: HttpRequest, model_admin: JobAdmin, job: Any, *, act: Callable[[Any], None], done: Done
) -> None:
    _each(model_admin, request, [job], act, done)


def _each(
    model_admin: JobAdmin, request: HttpRequest, chosen: Iterable[Any], act: Callable[[Any], None], done: Done
) -> None:
    names = []
    for job in chosen:
        name = model_admin.name_of(job)
        try:
            act(job)
            names.append(name)
        except JobEnded as error:
            text = _("%(name)s: %(error)s.") % {"name": name[:1].upper() + name[1:], "error": error}
            model_admin.say(request, text, warning=True)
    if names:
        model_admin.say(request, done.said % {"names": ", ".join(names)})


class JobAdmin(ActingAdmin, ReadOnly, BoundedAdmin):
    """A list of jobs, and the page of each.

    `about` says what they are for, `cancel_note` what becomes of what is done already. What cannot be resumed
    is asked about before it is cancelled.
    """

    change_list_template = "admin/tracsync/jobs/list.html"
    panel_template = "admin/tracsync/jobs/panel.html"
    actions = (pause, resume, cancel)
    acts: Mapping[str, Act] = {
        "pause": Act(partial(_one, act=Job.pause, done=PAUSED)),
        "resume": Act(partial(_one, act=Job.resume, done=RESUMED)),
        "cancel": Act(partial(_one, act=CANCEL, done=CANCELLED), before_cancel),
    }
    is_live_as_a_whole = True
    pause_help: Any = gettext_lazy("Do nothing further until it is resumed.")
    about: Any = ""
    cancel_note: Any = ""

    def progress_of(self, job: Any) -> jobs.Progress:
        raise NotImplementedError

    def offered(self, job: Any) -> Iterable[str]:
        """The names of what may be done with it now."""
        return OFFERED.get(State(job.state), ())

    def rate_words(self, job: Any, rate: float) -> str:
        return _("%(count)s a second") % {"count": grouped(rate)}

    def moves(self, job: Any) -> bool:
        """Whether it is worked on, or was: only then it has got somewhere."""
        return True

    def next_step(self, job: Any) -> tuple[str, str]:
        """What somebody is to do before it goes on, and where; blank where it needs nobody."""
        return "", ""

    def cancel_title(self, count: int) -> str:
        """The question whether to cancel so many."""
        raise NotImplementedError

    def shown(self, request: HttpRequest, job: Any) -> ShownJob:
        progress, offered = self.progress_of(job), tuple(self.offered(job))
        may_act = self.has_act_permission(request, job)
        next_label, next_url = self.next_step(job) if may_act else ("", "")
        return ShownJob(
            title=self.title_of(job),
            url=self.url("change", job),
            stage=job.stage,
            state=job.state_words,
            progress=progress,
            rate="" if progress.rate is None else self.rate_words(job, progress.rate),
            left="" if progress.left is None else duration(progress.left),
            moves=self.moves(job),
            next_label=next_label,
            next_url=next_url,
            buttons=tuple(self._button(name, job) for name in offered if name != "cancel") if may_act else (),
            cancel=self._button("cancel", job) if may_act and "cancel" in offered else None,
        )

    def _button(self, name: str, job: Any) -> Button:
        labels = {
            "pause": (_("Pause"), str(self.pause_help)),
            "resume": (_("Resume"), _("Go on where it was paused.")),
            "cancel": (_("Cancel…"), _("It asks first.")),
        }
        label, help = labels[name]
        return Button(label, self.url(name, job), help)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return super().changelist_view(request, {**(extra_context or {}), "about": self.about})

    def panel(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        no_worker = obj.finished_at is None and not loop.is_alive()
        announced = f"{self.title_of(obj)}: {obj.state_words}"
        return {"job": self.shown(request, obj), "no_worker": no_worker, "announced": announced}

    def live(self, job: Any) -> int:
        """One that waits is gone on with by a person, perhaps on another page."""
        if job.finished_at is not None:
            return 0
        return WORKING if "pause" in self.offered(job) else STEADY

    def name_of(self, job: Any) -> str:
        return f"{self.opts.verbose_name} {job.pk}"

    @admin.display(description=gettext_lazy("state"))
    def state(self, job: Any) -> str:
        return str(job.state_words)

    @admin.display(description=gettext_lazy("progress"))
    def progress(self, job: Any) -> str:
        if not self.moves(job):
            return "-"
        percent = self.progress_of(job).percent
        label = _("progress of %(name)s") % {"name": self.name_of(job)}
        html = '<progress max="100" value="{}" aria-label="{}"></progress> {}\u00a0%'
        return format_html(html, percent, label, percent)

    @admin.display(description=gettext_lazy("how far it is"))
    def summary(self, job: Any) -> str:
        return self.progress_of(job).summary

    @admin.display(description=gettext_lazy("rate"))
    def rate(self, job: Any) -> str:
        rate = self.progress_of(job).rate
        return "-" if rate is None else self.rate_words(job, rate)

    @admin.display(description=gettext_lazy("time left"))
    def left(self, job: Any) -> str:
        left = self.progress_of(job).left
        return "-" if left is None else _("about %(left)s") % {"left": duration(left)}

    @admin.display(description=gettext_lazy("done"))
    def count(self, job: Any) -> str:
        return str(job.amount)

    @admin.display(description=gettext_lazy("requested"))
    def requested(self, job: Any) -> str:
        when = shown(job.created_at)
        return format_html(_("{at} by {who}"), at=when, who=job.asked_by) if job.asked_by else when

    @admin.display(description=gettext_lazy("finished"))
    def finished(self, job: Any) -> str:
        return shown(job.finished_at, _("not yet"))


def unfinished_jobs(request: HttpRequest, destination: Destination | None = None) -> list[ShownJob]:
    """Imports, backfills and replays that are under way or wait for somebody, if the user may see them.

    Or those at one destination, for whoever may see that. `admin/tracsync/jobs/unfinished_jobs.html` shows
    them wherever it is included, as `jobs`.
    """
    pages = [page for page in admin.site._registry.values() if isinstance(page, JobAdmin)]
    return [
        page.shown(request, job)
        for page in pages
        for job in _visible(page, request, destination).filter(finished_at=None).order_by("pk")[:MOST_SHOWN]
    ]


def _visible(page: JobAdmin, request: HttpRequest, destination: Destination | None) -> QuerySet[Any]:
    jobs = page.get_queryset(request)
    if destination is None:
        return jobs if page.has_view_permission(request) else jobs.none()
    return jobs.filter(destination=destination) if hasattr(page.model, "destination") else jobs.none()


def work_view(request: HttpRequest) -> TemplateResponse:
    """All that is under way, on a page of its own."""
    shown = unfinished_jobs(request)
    context = {
        **admin.site.each_context(request),
        "title": _("Work under way"),
        "live": WORKING if shown else STEADY,
        "announced": "" if shown else _("Nothing is under way."),
        "jobs": shown,
        "is_page": True,
        "no_worker": bool(shown) and not loop.is_alive(),
    }
    return TemplateResponse(request, "admin/tracsync/jobs/work.html", context)
