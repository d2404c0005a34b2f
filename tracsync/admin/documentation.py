"""The pages of docs/ within the admin, so that help needs nothing from the internet, and where it is.

A page that is in `docs/LANGUAGE/`, too, is shown in that language; its headings keep the anchors of the
original, so that whatever leads to one does so in every language. They are ours, yet nothing in them is
trusted: raw HTML is shown as text.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tracsync.common import installation

DIRECTORY = installation.BASE_DIR / "docs"
FIRST = "admin"

# Which heading helps with which pages: by the name of a page, its model, its app.
TOPICS = {
    "": "admin",
    "index": "admin#home-is-it-working",
    "work": "admin#work-under-way",
    "search": "admin#finding-a-profile",
    "destinations_destination": "admin#your-first-destination",
    "destinations_destination_add": "admin#your-first-destination",
    "destinations_destination_change": "admin#whom-and-what-row-by-row",
    "destinations_destination_preview": "admin#the-live-preview",
    "destinations_destination_history": "admin#who-changed-what",
    "destinations_destination_restore": "admin#before-you-save",
    "destinations_destination_funnel": "admin#what-became-of-all-of-them-the-funnel",
    "destinations_destination_fields": "admin#fields-of-the-other-system",
    "destinations_destination_backfill": "operations#backfills",
    "destinations_profilesync": "concepts#states-of-a-profile-sync",
    "destinations_deliveryattempt": "admin#the-delivery-log",
    "destinations_deliveryattempt_again": "admin#recover-a-failed-day",
    "destinations_profilesync_again": "admin#recover-a-failed-day",
    "destinations_replay": "admin#recover-a-failed-day",
    "destinations_backfill": "operations#backfills",
    "destinations_audit": "operations#audits",
    "destinations_destination_audit": "operations#audits",
    "destinations_resource": "connectors",
    "destinations_extension": "admin#the-gallery",
    "profiles_profile": "admin#why-was-this-customer-not-sent",
    "profiles_importjob": "admin#importing-a-file",
    "profiles_indexjob": "admin#finding-a-profile",
    "profiles_profile_add": "admin#editing-a-profile",
    "tracsync_apitoken": "api#a-token",
    "tracsync_erasure": "privacy#erasing-a-person",
    "tracsync_trailentry": "trail",
    "tracsync_incident": "notices#incidents",
    "tracsync_noticechannel": "notices#channels",
    "tracsync_noticelimits": "notices#what-is-told",
    "your_notices": "notices#people",
    "auth": "admin#who-may-do-what",
    "second_factor": "access#a-second-factor",
    "password_change": "access#wrong-passwords",
    "preferences": "admin#language-and-time-zone",
    "settings": "admin#settings",
    "retention": "privacy#what-is-kept-how-long",
    "style_guide": "architecture#the-look-of-pages",
}
ORIGINAL = "en"
_LINK = re.compile(r"(?:\.\./)?(?P<page>[a-z-]+)\.md(?:#(?P<anchor>[^\s]*))?")
_SHOWN = ("text", "code_inline", "softbreak", "hardbreak")
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")


@dataclass(frozen=True, slots=True)
class Heading:
    level: int
    text: str
    anchor: str
    below: str
    """What stands below it, up to the next one, as plain text."""


@dataclass(frozen=True, slots=True)
class Page:
    title: str
    html: SafeString
    headings: tuple[Heading, ...]
    language: str


def topic(url_name: str) -> str:
    """The page and heading that help with a page of the admin, as `page#heading`."""
    while url_name not in TOPICS:
        url_name = url_name.rpartition("_")[0]
    return TOPICS[url_name]


def url(topic: str) -> str:
    page, mark, anchor = topic.partition("#")
    return f"{reverse('admin:documentation', args=[page])}{mark}{anchor}"


def names() -> list[str]:
    """Of all pages, the first one first."""
    return sorted((path.stem for path in DIRECTORY.glob("*.md")), key=lambda name: (name != FIRST, name))


def pages() -> list[tuple[str, Page]]:
    """All pages by name, as the reader's language has them."""
    return [(name, read(name)) for name in names()]


def read(name: str) -> Page:
    """In the language of the reader, where there is such a page in it.

    Raises KeyError where there is none at all: only names that were listed become paths.
    """
    if name not in names():
        raise KeyError(name)
    original, path = DIRECTORY / f"{name}.md", _path(name)
    return _rendered(path, original, path.stat().st_mtime, original.stat().st_mtime)


def of_system(slug: str) -> str:
    """The address of what is written about a connector; "" where nothing is."""
    for name in names():
        for heading in read(name).headings:
            if heading.text.endswith(f" ({slug})"):
                return url(f"{name}#{heading.anchor}")
    return ""


def view(request: HttpRequest, page: str = FIRST, **context: Any) -> HttpResponse:
    try:
        shown = read(page)
    except KeyError:
        raise Http404(_("There is no such page.")) from None
    context |= {"title": shown.title, "page": shown, "name": page, "pages": pages()}
    return TemplateResponse(request, "admin/tracsync/site/documentation.html", context)


