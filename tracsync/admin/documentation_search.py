"""Searching the pages of the documentation, in the language of the reader.

There is no index: the pages are half a megabyte, and held in memory once they were read.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from tracsync.admin import documentation

MOST_CHARACTERS = 100
MOST_WORDS = 8
MOST_RESULTS = 20
AROUND = 90  # characters of a snippet before and after the first word that was found

_WHOLE_IN_TITLE, _WHOLE_IN_HEADING, _MOST_MENTIONS = 20, 40, 3
_WORD = re.compile(r"\w[\w.@$-]*")
# Beginnings of words, in small letters without accents, that people ask by and pages are written with.
# Who asks by one finds the others.
_ALIKE = (
    ("spreadsheet", "excel", "csv", "xlsx", "tabellenkalkulation"),
    (
        "delet",
        "eras",
        "remov",
        "forget",
        "forgot",
        "gdpr",
        "dsgvo",
        "privacy",
        "losch",
        "vergess",
        "datenschutz",
    ),
    ("retry", "retries", "tried again", "try again", "replay", "resend", "send again", "sending again"),
    ("wiederhol", "erneut", "noch einmal", "nachsend", "nachhol"),
    ("slow", "how fast", "delay", "langsam", "wie schnell", "verzoger"),
    ("login", "log in", "logon", "sign in", "signing in", "einlog", "anmeld"),
    ("token", "api key", "api-key", "api-schlussel", "zugriffsschlussel"),
    ("unsubscrib", "opt out", "opt-out", "leaving", "leave", "abmeld", "abbestell", "verlass"),
    ("duplicat", "twice", "doppelt", "zweimal"),
    ("user", "role", "permission", "may do what", "benutzer", "rolle", "wer was darf"),
    ("upload", "import", "hochlad"),
    ("undo", "restor", "revert", "ruckgangig", "wiederherstell", "zurucknehm"),
)


@dataclass(frozen=True, slots=True)
class Result:
    page: str
    heading: str
    url: str
    snippet: SafeString
    language: str


def view(request: HttpRequest, **context: Any) -> HttpResponse:
    asked = request.GET.get("q", "").strip()[:MOST_CHARACTERS]
    context |= {
        "title": _("Search the documentation"),
        "query": asked,
        "results": find(asked),
        "pages": documentation.pages(),
    }
    return TemplateResponse(request, "admin/tracsync/site/documentation_search.html", context)


def find(asked: str) -> list[Result]:
    """The parts of pages in which all words of `asked` are, best first.

    A word, or another one for it, is found at the beginning of words, whatever its case and accents. In a
    heading it counts more than below it. The title of a page is part of all its parts, yet does not suffice.
    """
    patterns = [_pattern(word) for word in _words(_folded(asked))]
    if not patterns:
        return []
    ranked = sorted(
        _matches(patterns), key=lambda match: match[0], reverse=True
    )  # stable: equals in reading order
    return [_result(name, page, heading, patterns) for _, name, page, heading in ranked[:MOST_RESULTS]]


def _words(asked: str) -> list[str]:
    """What has a meaning together is one word."""
    together = [
        phrase for group in _ALIKE for phrase in group if " " in phrase and f" {phrase}" in f" {asked}"
    ]
    for phrase in together:
        asked = asked.replace(phrase, " ")
    return list(dict.fromkeys([*together, *_WORD.findall(asked)]))[:MOST_WORDS]


def _pattern(word: str) -> re.Pattern[str]:
    alike = [one for group in _ALIKE if any(map(word.startswith, group)) for one in group]
    beginnings = "|".join(map(re.escape, [word, *alike]))
    return re.compile(rf"(?<!\w)(?:{beginnings})(?P<rest>\w*)")


def _matches(
    patterns: list[re.Pattern[str]],
) -> Iterator[tuple[int, str, documentation.Page, documentation.Heading]]:
    for name, page in documentation.pages():
        for heading, (own, below) in zip(page.headings, _searched(page), strict=True):
            title = _folded(page.title)
            scores = [_score(pattern, title, own, below) for pattern in patterns]
            if all(scores) and any(pattern.search(f"{own} {below}") for pattern in patterns):
                yield sum(scores), name, page, heading


@lru_cache(64)
def _searched(page: documentation.Page) -> list[tuple[str, str]]:
    """Of each heading, itself and what stands below it, as they are compared."""
    return [(_folded(heading.text), _folded(heading.below)) for heading in page.headings]


def _score(pattern: re.Pattern[str], title: str, heading: str, below: str) -> int:
    mentions = min(len(pattern.findall(below)), _MOST_MENTIONS)
    return mentions + _found(pattern, title, _WHOLE_IN_TITLE) + _found(pattern, heading, _WHOLE_IN_HEADING)


def _found(pattern: re.Pattern[str], text: str, weight: int) -> int:
    """The weight for a whole word, half of it for the beginning of one."""
    rests = [match["rest"] for match in pattern.finditer(text)]
    return (weight if "" in rests else weight // 2) if rests else 0


def _result(
    name: str, page: documentation.Page, heading: documentation.Heading, patterns: list[re.Pattern[str]]
) -> Result:
    url = documentation.url(f"{name}#{heading.anchor}")
    return Result(page.title, heading.text, url, _snippet(heading.below, patterns), page.language)


def _snippet(text: str, patterns: list[re.Pattern[str]]) -> SafeString:
    """The text around the first word that was found, escaped, and what was found marked."""
    folded = _folded(text)
    found = sorted(match.span() for pattern in patterns for match in pattern.finditer(folded))
    start, end = _window(text, found[0][0] if found else 0)
    parts, place = [], start
    for first, last in found:
        if place <= first and last <= end:
            parts += [("", text[place:first]), ("mark", text[first:last])]
            place = last
    parts.append(("", text[place:end]))
    marked = format_html_join(
        "", "{}", ((format_html("<mark>{}</mark>", part) if kind else part,) for kind, part in parts)
    )
    return format_html("{}{}{}", "… " if start else "", marked, " …" if end < len(text) else "")


def _window(text: str, place: int) -> tuple[int, int]:
    """From where to where a snippet goes: whole words."""
    start, end = max(0, place - AROUND), min(len(text), place + AROUND)
    if start:
        start = text.find(" ", start, place) + 1 or place
    if end < len(text):
        end = max(text.rfind(" ", place, end), place) if " " in text[place:end] else end
    return start, end


def _folded(text: str) -> str:
    """In small letters without accents, and as long as `text`: places in one are places in the other."""
    if text.isascii():
        return text.lower()
    return "".join(
        small if len(small := unicodedata.normalize("NFD", letter)[0].lower()) == 1 else letter
        for letter in text
    )
