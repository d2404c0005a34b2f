"""Small parts of pages that Python and templates make alike: icons and badges."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.templatetags.static import static
from django.utils.html import format_html


def icon(name: str) -> str:
    """One of `icons.svg`, for the eye only: words stand beside it or in a label."""
    html = '<svg class="t-icon" aria-hidden="true"><use href="{}#i-{}"></use></svg>'
    return format_html(html, _sprite(), name)


@cache
def _sprite() -> str:
    """A list asks for it hundreds of times."""
    return static("tracsync/icons.svg")


def badge(kind: str, label: Any) -> str:
    """A state in one word. `kind`: fine, working, needs, stopped or off."""
    html = '<span class="t-badge is-{}">{}{}</span>'
    return format_html(html, kind, icon("check" if kind == "fine" else kind), label)
