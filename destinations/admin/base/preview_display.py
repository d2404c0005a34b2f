"""A preview as pages show it, beside what was last accepted: values as JSON, long ones cut, and never more
than a page can hold."""

from __future__ import annotations

import json
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from destinations.configuration.history import LABELS
from destinations.insight import preview
from destinations.insight.checking import Warned
from destinations.insight.payloads import diff
from destinations.insight.payloads.diff import Comparison
from destinations.insight.payloads.held import Found
from destinations.insight.preview import Preview
from destinations.models import Destination
from profiles.models import Profile
from tracsync.common.encryption import UndecryptableValue, get_readable
from tracsync.common.translation import translated

MOST_PARTS = 100  # of one AND or OR
MOST_PLACES = 200
MOST_VALUE = 200  # characters of one value
MOST_WARNINGS = 20
MOST_TEXT = 20_000  # of a payload or a body


def judged(destination: Destination, profile: Profile) -> tuple[Preview, Comparison | None]:
    """A preview of any destination, also of one whose credentials no key opens: it says so."""
    try:
        shown = preview.preview(destination, profile.document)
    except UndecryptableValue as error:
        shown = Preview(None, None, "", None, None, [str(error)], [], [])
    return shown, diff.compared(destination, profile, shown)


def whole_destination(id: int) -> Destination:
    """With all that a preview needs; its settings are empty where no key opens them.

    Raises DoesNotExist, or OverflowError for an id that no database has.
    """
    rows = Destination.objects.select_related("resource", "health")
    try:
        found: Destination = get_readable(rows, pk=id)[0]
    except UndecryptableValue:  # the resource's
        found = rows.defer("settings", "resource__production", "resource__test").get(pk=id)
    return found


def in_a_word(found: Comparison) -> str:
    """Whether now and then are the same."""
    if found.equal is None:
        return _("now and then cannot be compared")
    return _("the same now") if found.equal else _("different now")


def readable(
    shown: Preview, comparison: Comparison | None = None, mistakes: tuple[str, ...] = ()
) -> dict[str, Any]:
    """`mistakes` are those of a form that is not saved: (what has them), which is then not shown."""
    is_unknown, mapping_is_broken = "prerequisites" in mistakes, "mapping" in mistakes
    request = {} if mapping_is_broken else shown.request or {}
    return {
        "mistakes": mistakes,
        "verdict": _verdict(shown, comparison, mistakes),
        "summary": _summary(shown, comparison, mistakes),
        "explanation": None if is_unknown or not shown.explanation else _explained(shown.explanation),
        "warnings": warned(shown.warnings),
        "errors": [] if mapping_is_broken else [translated(error) for error in shown.errors],
        "payload": "" if mapping_is_broken or shown.payload is None else _pretty(shown.payload),
        "places": [] if mapping_is_broken else [_place(one) for one in shown.places[:MOST_PLACES]],
        "more_places": max(0, len(shown.places) - MOST_PLACES),
        "missing": [] if mapping_is_broken else shown.missing[:MOST_PLACES],
        **readable_request(request),
        "comparison": None if mapping_is_broken else comparison,
    }


def warned(found: list[Warned]) -> list[str]:
    """What is probably not meant, in sentences."""
    return [f"{LABELS[one.field]}, {one.sentence}" for one in found[:MOST_WARNINGS]]


def _verdict(shown: Preview, comparison: Comparison | None, mistakes: tuple[str, ...]) -> tuple[str, str]:
    """What kind of answer it is, for its colour, and the answer."""
    if "prerequisites" in mistakes:
        return "error", _("The prerequisites have a mistake")
    if shown.met is False and shown.operation:
        return "error" if shown.errors else "sent", _("Would be removed")
    if shown.met is False:
        return "skipped", _("Would not be sent")
    if "mapping" in mistakes:
        return "error", _("The mapping has a mistake")
    if shown.met is None or shown.errors:
        return "error", _("Cannot be sent")
    if comparison is not None and comparison.equal:
        return "unchanged", _("Nothing new to send")
    return "sent", _("Would be sent")


