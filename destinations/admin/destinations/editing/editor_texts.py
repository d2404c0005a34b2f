"""What the editors of conditions and mappings say. The page brings it along: they know no languages."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _


def editor_texts() -> dict[str, Any]:
    return {
        # Before the place of what is no mistake, and probably not meant.
        "warning": _("Warning,"),
        # Of a mistake. {line}, {column}, {hint} and {pieces} are put in by the editor.
        "place": _("Line {line}, column {column}:"),
        "hint": _("Hint: {hint}"),
        "possible": _("Possible here: {pieces}."),
        # Of a path: in how many of the profiles that were looked at it was seen.
        "seen": _("in {seen} of {profiles}"),
        # Of a fixed value.
        "choice": _("a value that it takes"),
        # Of what stands for the items of lists.
        "item": _("the item that is looked at"),
        "index": _("its number, from 0"),
        "number": _("its number, from 1"),
        "keys": [
            ["Ctrl-Space", _("suggests")],
            ["Tab", _("takes a suggestion")],
            [_("Esc, Tab"), _("leaves the editor")],
        ],
        "directives": {
            "$formula": _("what a function gives"),
            "$if": _("one thing or another: then, else"),
            "$lookup": _("a small table: in, else"),
            "$map": _("a list of objects: to, where, as"),
            "$literal": _("as it stands"),
        },
        # Of CodeMirror itself.
        "phrases": {
            "Completions": _("Suggestions"),
            "Diagnostics": _("Mistakes"),
            "No diagnostics": _("No mistakes"),
            "close": _("close"),
        },
    }
