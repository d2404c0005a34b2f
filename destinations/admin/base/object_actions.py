"""What the pages of objects have in common: buttons that do something, and questions before it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from destinations.admin.base import live
from destinations.admin.base.links import Link
from destinations.connectors.base import ConnectorError
from destinations.models import Destination, Resource
from tracsync.common.encryption import UndecryptableValue, get_readable
from tracsync.common.translation import translated


@dataclass(frozen=True, slots=True)
class Button:
    """Posts `fields` to `url`."""

    label: str
    url: str
    help: str = ""
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked before something that cannot be undone: what happens, in sentences, and the answer."""

    title: str
    sentences: tuple[str, ...]
    yes: str


def before_sending(profile: str, destination: str) -> Question:
    """Asked before the engine is told to send a profile, even what has not changed."""
    sentences = (
        _("Profile %(profile)s is sent to %(destination)s by the engine, in its order and recorded."),
        _("It is sent as it is now, even if it is unchanged, unless the prerequisites do not want it."),
        _("What was sent cannot be called back."),
    )
    names = {"profile": profile, "destination": destination}
    return Question(_("Send it for real?"), (sentences[0] % names, *sentences[1:]), _("Send it"))


@dataclass(frozen=True, slots=True)
class Act:
    """What a button of an object does, or is asked to do with several: a POST.

    `do(request, model_admin, obj)` may answer a response; otherwise the object's page comes next. What
    `question(request, model_admin, chosen)` asks comes first; it answers None for what can be undone.
    """

    do: Callable[..., HttpResponse | None]
    question: Callable[..., Question | None] | None = None


CONFIRMED, CSRF = "confirmed", "csrfmiddlewaretoken"


