"""Forms that ask before they save: what was typed is carried along, sealed, and checked again at the end.

What was typed may hold secrets, so the page with the question holds it only encrypted, for the same user,
the same object and an hour. A form knows the revision that it was made of: when somebody else has saved
another one since, it asks, and says who has changed what.
"""

from __future__ import annotations

import time
from collections.abc import Container, Mapping
from typing import Any

from django.contrib.admin.utils import unquote
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.forms.utils import ErrorDict
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from destinations.admin.base.object_actions import ActingAdmin
from destinations.configuration import revisions
from destinations.configuration.revisions import Stale
from destinations.models import Destination, Resource
from tracsync.common import encryption
from tracsync.common.encryption import UndecryptableValue, get_readable

SEALED = "tracsync_sealed"
REVISION = "tracsync_revision"
BACK, OVER = "_back", "_over"
EXPIRES = 3600  # seconds
_ANSWER = "tracsync_answer"


class _Reopened:
    """A form that shows what was typed and is never saved; what is wrong with it is told when it is."""

    def is_valid(self) -> bool:
        return False

    @property
    def errors(self) -> ErrorDict:
        return ErrorDict()


class AsksBeforeSaving(ActingAdmin):
    """For the models whose rows have a revision."""

    def question(self, request: HttpRequest, stored: Any, form: Any) -> HttpResponse | None:
        """The page that asks about a valid form, or None to save at once. `stored` is None for a new one.

        The page posts `sealed(...)` as SEALED to the form's own address, and BACK to return to the form.
        """
        return None

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> Any:
        if request.method == "POST":
            try:
                answer = self._asked(request, object_id)
            except UndecryptableValue:  # of something that it uses; what follows says so
                answer = None
            if answer is not None:
                return answer
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except Stale:  # somebody was faster by less than it takes to save
            stored = self.stored_row(object_id)
            answer = self._ask(request, stored) if stored else None
            return answer or super().changeform_view(request, object_id, form_url, extra_context)

    def differences(self, stored: Any, draft: Any) -> tuple[list[str], list[tuple[Any, Any]]]:
        """What saving a draft would change: sentences, and the lines of long texts by their label."""
        raise NotImplementedError

    def live_panel(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """And who has saved it since the form was opened, so that it is known before somebody saves."""
        shown = super().live_panel(request, obj)
        revision = shown_revision(request) or _revision(request.GET.get(REVISION, "")) or obj.revision
        if shown["live_url"]:
            shown["live_url"] += f"?{REVISION}={revision}"
        if revision != obj.revision:
            shown["meanwhile"] = revisions.edits_since(obj, revision)
        return shown

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        if (obj := kwargs.get("obj")) is not None:
            context |= {"revision_name": REVISION, "revision": shown_revision(request) or obj.revision}
        return super().render_change_form(request, context, *args, **kwargs)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)
        return type(form)(form.__name__, (_Reopened, form), {}) if BACK in request.POST else form

    def sealed(
        self, request: HttpRequest, stored: Destination | Resource | None, typed: Mapping[str, Any]
    ) -> str:
        """What was typed, only for this user and object, as it is now. `typed`: lists of texts by name."""
        revision = {REVISION: [str(stored.revision)]} if stored else {}
        content = {"of": self._owner(request, stored), "at": time.time(), "typed": {**typed, **revision}}
        return encryption.encrypt(content)

    def stored_row(self, object_id: Any) -> Any:
        """A row of its own: validating a form writes into the one that it was given."""
        if object_id is None:
            return None
        key = unquote(object_id) if isinstance(object_id, str) else object_id
        try:
            return get_readable(self.model._default_manager.all(), pk=self.opts.pk.to_python(key))[0]
        except (self.model.DoesNotExist, ValueError, OverflowError, ValidationError):
            return None

    def _owner(self, request: HttpRequest, stored: Model | None) -> list[Any]:
        return [request.user.pk, self.opts.label_lower, stored.pk if stored else None]

    def _asked(self, request: HttpRequest, object_id: str | None) -> HttpResponse | None:
        """The question, or None to go on with `request.POST`, which is then what was typed."""
        stored = self.stored_row(object_id)
        if (stored is None and object_id is not None) or not self.may_save(request, stored):
            return None
        return self._answered(request, stored) if SEALED in request.POST else self._ask(request, stored)

    def _answered(self, request: HttpRequest, stored: Any) -> HttpResponse | None:
        content = self._opened(request, stored)
        if content is None:
            text = _("What you typed could not be read again, so nothing was saved. Please type it again.")
            self.say(request, text, warning=True)
            return redirect(request.get_full_path())
        answer, typed = request.POST, QueryDict(mutable=True)
        for name, values in content["typed"].items():
            typed.setlist(name, values)
        if BACK in answer:
            typed[BACK] = "yes"
        put_typed(request, typed)
        if BACK in answer:
            return None
        if time.time() - content["at"] > EXPIRES:
            text = _("Some time has passed. Nothing was saved yet: look again.")
            self.say(request, text, warning=True)
            return self._ask(request, stored)
        if OVER in answer or _is_stale(request, stored):
            return self._ask(request, stored)
        setattr(request, _ANSWER, answer)
        return None

    def _opened(self, request: HttpRequest, stored: Any) -> dict[str, Any] | None:
        try:
            content: dict[str, Any] = encryption.decrypt(request.POST[SEALED])
        except (UndecryptableValue, ValueError):
            return None
        return content if content.get("of") == self._owner(request, stored) else None

    def _ask(self, request: HttpRequest, stored: Any) -> HttpResponse | None:
        instance = self.stored_row(stored.pk) if stored else None
        form_class = self.get_form(request, instance, change=instance is not None)
        form = form_class(request.POST, request.FILES, instance=instance)
        if not form.is_valid():
            return None
        if _is_stale(request, stored):
            return self._tell(request, stored, form.instance)
        return self.question(request, stored, form)

    def _tell(self, request: HttpRequest, stored: Any, draft: Any) -> HttpResponse:
        """The page that says what others have changed since the form was opened."""
        sentences, parts = self.differences(stored, draft)
        return self.page(
            request,
            "base/changed_meanwhile.html",
            _("Changed meanwhile"),
            stored,
            edits=revisions.edits_since(stored, shown_revision(request) or 0),
            sentences=sentences,
            parts=parts,
            sealed=self.sealed(request, stored, dict(request.POST.lists())),
            names={"sealed": SEALED, "back": BACK, "over": OVER},
            action=request.get_full_path(),
        )


def reopen(request: HttpRequest) -> None:
    """Have the form shown again as it was posted."""
    typed = request.POST.copy()
    typed[BACK] = "yes"
    put_typed(request, typed)


def answer(request: HttpRequest) -> Container[str]:
    """The fields that answered the question about what is saved now; none where nothing was asked."""
    return getattr(request, _ANSWER, ())


def put_typed(request: HttpRequest, typed: QueryDict) -> None:
    """Go on as if this had been posted."""
    request.POST = typed  # type: ignore[assignment]  # what Django puts there is immutable


def shown_revision(request: HttpRequest) -> int | None:
    """The revision that the posted form was made of, for `configuration.save`; None for a new object."""
    return _revision(request.POST.get(REVISION, ""))


def _revision(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def _is_stale(request: HttpRequest, stored: Any) -> bool:
    revision = shown_revision(request)
    return stored is not None and revision is not None and revision != stored.revision
