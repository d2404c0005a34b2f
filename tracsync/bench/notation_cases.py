"""The same conditions and mappings in notation and written by hand, in two ways.

`safe` fails for no shape of a profile: every look-up asks whether it stands on an object. `trusting` takes
missing and null anywhere, and fails on a profile that has a text where an object should be. Both give the
same answers as the notation for every generated profile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from . import notation_safe as safe
from .notation_safe import MILLENNIUM, NAMES

Sources = Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    name: str
    notation: Any
    safe: Callable[[Sources], Any]
    trusting: Callable[[Sources], Any]


def _contactable(sources: Sources) -> bool:
    profile = sources["profile"]
    email = ((profile.get("data") or {}).get("contact") or {}).get("email") or {}
    if "business" not in email:
        return False
    visits = (profile.get("stats") or {}).get("visits")
    return (visits is not None and visits > 3) or (profile.get("traits") or {}).get("vip") is True


def _gold(sources: Sources) -> bool:
    profile = sources["profile"]
    if "gold" not in (profile.get("segments") or ()):
        return False
    if (profile.get("consents") or {}).get("marketing") is not True:
        return False
    email = (((profile.get("data") or {}).get("contact") or {}).get("email") or {}).get("main")
    return email is None or not email.endswith("@test.example")


def _regular(sources: Sources) -> bool:
    profile = sources["profile"]
    visits = (profile.get("stats") or {}).get("visits")
    if visits is None or not 5 <= visits <= 50:
        return False
    return ((profile.get("data") or {}).get("address") or {}).get("country") in ("PL", "DE", "FR")


def _nicknamed(sources: Sources) -> bool:
    traits = sources["profile"].get("traits") or {}
    nick = traits.get("nick")
    if nick is not None and nick.lower().startswith("a"):
        return True
    score = traits.get("score")
    return score is not None and score >= 0.75


def _grown_up(sources: Sources) -> bool:
    profile = sources["profile"]
    birthday = ((profile.get("data") or {}).get("pii") or {}).get("birthday")
    if birthday is None:
        return False
    born = datetime.fromisoformat(birthday)
    if (born if born.tzinfo else born.replace(tzinfo=UTC)) >= MILLENNIUM:
        return False
    return (profile.get("aux") or {}).get("utm.source") is not None


CONDITIONS = (
    Case(
        "presence and numbers",
        "profile@data.contact.email.business EXISTS"
        " AND (profile@stats.visits > 3 OR profile@traits.vip == true)",
        safe.contactable,
        _contactable,
    ),
    Case(
        "lists and texts",
        'profile@segments CONTAINS "gold" AND profile@consents.marketing == true'
        ' AND profile@data.contact.email.main NOT ENDS WITH "@test.example"',
        safe.gold,
        _gold,
    ),
    Case(
        "ranges",
        'profile@stats.visits BETWEEN 5 AND 50 AND profile@data.address.country IN ["PL", "DE", "FR"]',
        safe.regular,
        _regular,
    ),
    Case(
        "lower case",
        'lowercase(profile@traits.nick) STARTS WITH "a" OR profile@traits.score >= 0.75',
        safe.nicknamed,
        _nicknamed,
    ),
    Case(
        "dates",
        'datetime(profile@data.pii.birthday) < datetime("2000-01-01")'
        ' AND profile@aux["utm.source"] IS NOT NULL',
        safe.grown_up,
        _grown_up,
    ),
)

TEMPLATE: dict[str, Any] = {
    "id": "profile@id",
    "email": "profile@data.contact.email.main",
    "email_business?": "profile@data.contact.email.business",
    "phone?": "profile@data.contact.phone.mobile",
    "first_name": "profile@data.pii.firstname",
    "last_name": "profile@data.pii.lastname",
    "birthday": "profile@data.pii.birthday",
    "country": "profile@data.address.country",
    "town": "profile@data.address.town",
    "street": "profile@data.address.street",
    "visits": "profile@stats.visits",
    "views": "profile@stats.views",
    "score?": "profile@traits.score",
    "vip?": "profile@traits.vip",
    "nick": "profile@traits.nick",
    "tags": "profile@segments",
    "marketing": "profile@consents.marketing",
    "utm": 'profile@aux["utm.source"]',
    "seen": "profile@aux.first seen",
    "source": "tracsync",
}


def _mapped(sources: Sources) -> dict[str, Any]:
    profile = sources["profile"]
    data = profile.get("data") or {}
    contact, pii, address = data.get("contact") or {}, data.get("pii") or {}, data.get("address") or {}
    email, stats = contact.get("email") or {}, profile.get("stats") or {}
    traits, aux = profile.get("traits") or {}, profile.get("aux") or {}
    payload = {"id": profile.get("id"), "email": email.get("main")}
    if (business := email.get("business")) is not None:
        payload["email_business"] = business
    if (mobile := (contact.get("phone") or {}).get("mobile")) is not None:
        payload["phone"] = mobile
    payload["first_name"] = pii.get("firstname")
    payload["last_name"] = pii.get("lastname")
    payload["birthday"] = pii.get("birthday")
    payload["country"] = address.get("country")
    payload["town"] = address.get("town")
    payload["street"] = address.get("street")
    payload["visits"] = stats.get("visits")
    payload["views"] = stats.get("views")
    if (score := traits.get("score")) is not None:
        payload["score"] = score
    if (vip := traits.get("vip")) is not None:
        payload["vip"] = vip
    payload["nick"] = traits.get("nick")
    tags = profile.get("segments")
    payload["tags"] = None if tags is None else list(tags)  # a copy: the profile must not change with it
    payload["marketing"] = (profile.get("consents") or {}).get("marketing")
    payload["utm"] = aux.get("utm.source")
    payload["seen"] = aux.get("first seen")
    payload["source"] = "tracsync"
    return payload


FUNCTIONS: dict[str, Any] = {
    "email_sha256": {"$formula": "sha256(profile@data.contact.email.main)"},
    "level": {"$if": "profile@stats.visits > 30", "then": "regular", "else": "visitor"},
    "country": {
        "$lookup": "profile@data.address.country",
        "in": {"PL": "Poland", "DE": "Germany"},
        "else": "other",
    },
    "items": {
        "$map": "profile@orders",
        "where": "item@qty > 0",
        "to": {"id": "item@sku", "price": "item@price"},
    },
}


def _with_functions(sources: Sources) -> dict[str, Any]:
    profile = sources["profile"]
    data = profile.get("data") or {}
    email = ((data.get("contact") or {}).get("email") or {}).get("main")
    visits = (profile.get("stats") or {}).get("visits")
    orders = profile.get("orders")
    return {
        "email_sha256": email and hashlib.sha256(email.strip().lower().encode()).hexdigest(),
        "level": "regular" if visits is not None and visits > 30 else "visitor",
        "country": NAMES.get((data.get("address") or {}).get("country"), "other"),
        "items": orders
        and [
            {"id": order.get("sku"), "price": order.get("price")}
            for order in orders
            if (order.get("qty") or 0) > 0
        ],
    }


TEMPLATES = (
    Case("20 fields", TEMPLATE, safe.mapped, _mapped),
    Case("functions", FUNCTIONS, safe.with_functions, _with_functions),
)