class ActingAdmin(admin.ModelAdmin):
    """Object pages with buttons above the form, and pages of their own below an object's page.

    `acts` are only called by a POST of somebody who may, and have the address `<id>/act/<name>/`. Each of
    `object_views` is called as `view(request, model_admin, obj)` for somebody who may see the object, and has
    the address `<id>/<name>/`. `route` is for other addresses.
    """

    change_form_template = "admin/tracsync/base/change_form.html"
    acts: Mapping[str, Act] = {}
    object_views: Mapping[str, Callable[..., HttpResponse]] = {}
    panel_template = ""
    is_live_as_a_whole = False

    def get_urls(self) -> list[URLPattern]:
        acts = {f"act/{name}": (name, partial(_act, act=act)) for name, act in self.acts.items()}
        object_views = {**self.object_views, "live": live_piece} if self.panel_template else self.object_views
        views = {name: (name, partial(_view, view=view)) for name, view in object_views.items()}
        own = [
            self.route(f"<path:object_id>/{place}/", view, name)
            for place, (name, view) in (acts | views).items()
        ]
        return [*own, *super().get_urls()]

    def route(self, route: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
        """An address of `view(request, model_admin=self, ...)`, which says itself who may call it."""
        wrapped = self.admin_site.admin_view(partial(view, model_admin=self))
        return path(route, wrapped, name=self.url_name(name))

    def url_name(self, name: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{name}"

    def url(self, name: str, obj: Model) -> str:
        return reverse(f"admin:{self.url_name(name)}", args=[quote(obj.pk)])

    def has_act_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)

    def may_save(self, request: HttpRequest, obj: Any) -> bool:
        """Whether somebody may change it, or add one where it is None."""
        return self.has_change_permission(request, obj) if obj else self.has_add_permission(request)

    def buttons(self, request: HttpRequest, obj: Any) -> Iterable[Button]:
        return ()

    def links(self, request: HttpRequest, obj: Any) -> Iterable[Link]:
        return ()

    def ask_first(self, request: HttpRequest, act: Act, chosen: Sequence[Any]) -> HttpResponse | None:
        """The page that asks, where that has to be; it posts all that was posted again."""
        if act.question is None or CONFIRMED in request.POST:
            return None
        question = act.question(request, self, chosen)
        if question is None:
            return None
        again = [(name, value) for name, values in request.POST.lists() for value in values]
        return self.page(
            request,
            "base/confirm.html",
            question.title,
            chosen[0] if len(chosen) == 1 else None,
            question=question,
            action=request.get_full_path(),
            again=[*((name, value) for name, value in again if name != CSRF), (CONFIRMED, "yes")],
            back_url=self.url("change", chosen[0]) if len(chosen) == 1 else "",
        )

    def title_of(self, obj: Any) -> str:
        """What people call it."""
        return str(obj)

    def panel(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """For the page, and for `panel_template` where there is one.

        `announced`: the news of it in a sentence, which screen readers are told when it changes.
        """
        return {}

    def live(self, obj: Any) -> int:
        """Seconds between two looks at the panel, or at the page where it `is_live_as_a_whole`, while that is
        open; 0 where nothing happens by itself."""
        return 0

    def live_panel(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """What stands above the form: buttons and the panel, and how they are asked for again."""
        seconds = self.live(obj)
        return {
            "buttons": list(self.buttons(request, obj)) if self.has_act_permission(request, obj) else [],
            "panel_template": self.panel_template,
            "live_every": seconds,
            "live_whole": self.is_live_as_a_whole,
            "live_url": self.url("live", obj) if seconds and self.panel_template else "",
            **self.panel(request, obj),
        }

    def found(self, request: HttpRequest, object_id: str) -> Any:
        """The object of an address. Raises Http404."""
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            raise Http404
        return obj

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """What no key opens is empty and said to be, so that it can be entered again."""
        if "\0" in object_id:  # PostgreSQL takes no such text
            return None
        try:
            return super().get_object(request, object_id, from_field)
        except UndecryptableValue as error:
            found, sealed = get_readable(self.get_queryset(request), pk=object_id)
            text = _("Enter again (%(fields)s): %(reason)s.")
            reason = translated(str(error))
            self.say(request, text % {"fields": ", ".join(sealed), "reason": reason}, warning=True)
            return found

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self.if_readable(request, super().changeform_view, *args, **kwargs)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self.if_readable(request, super().delete_view, *args, **kwargs)

    def response_action(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self.if_readable(request, super().response_action, *args, **kwargs)

    def if_readable(self, request: HttpRequest, view: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """What the view answers; where no key opens something that the object uses, why, above the list."""
        try:
            return view(request, *args, **kwargs)
        except UndecryptableValue as error:
            text = _("It cannot be opened: %(reason)s.") % {"reason": translated(str(error))}
            self.say(request, text, warning=True)
            return redirect(f"admin:{self.url_name('changelist')}")

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> Any:
        if obj is not None:
            context["links"] = self.links(request, obj)
            context["subtitle"] = self.title_of(obj)
            context |= self.live_panel(request, obj)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def page(
        self, request: HttpRequest, template: str, title: str, obj: Any = None, **context: Any
    ) -> TemplateResponse:
        """A page of our own."""
        shared = {**self.admin_site.each_context(request), "title": title, "opts": self.opts}
        shared |= {"object": obj, "object_title": "" if obj is None else self.title_of(obj)}
        return TemplateResponse(request, f"admin/tracsync/{template}", {**shared, **context})

    def say(self, request: HttpRequest, text: Any, *, warning: bool = False) -> None:
        if not live.is_look(request):
            self.message_user(request, text, messages.WARNING if warning else messages.SUCCESS)

    def say_if_outdated(self, request: HttpRequest, row: Destination | Resource) -> None:
        """Whether what an earlier version of its connector has stored cannot be used any more."""
        try:
            row.bring_up_to_date()
        except ConnectorError as error:
            text = _("%(name)s cannot be used: %(reason)s") % {
                "name": row,
                "reason": translated(str(error)),
            }
            self.say(request, text, warning=True)


def _act(request: HttpRequest, object_id: str, model_admin: ActingAdmin, act: Act) -> HttpResponse:
    obj = model_admin.found(request, object_id)
    if not model_admin.has_act_permission(request, obj):
        raise PermissionDenied
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    answer = model_admin.ask_first(request, act, [obj])
    answer = answer or model_admin.if_readable(request, act.do, model_admin, obj)
    return answer or redirect(model_admin.url("change", obj))


def _view(
    request: HttpRequest, object_id: str, model_admin: ActingAdmin, view: Callable[..., HttpResponse]
) -> HttpResponse:
    obj = model_admin.found(request, object_id)
    if not model_admin.has_view_or_change_permission(request, obj):
        raise PermissionDenied
    return model_admin.if_readable(request, view, model_admin, obj)


def live_piece(request: HttpRequest, model_admin: ActingAdmin, obj: Any) -> HttpResponse:
    """What stands above the form of a page that is open, as it is now."""
    shown = {**model_admin.live_panel(request, obj), "original": obj, "opts": model_admin.opts}
    return TemplateResponse(request, "admin/tracsync/base/live_panel.html", shown)


class ReadOnly(admin.ModelAdmin):
    """What the engine writes is looked at, not edited."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
