"""What the rows of conditions and mappings say. The page brings it along: they know no languages."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext


def rows_texts() -> dict[str, Any]:
    """Names in {braces} are put in by the rows."""
    return {
        "rows": pgettext("the way of editing", "Rows"),
        "text": pgettext("the way of editing", "Text"),
        "shown_as": _("Edit {name} as"),
        "refused": _("Rows cannot show this text: {reason}"),
        "away": _("The server did not answer. Nothing is lost: try again."),
        **_of_conditions(),
        **_of_mappings(),
        **_of_values(),
        **_of_evidence(),
    }


def _of_conditions() -> dict[str, Any]:
    return {
        "conditions": _("Conditions"),
        "inner_group": _("Inner group"),
        "join": _("How many of these have to be met"),
        "joins": {
            "all": _("All of these are met"),
            "any": _("Any of these is met"),
            "none": _("None of these is met"),
            "notall": _("Not all of these are met"),
        },
        "nothing": _("No condition: every profile is sent."),
        "nothing_in_group": _("No condition yet: the group does not count."),
        "add_condition": _("Add a condition"),
        "add_group": _("Add a group"),
        "remove": _("Remove this row"),
        "remove_group": _("Remove this group"),
        "field": _("Field"),
        "test": _("Comparison"),
        "tests": _tests(),
        "until": _("Up to"),
        "unit": _("Unit"),
        "units": {"m": _("minutes"), "h": _("hours"), "d": _("days"), "w": _("weeks")},
        "and": pgettext("between two numbers", "and"),
        "list_hint": _("Vienna, Graz"),
        "written": _("Part of the condition as text"),
    }


def _tests() -> list[tuple[str, list[tuple[str, str]]]]:
    return [
        (
            _("Equal"),
            [
                ("is", _("is")),
                ("is_not", _("is not")),
                ("one_of", _("is one of")),
                ("none_of", _("is none of")),
            ],
        ),
        (
            _("There at all"),
            [
                ("exists", _("exists")),
                ("not_exists", _("does not exist")),
                ("not_empty", _("is filled in")),
                ("empty", _("is empty")),
                ("null", _("is null")),
                ("not_null", _("is not null")),
            ],
        ),
        (
            _("Texts and lists"),
            [
                ("contains", _("contains")),
                ("not_contains", _("does not contain")),
                ("starts", _("starts with")),
                ("not_starts", _("does not start with")),
                ("ends", _("ends with")),
                ("not_ends", _("does not end with")),
            ],
        ),
        (
            _("Numbers"),
            [
                ("greater", _("is greater than")),
                ("at_least", _("is at least")),
                ("less", _("is less than")),
                ("at_most", _("is at most")),
                ("between", _("is between")),
            ],
        ),
        (
            _("Dates"),
            [
                ("last", _("is in the last")),
                ("next", _("is in the next")),
                ("longer_ago", _("is longer ago than")),
                ("later_than_ago", _("is less long ago than, or in the future")),
                ("before", _("is before")),
                ("from", _("is on or after")),
                ("until", _("is at or before the beginning of")),
                ("after", _("is after the beginning of")),
            ],
        ),
    ]


def _of_mappings() -> dict[str, Any]:
    return {
        "no_fields": _("No field yet: an empty object is sent."),
        "add_field": _("Add a field"),
        "also_knows": _("The other system also has"),
        "their_field": _("Their field"),
        "our_field": _("Our field"),
        "made_of": _("Made of"),
        "sources": {
            "field": _("our field"),
            "text": _("text with fields"),
            "fixed": _("fixed value"),
            "choice": _("choice"),
            "if": _("condition"),
            "object": _("own fields"),
            "formula": _("formula"),
            "json": _("JSON"),
        },
        "optional": _("optional"),
        "optional_why": _("Left out where there is no value. Otherwise it is sent as null."),
        "as": _("Sent as"),
        "casts": {
            "": _("as it is"),
            "number": _("as number"),
            "text": _("as text"),
            "date": _("as date"),
        },
        "pattern": _("How the date is written"),
        "patterns": [
            ("YYYY-MM-DD", "2026-01-31"),
            ("DD.MM.YYYY", "31.01.2026"),
            ("MM/DD/YYYY", "01/31/2026"),
            ("YYYYMMDD", "20260131"),
            ("YYYY-MM-DD[T]HH:mm:ss[Z]", "2026-01-31T23:30:00Z"),
        ],
        "text_with_fields": _("Text with fields"),
        "text_example": "Hello {{profile@name}}",
        "insert_field": _("Insert a field"),
        "formula": _("Formula"),
        "json": _("Value as JSON"),
        "if_it_is": _("if it is"),
        "if": pgettext("before a condition", "if"),
        "when": _("If our field is"),
        "then": pgettext("if it is this, then that", "then"),
        "otherwise": pgettext("if it is none of these", "otherwise"),
        "add_case": _("Add a case"),
        "remove_case": _("Remove this case"),
    }


def _of_values() -> dict[str, Any]:
    return {
        "value": _("Value"),
        "type": _("Kind of value"),
        "types": {
            "text": _("text"),
            "number": _("number"),
            "boolean": _("yes or no"),
            "field": _("our field"),
            "null": _("nothing"),
        },
        "yes": _("yes"),
        "no": _("no"),
        "stays_text": _("stays text"),
        "stays_text_why": _("Rows cannot show this part. It is kept as it is written; edit it here."),
    }


def _of_evidence() -> dict[str, str]:
    return {
        "share": _("{met} of {looked} profiles"),
        "share_of_some": _("{met} of {looked} profiles looked at"),
        "failed": _("fails for {failed}"),
        "sum": _("{met} of {total} profiles meet all of this and are sent."),
        "sum_of_some": _(
            "{met} of {looked} profiles picked at random meet all of this and are sent. There are {total}."
        ),
        "values_of": _("Values of profile {profile}"),
        "nothing_there": _("no value"),
        "left_out": _("left out"),
        "did_you_mean": _("Take {path}"),
    }
