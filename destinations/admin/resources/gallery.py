"""The catalogue as a gallery: what can be sent to, for people who look for their system."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from destinations.admin.base.object_actions import ActingAdmin
from destinations.configuration import catalogue
from destinations.connectors import introduction, registry
from destinations.connectors.introduction import KINDS
from destinations.models import Extension
from tracsync.common.translation import translated

ABILITIES = {
    "updates": (gettext_lazy("updates"), gettext_lazy("what it has of a profile that changes")),
    "sends": (gettext_lazy("sends"), gettext_lazy("a message for each change")),
    "removes": (gettext_lazy("removes"), gettext_lazy("who no longer qualifies")),
    "batches": (gettext_lazy("batches"), gettext_lazy("many profiles in one call")),
    "reads": (gettext_lazy("reads back"), gettext_lazy("what it holds of a profile")),
}


@dataclass(frozen=True, slots=True)
class Card:
    """A system as people see it. `problem`: why it cannot be used; `in_use`: how many resources it has."""

    slug: str
    name: str
    about: str
    icon: SafeString
    kind: str
    can: list[Any]
    release: str
    origin: str
    problem: str
    installed: bool
    in_use: int = 0
    url: str = ""

    @property
    def state(self) -> str:
        if self.problem:
            return _("cannot be used")
        if self.in_use:
            count = self.in_use
            return ngettext("%(count)s resource", "%(count)s resources", count) % {"count": count}
        return _("installed") if self.installed else ""

    def fits(self, words: list[str]) -> bool:
        """Whether all of the words, in small letters, stand somewhere in what is said of it."""
        said = " ".join((self.name, self.slug, self.about, translated(KINDS[self.kind]))).casefold()  # type: ignore[index]
        return all(word in said for word in words)


@dataclass(slots=True)
class Section:
    kind: str
    title: str
    cards: list[Card] = field(default_factory=list)


def card(extension: Extension, in_use: int = 0) -> Card:
    connector = registry.find(extension.pk)
    found = registry.origin(extension.pk)
    return Card(
        slug=extension.pk,
        name=extension.name,
        about=translated(extension.description),
        icon=mark_safe(introduction.icon_of(connector)),  # noqa: S308 - plain shapes and nothing else
        kind=introduction.kind_of(connector),
        can=[ABILITIES[one][0] for one in introduction.can(connector)] if connector else [],
        release=found.release if found else "",
        origin=origin(extension),
        problem="" if connector else translated(registry.problem(extension.pk)),
        installed=extension.installed,
        in_use=in_use,
        url=reverse("admin:destinations_extension_change", args=[extension.pk]),
    )


def origin(extension: Extension) -> str:
    """Where its connector comes from, in words."""
    found = registry.origin(extension.pk)
    if found is None:
        return _("nowhere: its package or file is gone")
    words = {
        "tracsync": "tracsync",
        "package": _("package %(name)s"),
        "folder": _("%(name)s in the folder of connectors"),
    }
    return words[found.kind] % {"name": found.where}


def page(request: HttpRequest, model_admin: ActingAdmin) -> HttpResponse:
    """Searched by `q` and narrowed to a `kind`; both may be nonsense."""
    asked, kind = request.GET.get("q", "").strip()[:100], request.GET.get("kind", "")
    words = asked.casefold().split()
    rows = (
        Extension.objects.exclude(catalogue.NEVER_USABLE).annotate(in_use=Count("resources")).order_by("name")
    )
    found = [one for row in rows if (one := card(row, row.in_use)).fits(words)]
    chosen = kind if kind in KINDS else ""
    shown = [one for one in found if one.kind == chosen] if chosen else found
    return model_admin.page(
        request,
        "resources/gallery.html",
        _("Where should profiles go?"),
        asked=asked,
        kind=chosen,
        kinds=_kinds(found, asked, chosen),
        sections=_sections(shown),
        count=len(shown),
        abilities=ABILITIES.values(),
        problems=[translated(one) for one in registry.problems()],
        table_url=reverse(f"admin:{model_admin.url_name('table')}"),
        manifests_url=reverse("admin:documentation", args=["manifests"]),
        http_api=reverse("admin:destinations_extension_change", args=["http_api"]),
    )


def _kinds(found: list[Card], asked: str, chosen: str) -> list[dict[str, Any]]:
    """Links that narrow to a kind and keep what was searched for; none that leads to nothing."""
    counts = {kind: sum(one.kind == kind for one in found) for kind in KINDS}
    offered = [("", _("All"), len(found))]
    offered += [(kind, translated(title), counts[kind]) for kind, title in KINDS.items() if counts[kind]]
    return [
        {
            "title": title,
            "count": count,
            "chosen": kind == chosen,
            "query": urlencode({name: value for name, value in (("q", asked), ("kind", kind)) if value}),
        }
        for kind, title, count in offered
    ]


def _sections(shown: list[Card]) -> list[Section]:
    sections = {kind: Section(kind, translated(title)) for kind, title in KINDS.items()}
    for one in shown:
        sections[one.kind].cards.append(one)  # type: ignore[index]
    return [one for one in sections.values() if one.cards]
