"""The visual language on one page, for those who build pages."""

from __future__ import annotations

import re
from typing import Any

from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

BADGES = (
    ("fine", gettext_lazy("Fine")),
    ("working", gettext_lazy("Catching up")),
    ("needs", gettext_lazy("Needs you")),
    ("stopped", gettext_lazy("Stopped")),
    ("off", gettext_lazy("Off")),
)
TOKENS = (
    ("--text-xs -s -m -l -xl -2xl", gettext_lazy("12, 13, 14, 16, 20 and 26 px; text is 14")),
    ("--space-1 … -7", gettext_lazy("4, 8, 12, 16, 24, 32 and 48 px; 16 within a card, 24 between cards")),
    ("--canvas --body-bg --darkened-bg", gettext_lazy("the page, a card, what is sunk")),
    ("--body-loud-color --body-fg --body-quiet-color", gettext_lazy("titles, text, what stands beside it")),
    ("--fine-* --working-* --needs-* --stopped-* --off-*", gettext_lazy("states: words, ground, mark")),
    ("--radius --radius-card", gettext_lazy("corners of controls and of cards")),
)


def view(request: HttpRequest, **context: Any) -> HttpResponse:
    context |= {"title": _("Style guide"), "badges": BADGES, "tokens": TOKENS, "icons": _icons()}
    return TemplateResponse(request, "admin/tracsync/site/style_guide.html", context)


def _icons() -> list[str]:
    with open(str(finders.find("tracsync/icons.svg")), encoding="utf-8") as file:
        return re.findall(r'<symbol id="i-([a-z]+)"', file.read())
