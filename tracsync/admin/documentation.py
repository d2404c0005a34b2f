"""The pages of docs/ within the admin, so that help needs nothing from the internet, and where it is.

They are ours, yet nothing in them is trusted: raw HTML is shown as text.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
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
    "destinations_destination": "admin#your-first-destination",
    "destinations_destination_add": "admin#your-first-destination",
    "destinations_destination_change": "admin#writing-prerequisites-and-mappings",
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
    "destinations_resource": "connectors",
    "destinations_extension": "admin#the-gallery",
    "profiles_profile": "admin#why-was-this-customer-not-sent",
    "profiles_importjob": "admin#importing-a-file",
    "profiles_profile_add": "admin#editing-a-profile",
    "tracsync_apitoken": "api#a-token",
    "auth": "admin#who-may-do-what",
    "preferences": "admin#language-and-time-zone",
}
_LINK = re.compile(r"(?P<page>[a-z-]+)\.md(?P<anchor>#[^\s]*)?")


@dataclass(frozen=True, slots=True)
class Heading:
    level: int
    text: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Page:
    title: str
    html: SafeString
    headings: tuple[Heading, ...]


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


def read(name: str) -> Page:
    """Raises KeyError where there is no such page: only names that were listed become paths."""
    if name not in names():
        raise KeyError(name)
    path = DIRECTORY / f"{name}.md"
    return _rendered(path, path.stat().st_mtime)


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
    pages = [(name, read(name).title) for name in names()]
    context |= {"title": shown.title, "page": shown, "name": page, "pages": pages}
    return TemplateResponse(request, "admin/tracsync/site/documentation.html", context)


@cache
def _rendered(path: Path, _changed_at: float) -> Page:
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(path.read_text(encoding="utf-8"))
    headings = tuple(_headings(tokens))
    for token in tokens:
        _adapt(token)
        _link(token.children or [])
    html = markdown.renderer.render(tokens, markdown.options, {})
    return Page(headings[0].text if headings else path.stem, mark_safe(html), headings)  # noqa: S308


def _headings(tokens: list[Token]) -> list[Heading]:
    """All of them; each gets an anchor, named as GitHub does it."""
    found: list[Heading] = []
    for token, inside in itertools.pairwise(tokens):
        if token.type == "heading_open":
            text = "".join(part.content for part in inside.children or ())
            anchor = re.sub(r"[^\w\- ]", "", text.lower()).strip().replace(" ", "-")
            token.attrSet("id", anchor)
            found.append(Heading(int(token.tag[1:]), text, anchor))
    return found


def _adapt(token: Token) -> None:
    """Alignment is a class, as inline styles are forbidden here; code is shown without its language."""
    if style := token.attrs.pop("style", ""):
        token.attrJoin("class", f"tracsync-{str(style).rpartition(':')[2].strip()}")
    if token.type == "fence":
        token.type = "code_block"
    if token.type in ("code_block", "table_open"):
        token.attrSet("tabindex", "0")  # they scroll, by keyboard as well


def _link(tokens: list[Token]) -> None:
    """Links lead to our pages; those to other files of the project are only text."""
    hidden = False
    for token in tokens:
        address = str(token.attrs.get("href", ""))
        if link := _LINK.fullmatch(address):
            token.attrs["href"] = f"../{link['page']}/{link['anchor'] or ''}"
        if token.type == "link_open":
            hidden = link is None and address.endswith(".md")
        token.hidden = hidden and token.type in ("link_open", "link_close")
