"""Forms that ask before they save: what was typed is carried along, sealed, and checked again at the end.

What was typed may hold secrets, so the page with the question holds it only encrypted, for the same user,
the same object and an hour.
"""

from __future__ import annotations

import time
from collections.abc import Container, Mapping
from typing import Any

from django.contrib.admin.utils import unquote
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from destinations.admin.base.object_actions import ActingAdmin
from tracsync.common import encryption
from tracsync.common.encryption import UndecryptableValue, get_readable

SEALED = "tracsync_sealed"
BACK = "_back"
EXPIRES = 3600  # seconds
_ANSWER = "tracsync_answer"


class _Reopened:
    """A form that shows what was typed and is never saved."""

    def is_valid(self) -> bool:
        return False


class AsksBeforeSaving(ActingAdmin):
    """For the models whose rows say when they were updated."""

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
        return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)
        return type(form)(form.__name__, (_Reopened, form), {}) if BACK in request.POST else form

    def sealed(self, request: HttpRequest, stored: Model | None, typed: Mapping[str, Any]) -> str:
        """What was typed, only for this user and object, as it is now. `typed`: lists of texts by name."""
        content = {"of": self._owner(request, stored), "at": time.time(), "typed": dict(typed)}
        return encryption.encrypt({**content, "stamp": _stamp(stored)})

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
        if why := self._why_again(content, stored):
            self.say(request, why, warning=True)
            return self._ask(request, stored)
        setattr(request, _ANSWER, answer)
        return None

    def _opened(self, request: HttpRequest, stored: Any) -> dict[str, Any] | None:
        try:
            content: dict[str, Any] = encryption.decrypt(request.POST[SEALED])
        except (UndecryptableValue, ValueError):
            return None
        return content if content.get("of") == self._owner(request, stored) else None

    def _why_again(self, content: dict[str, Any], stored: Any) -> str:
        if content["stamp"] != _stamp(stored):
            return _("It was changed meanwhile by somebody else. Nothing was saved yet: look again.")
        if time.time() - content["at"] > EXPIRES:
            return _("Some time has passed. Nothing was saved yet: look again.")
        return ""

    def _ask(self, request: HttpRequest, stored: Any) -> HttpResponse | None:
        instance = self.stored_row(stored.pk) if stored else None
        form_class = self.get_form(request, instance, change=instance is not None)
        form = form_class(request.POST, request.FILES, instance=instance)
        return self.question(request, stored, form) if form.is_valid() else None


def answer(request: HttpRequest) -> Container[str]:
    """The fields that answered the question about what is saved now; none where nothing was asked."""
    return getattr(request, _ANSWER, ())


def put_typed(request: HttpRequest, typed: QueryDict) -> None:
    """Go on as if this had been posted."""
    request.POST = typed  # type: ignore[assignment]  # what Django puts there is immutable


def _stamp(stored: Any) -> str:
    return stored.updated_at.isoformat() if stored else ""