def _path(name: str) -> Path:
    translated = DIRECTORY / (get_language() or ORIGINAL).partition("-")[0] / f"{name}.md"
    return translated if translated.is_file() else DIRECTORY / f"{name}.md"


@cache
def _rendered(path: Path, original: Path, _changed_at: float, _original_changed_at: float) -> Page:
    tokens = list(_with_real_heads(_MARKDOWN.parse(path.read_text(encoding="utf-8"))))
    language = ORIGINAL if path == original else path.parent.name
    headings = tuple(_headings(tokens))
    if path != original:
        firsts = _headings(_MARKDOWN.parse(original.read_text(encoding="utf-8")))
        headings = tuple(
            replace(heading, anchor=first.anchor) for heading, first in zip(headings, firsts, strict=True)
        )
    openings = (token for token in tokens if token.type == "heading_open")
    for token, heading in zip(openings, headings, strict=True):
        token.attrSet("id", heading.anchor)
    for token in tokens:
        _adapt(token)
        _link(token.children or [], path)
    html = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    title = headings[0].text if headings else path.stem
    return Page(title, mark_safe(html), headings, language)  # noqa: S308 - made of our own pages


def _headings(tokens: list[Token]) -> list[Heading]:
    """All of them; each has an anchor, named as GitHub does it."""
    starts = [place for place, token in enumerate(tokens) if token.type == "heading_open"]
    found: list[Heading] = []
    for start, end in itertools.pairwise([*starts, len(tokens)]):
        text = _text(tokens[start + 1])
        below = " ".join(filter(None, map(_text, tokens[start + 2 : end])))
        found.append(Heading(int(tokens[start].tag[1:]), text, _anchor(text), below))
    return found


def _anchor(text: str) -> str:
    return re.sub(r"[^\w\- ]", "", text.lower()).strip().replace(" ", "-")


def _with_real_heads(tokens: list[Token]) -> Iterator[Token]:
    """Markdown has no table without a head: one that says nothing is left out, and an empty corner heads
    nothing."""
    at = 0
    while at < len(tokens):
        head = _head(tokens, at)
        at += len(head) or 1
        if not head:
            yield tokens[at - 1]
        elif any(token.content for token in head):
            yield from head


def _head(tokens: list[Token], start: int) -> list[Token]:
    """The head of a table that begins here, if one does."""
    if tokens[start].type != "thead_open":
        return []
    end = next(at for at in range(start, len(tokens)) if tokens[at].type == "thead_close")
    head = tokens[start : end + 1]
    for opening, said, closing in zip(head, head[1:], head[2:], strict=False):
        if opening.type == "th_open" and not said.content:
            opening.tag = closing.tag = "td"
    return head


def _text(token: Token) -> str:
    """What a reader sees of it, on one line."""
    shown = (part.content if part.content else " " for part in token.children or () if part.type in _SHOWN)
    return " ".join(("".join(shown) if token.children else token.content).split())


def _adapt(token: Token) -> None:
    """Alignment is a class, as inline styles are forbidden here; code is shown without its language."""
    if style := token.attrs.pop("style", ""):
        token.attrJoin("class", f"tracsync-{str(style).rpartition(':')[2].strip()}")
    if token.type == "fence":
        token.type = "code_block"
    if token.type in ("code_block", "table_open"):
        token.attrSet("tabindex", "0")  # they scroll, by keyboard as well


def _link(tokens: list[Token], source: Path) -> None:
    """Links lead to our pages; those to other files of the project are only text."""
    hidden = False
    for token in tokens:
        address = str(token.attrs.get("href", ""))
        if link := _LINK.fullmatch(address):
            anchor = _original_anchor(source.parent / f"{link['page']}.md", unquote(link["anchor"] or ""))
            token.attrs["href"] = f"../{link['page']}/{anchor and f'#{anchor}'}"
        elif address.startswith("#"):
            token.attrs["href"] = f"#{_original_anchor(source, unquote(address[1:]))}"
        if token.type == "link_open":
            hidden = link is None and address.endswith(".md")
        token.hidden = hidden and token.type in ("link_open", "link_close")


def _original_anchor(page: Path, anchor: str) -> str:
    """Which one leads to the same heading of the original: GitHub names a translated one by its own text."""
    if not anchor or page.parent == DIRECTORY or not page.is_file():
        return anchor
    original = DIRECTORY / page.name
    known = _original_anchors(page, original, page.stat().st_mtime, original.stat().st_mtime)
    return known.get(anchor, anchor)


@lru_cache(64)
def _original_anchors(
    page: Path, original: Path, _changed_at: float, _original_changed_at: float
) -> dict[str, str]:
    ours, firsts = (_headings(_MARKDOWN.parse(path.read_text(encoding="utf-8"))) for path in (page, original))
    return {heading.anchor: first.anchor for heading, first in zip(ours, firsts, strict=True)}
