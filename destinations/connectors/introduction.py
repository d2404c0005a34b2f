"""What people see of a connector before they choose it: its kind, its icon, and what it can."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

from destinations.connectors.base import Connector
from tracsync.common.messages import message

Kind = Literal[
    "webhooks",
    "marketing",
    "crm",
    "advertising",
    "analytics",
    "messages",
    "databases",
    "files",
    "chat",
    "other",
]
Ability = Literal["updates", "sends", "removes", "batches", "reads"]

KINDS: Final[Mapping[Kind, str]] = {  # in the order in which they are shown
    "webhooks": message("Webhooks and APIs of any kind"),
    "marketing": message("Newsletters and campaigns"),
    "crm": message("Customer relations"),
    "advertising": message("Advertising"),
    "analytics": message("Analytics"),
    "messages": message("Messages, queues and streams"),
    "databases": message("Databases and search"),
    "files": message("Files"),
    "chat": message("Chat"),
    "other": message("Other systems"),
}
_SENT: Final = ("messages", "chat")  # a push is one more message there; elsewhere it replaces the one before


def kind_of(connector: Connector | None) -> Kind:
    """What kind of system it speaks to: its `kind`, "other" where it says none that is known."""
    kind: Any = getattr(connector, "kind", "other")
    return next((known for known in KINDS if known == kind), "other")


def can(connector: Connector) -> list[Ability]:
    """What it can with the settings that allow most."""
    is_batch = connector.batch_size > 1 or hasattr(connector, "batch_size_of")
    found: dict[Ability, bool] = {
        "updates": kind_of(connector) not in _SENT,
        "sends": kind_of(connector) in _SENT,
        "removes": bool({"remove", "erase"} & set(getattr(connector, "operations", ()))),
        "batches": is_batch,
        "reads": "read" in getattr(connector, "abilities", ()),
    }
    return [name for name, is_so in found.items() if is_so]


def icon_of(connector: Connector | None) -> str:
    """An SVG element that may stand in a page: its `icon` where that is a plain drawing, else one of ours."""
    icon = str(getattr(connector, "icon", ""))
    return icon if _DRAWING.fullmatch(icon) else _ANY


_ANY: Final = (
    '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round"'
    ' stroke-linejoin="round"><path d="M4 7h16v10H4zM4 12h16"/></svg>'
)
# Shapes only, and nothing that runs, loads, links or styles.
_ATTRIBUTES: Final = (
    r'(?:\s+(?:xmlns="http://www\.w3\.org/2000/svg"|(?:viewBox|fill|stroke|stroke-width|stroke-linecap|stroke-linejoin|fill-rule|opacity|transform|d'
    r'|points|cx|cy|r|rx|ry|x|y|x1|y1|x2|y2|width|height)="[^"<>&:]*"))*+\s*'
)
_SHAPE: Final = rf"<(?:path|circle|ellipse|rect|line|polyline|polygon){_ATTRIBUTES}/>|<g{_ATTRIBUTES}>|</g>"
_DRAWING: Final = re.compile(rf"<svg{_ATTRIBUTES}>(?:\s*(?:{_SHAPE}))*+\s*</svg>", re.ASCII)
