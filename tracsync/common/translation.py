"""Messages in the language of whoever reads them, and the field that stores them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import models
from django.utils.translation import get_language, gettext

from tracsync.common.messages import Message, pack, unpack, unsaid

MaySee = Callable[[], bool]
_may_see: ContextVar[MaySee | None] = ContextVar("tracsync_may_see", default=None)
# Of the notation's paths, such as profile@traits.email, none is an e-mail address.
_ADDRESS = re.compile(
    r"(?<![\w.+%-])(?!(?:profile|event|session|payload|memory|flow|item|answer|delivery|settings|credentials)@)"
    r"(\w)[\w.+%-]*(?:@|%40)(\w)[\w.-]*\.\w+"
)


def translated(text: str) -> str:
    """A message, in the language that is active, as far as whoever reads it may see it.

    Plain text is translated where it is, as a whole, what a template says; what other systems say, and what
    was stored before there were templates, is shown as it is.
    """
    text = _without_said(text)  # while it is known what is whose
    if text and get_language() not in (None, "en"):
        text = _rendered(text if isinstance(text, Message) else Message(text))
    return seen(text)


def list_separator() -> str:
    """What Excel in the reader's language takes for the end of a cell."""
    return ";" if get_language() == "de" else ","


@contextmanager
def read_by(may_see: MaySee | None) -> Iterator[None]:
    """Texts are made for somebody meanwhile; `may_see` says whether personal data are for him or her."""
    before = _may_see.set(may_see)
    try:
        yield
    finally:
        _may_see.reset(before)


def reader() -> MaySee | None:
    """For `read_by`, where texts are made later than asked for; None: the engine, which is nobody."""
    return _may_see.get()


def hides() -> bool:
    """Whether there is a reader who may not see personal data."""
    may_see = _may_see.get()
    return may_see is not None and not may_see()


def seen(text: str) -> str:
    """Where the reader may not see personal data, without what systems say and addresses in the rest.

    Connectors cut out of what systems say what these were sent; whom one knows by itself, of a record that is
    in the way, say, is left in it. So `answered 422: ***`, and `j***@k***` of an id that is an address there.
    """
    text = _without_said(text)
    if ("@" not in text and "%40" not in text) or not hides():
        return text
    return _ADDRESS.sub(r"\1***@\2***", text)


def _without_said(text: str) -> str:
    if not isinstance(text, Message) or not text.values or not hides():
        return text
    return unsaid(text, "***")


def _rendered(text: str) -> str:
    if not isinstance(text, Message):
        return text
    template = gettext(text.template)
    if isinstance(text.values, tuple):
        return template.join(map(_rendered, text.values)) if text.values else template
    return template % {name: _rendered(value) for name, value in text.values.items()}


class MessageField(models.TextField):
    """A message, or plain text. `shown` is the English text of it: `reason__shown__icontains`.

    In the database it is a text like any other, which `messages.pack` wrote.
    """

    def deconstruct(self) -> Any:
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.TextField", args, kwargs  # so that no migration writes the table anew

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        return None if value is None else unpack(value)

    def get_prep_value(self, value: Any) -> Any:
        """Without what databases refuse and servers do say: null characters, halves of surrogate pairs."""
        text = super().get_prep_value(value)
        return text and pack(text).encode("utf-8", "replace").decode().replace("\0", "\ufffd")


@MessageField.register_lookup
class Shown(models.Transform):
    lookup_name = "shown"
    template = "SPLIT_PART(%(expressions)s, CHR(30), 1)"
    output_field = models.TextField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "SUBSTR(%(expressions)s, 1, INSTR(%(expressions)s || CHAR(30), CHAR(30)) - 1)"
        return self.as_sql(compiler, connection, template=template, **context)