def _summary(shown: Preview, comparison: Comparison | None, mistakes: tuple[str, ...]) -> str:
    """Why, in a sentence or two."""
    if "prerequisites" in mistakes:
        return _("Whom it is for is not known until it is mended; the rest is shown as for everybody.")
    if shown.met is None:
        return ""
    why = translated(shown.summary) if shown.met is False else _("The prerequisites are met")
    if shown.met and shown.explanation is None:
        why = _("There are no prerequisites, so everybody is sent")
    sentences = [f"{why[0].upper()}{why[1:]}."]
    if shown.met and comparison is not None and "mapping" not in mistakes:
        sentences.append(comparison.sentence)
    return " ".join(sentences)


def _explained(part: dict[str, Any]) -> dict[str, Any]:
    return {
        **part,
        "shown_result": _RESULTS[part["result"]],
        "message": translated(part["message"]),
        "text": _cut(part["text"], MOST_VALUE),
        "values": [{**seen, "shown": _short(seen["value"])} for seen in part["values"][:MOST_PARTS]],
        "children": [_explained(child) for child in part["children"][:MOST_PARTS]],
        "left_out": max(0, len(part["children"]) - MOST_PARTS),
    }


_ORIGINS = {
    "constant": gettext_lazy("fixed in the mapping"),
    "object": gettext_lazy("an empty object"),
    "list": gettext_lazy("an empty list"),
}
_RESULTS = {
    "true": gettext_lazy("true"),
    "false": gettext_lazy("false"),
    "error": gettext_lazy("error"),
    "not reached": gettext_lazy("not reached"),
}


def readable_found(found: Found) -> dict[str, Any]:
    """What a destination holds of a profile, for a page."""
    return {
        "there": found.there,
        "problem": translated(found.problem),
        "held": _pretty(found.held),
        "compared": found.there is True,
        "differences": [
            {"field": one.field, "held": _short(one.held), "made": _short(one.made)}
            for one in found.differences[:MOST_PARTS]
        ],
        "left_out": max(0, len(found.differences) - MOST_PARTS),
    }


def _place(place: dict[str, Any]) -> dict[str, Any]:
    """One row: where, what, and where from."""
    seen = [
        {**one, "shown": _short(one["value"])}
        for one in place["values"][:MOST_PARTS]
        if one["text"] != place["source"]
    ]
    return {
        "path": place["path"].removeprefix("$.") or "$",
        "outcome": place["outcome"],
        "shown": _short(place["value"]),
        "source": _cut(place["source"], MOST_VALUE),
        "words": _ORIGINS.get(place["origin"], "") if not place["source"] else "",
        "cast": place["cast"],
        "seen": seen if place["origin"] in ("formula", "text") else [],
        "missing": place["missing"],
        "because": [_cut(translated(reason), MOST_VALUE) for reason in place["because"]],
        "message": translated(place["message"]),
    }


def readable_request(request: dict[str, Any]) -> dict[str, Any]:
    """The first line, the headers and the body of what HTTP calls a request; the rest by name."""
    rest = dict(request)
    line = " ".join(str(rest.pop(name)) for name in ("method", "url") if rest.get(name))
    headers = rest.pop("headers", None) or {}
    body = rest.pop("body", None)
    return {
        "has_request": bool(request),
        "request_line": line,
        "headers": list(headers.items()) if isinstance(headers, dict) else [],
        "request": [(name.replace("_", " "), _pretty(value)) for name, value in rest.items()],
        "body": "" if body is None else _pretty(body),
    }


def _short(value: Any) -> str:
    """As JSON, so that "1" is not 1."""
    return _cut(json.dumps(value, ensure_ascii=False, default=str), MOST_VALUE)


def _pretty(value: Any) -> str:
    if not isinstance(value, str):
        value = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return _cut(value, MOST_TEXT)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
