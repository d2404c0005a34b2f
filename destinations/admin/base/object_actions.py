"""What the pages of objects have in common: buttons that do something, and questions before it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from destinations.admin.base.links import Link
from destinations.recorded import translated
from tracsync.common.encryption import UndecryptableValue, get_readable


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


CONFIRMED, CSRF = "confirmed", "csrfmiddlewaretoken"


class ActingAdmin(admin.ModelAdmin):
    """Object pages with buttons above the form.

    For each name in `acts` there is a method `act_<name>(request, obj)`, which is only called by a POST of
    somebody who may. It may answer a response; otherwise the object's page comes next. For each name in
    `views` there is a page of its own, `view_<name>(request, obj)`. What `question_before` asks comes
    first.
    """

    change_form_template = "admin/tracsync/base/change_form.html"
    acts: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    panel_template = ""

    def get_urls(self) -> list[Any]:
        return [*map(self._act_path, self.acts), *map(self._view_path, self.views), *super().get_urls()]

    def _act_path(self, name: str) -> Any:
        view = self.admin_site.admin_view(partial(self._act, name=name))
        return path(f"<path:object_id>/act/{name}/", view, name=self.url_name(name))

    def _view_path(self, name: str) -> Any:
        view = self.admin_site.admin_view(partial(self._view, name=name))
        return path(f"<path:object_id>/{name}/", view, name=self.url_name(name))

    def url_name(self, name: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{name}"

    def url(self, name: str, obj: Model) -> str:
        return reverse(f"admin:{self.url_name(name)}", args=[quote(obj.pk)])

    def has_act_permission(self, request: Any, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)

    def buttons(self, request: Any, obj: Any) -> Iterable[Button]:
        return ()

    def links(self, request: Any, obj: Any) -> Iterable[Link]:
        return ()

    def question_before(self, request: Any, name: str, chosen: Sequence[Any]) -> Question | None:
        """For an act or an action of this name with these objects; None for what can be undone."""
        return None

    def asked_first(self, request: Any, name: str, chosen: Sequence[Any]) -> HttpResponse | None:
        """The page that asks, where that has to be; it posts all that was posted again."""
        question = None if CONFIRMED in request.POST else self.question_before(request, name, chosen)
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

    def panel(self, request: Any, obj: Any) -> dict[str, Any]:
        """For the page, and for `panel_template` where there is one."""
        return {}

    def _act(self, request: Any, object_id: str, name: str) -> HttpResponse:
        obj = self._found(request, object_id)
        if not self.has_act_permission(request, obj):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        answer: HttpResponse | None = self.asked_first(request, name, [obj])
        answer = answer or self._if_readable(request, getattr(self, f"act_{name}"), obj)
        return answer or redirect(self.url("change", obj))

    def _view(self, request: Any, object_id: str, name: str) -> HttpResponse:
        obj = self._found(request, object_id)
        if not self.has_view_or_change_permission(request, obj):
            raise PermissionDenied
        answer: HttpResponse = self._if_readable(request, getattr(self, f"view_{name}"), obj)
        return answer

    def _found(self, request: Any, object_id: str) -> Any:
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            raise Http404
        return obj

    def get_object(self, request: Any, object_id: str, from_field: str | None = None) -> Any:
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

    def changeform_view(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return self._if_readable(request, super().changeform_view, *args, **kwargs)

    def delete_view(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return self._if_readable(request, super().delete_view, *args, **kwargs)

    def response_action(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return self._if_readable(request, super().response_action, *args, **kwargs)

    def _if_readable(self, request: Any, view: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """What the view answers; where no key opens something that the object uses, why, above the list."""
        try:
            return view(request, *args, **kwargs)
        except UndecryptableValue as error:
            text = _("It cannot be opened: %(reason)s.") % {"reason": translated(str(error))}
            self.say(request, text, warning=True)
            return redirect(f"admin:{self.url_name('changelist')}")

    def render_change_form(
        self,
        request: Any,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> Any:
        if obj is not None:
            may_act = self.has_act_permission(request, obj)
            context["buttons"] = self.buttons(request, obj) if may_act else ()
            context["links"] = self.links(request, obj)
            context["subtitle"] = self.title_of(obj)
            context |= {"panel_template": self.panel_template, **self.panel(request, obj)}
        return super().render_change_form(request, context, add, change, form_url, obj)

    def page(
        self, request: Any, template: str, title: str, obj: Any = None, **context: Any
    ) -> TemplateResponse:
        """A page of our own."""
        shared = {**self.admin_site.each_context(request), "title": title, "opts": self.opts}
        shared |= {"object": obj, "object_title": "" if obj is None else self.title_of(obj)}
        return TemplateResponse(request, f"admin/tracsync/{template}", {**shared, **context})

    def say(self, request: Any, text: Any, *, warning: bool = False) -> None:
        self.message_user(request, text, messages.WARNING if warning else messages.SUCCESS)


class ReadOnly(admin.ModelAdmin):
    """What the engine writes is looked at, not edited."""

    def has_add_permission(self, request: Any) -> bool:
        return False

    def has_change_permission(self, request: Any, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: Any, obj: Any = None) -> bool:
        return False


def in_english(text: Any) -> str:
    """For the history, which people of any language read: it is translated when it is shown."""
    with override("en"):
        return f"{text}."
