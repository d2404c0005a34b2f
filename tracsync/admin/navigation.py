"""Where everything is in the admin: sections by task, their pages, and what each page is titled.

The sidebar, the way back above a title, and the page of settings are made of this. A page is named as in
Django's addresses: `destinations_destination` stands for all pages of that model, `work` for one of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.contrib.admin.utils import quote
from django.db.models import Model
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

Text = str | Promise


@dataclass(frozen=True, slots=True)
class Page:
    """`title` is what its list is called, `about` what the page of settings says of it."""

    name: str
    label: Text
    title: Text = ""
    about: Text = ""
    of: str = ""  # one of our own pages: whoever sees a list of these models sees it, too
    url: str = ""
    is_current: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """`index` is the page that it leads to, where that is not its first one."""

    name: str
    label: Text
    icon: str
    pages: tuple[Page, ...]
    index: str = ""
    url: str = ""
    is_here: bool = False
    is_current: bool = False

    @property
    def choices(self) -> tuple[Page, ...]:
        """What stands below it in the sidebar; a section of one page is that page."""
        return self.pages if len(self.pages) > 1 or self.index else ()


HOME = Section("home", _("Home"), "home", (Page("index", _("Home")),))
SETTINGS = Section(
    "settings",
    _("Settings"),
    "settings",
    (
        Page(
            "auth_user",
            _("People"),
            _("People and what they may do"),
            _("Who may sign in, and what each of them may do."),
        ),
        Page(
            "auth_group",
            _("Roles"),
            _("Roles and what they may do"),
            _("What a role may do. Who has the role may do it."),
        ),
        Page(
            "tracsync_apitoken",
            _("API tokens"),
            _("Let programs use the API"),
            _("Programs that send profiles or read what became of them."),
        ),
        Page(
            "tracsync_noticechannel",
            _("Notice channels"),
            _("Who is told when something breaks"),
            _("Where notices go, and of what: e-mail, webhooks, Slack, Teams."),
        ),
        Page(
            "tracsync_noticelimits",
            _("Notice limits"),
            _("From when on delays and rejections are told"),
            _("How late or how often rejected, until somebody is told."),
        ),
        Page(
            "profiles_indexjob",
            _("Indexing"),
            _("How names and e-mail addresses are indexed"),
            _("How far names and e-mail addresses of profiles can be found."),
        ),
    ),
    index="settings",
)
SECTIONS = (
    HOME,
    Section(
        "destinations",
        _("Destinations"),
        "destinations",
        (Page("destinations_destination", _("Destinations"), _("Where profiles are sent")),),
    ),
    Section(
        "profiles",
        _("Profiles"),
        "profiles",
        (
            Page("profiles_profile", _("All profiles"), _("Find a profile")),
            Page("profiles_importjob", _("Imports"), _("Bring profiles in from files")),
        ),
    ),
    Section(
        "activity",
        _("Activity"),
        "activity",
        (
            Page("destinations_deliveryattempt", _("Delivery log"), _("What was sent, and what came of it")),
            Page("destinations_profilesync", _("State of profiles"), _("Where each profile stands")),
            Page(
                "work",
                _("Work under way"),
                of="profiles_importjob destinations_backfill destinations_replay destinations_audit",
            ),
            Page("destinations_backfill", _("Backfills"), _("Bring destinations up to date")),
            Page("destinations_replay", _("Replays"), _("Send chosen profiles again")),
            Page("destinations_audit", _("Audits"), _("Compare what systems hold")),
            Page("tracsync_incident", _("Incidents"), _("What broke, and who takes care of it")),
            Page("tracsync_erasure", _("Erasures"), _("Erase people, and see the receipts")),
            Page("tracsync_trailentry", _("Trail"), _("Who did what")),
        ),
    ),
    Section(
        "resources",
        _("Resources"),
        "resources",
        (
            Page("destinations_resource", _("Resources"), _("Systems that are sent to")),
            Page("destinations_extension", _("Extensions"), _("Find a system to send to")),
        ),
    ),
    SETTINGS,
)
OF_SETTINGS = (
    *("settings", "preferences", "your_notices", "password_change", "second_factor"),
    *("style_guide", "retention"),
)
KNOWN = {page.name: page for section in SECTIONS for page in section.pages}


def sections(request: HttpRequest, apps: Iterable[Mapping[str, Any]]) -> list[Section]:
    """Those that this person may use. `apps`: Django's list of what may be seen, with its addresses.

    What other packages register stands among the settings.
    """
    models = {
        f"{app['app_label']}_{model['object_name'].lower()}": model for app in apps for model in app["models"]
    }
    urls = {name: model["admin_url"] or model["add_url"] for name, model in models.items()}
    others = tuple(Page(name, model["name"]) for name, model in models.items() if name not in KNOWN)
    here = page_name(request)
    found = []
    for section in SECTIONS:
        pages = section.pages + (others if section is SETTINGS else ())
        shown = tuple(_placed(page, urls, here) for page in pages)
        found.append(_section(section, tuple(page for page in shown if page.url), here))
    return [section for section in found if section.url]


def _placed(page: Page, urls: Mapping[str, str | None], here: str) -> Page:
    url = urls.get(page.name) or ""
    if page.name == "index" or any(map(urls.get, page.of.split())):
        url = reverse(f"admin:{page.name}")
    return replace(page, url=url, is_current=is_page(here, page.name))


def _section(section: Section, pages: tuple[Page, ...], here: str) -> Section:
    is_index = bool(section.index) and here in OF_SETTINGS
    url = reverse(f"admin:{section.index}") if section.index else next((page.url for page in pages), "")
    is_here = is_index or any(page.is_current for page in pages)
    shown = replace(section, pages=pages, url=url, is_here=is_here)
    is_current = here == section.index if section.index else is_here and not shown.choices
    return replace(shown, is_current=is_current)


def page_name(request: HttpRequest) -> str:
    match = request.resolver_match
    return (match.url_name or "") if match else ""


def is_page(url_name: str, page: str) -> bool:
    """Whether an address's name is that of a page or of one below it."""
    return url_name == page or url_name.startswith(f"{page}_")


def title_of_list(opts: Any) -> str:
    """What a person does or learns in the list of a model."""
    page = KNOWN.get(f"{opts.app_label}_{opts.model_name}")
    return str(page.title if page else capfirst(opts.verbose_name_plural))


def way_to(request: HttpRequest, shown: Iterable[Section], obj: Any, obj_title: str) -> list[Page]:
    """The pages above this one: its section, its list, and its object where this is a page about one."""
    here = page_name(request)
    section = next((one for one in shown if one.is_here), None)
    if section is None:
        return []
    above = [Page(section.name, section.label, url=section.url)]
    above += [page for page in section.pages if page.is_current]
    if isinstance(obj, Model) and not here.endswith("_change"):
        above += _object(obj, obj_title)
    path = request.path
    urls: dict[str, Page] = {}
    for page in above:  # a section may lead to its first list
        urls[page.url] = urls.get(page.url) or page
    return [page for url, page in urls.items() if url != path]


def _object(obj: Model, title: str) -> list[Page]:
    name = f"{obj._meta.app_label}_{obj._meta.model_name}"
    try:
        url = reverse(f"admin:{name}_change", args=[quote(obj.pk)])
    except NoReverseMatch:  # it has no page of its own
        return []
    return [Page(name, title or str(obj), url=url)]
