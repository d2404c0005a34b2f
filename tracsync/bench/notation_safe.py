"""The cases of the benchmark by hand, with safe look-ups: no shape of a profile makes them fail.

They are what one would write with care, and with nothing to spare: objects that several fields are in are
looked up once, and only the list that is known to be handed out is copied.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeGuard

Sources = Mapping[str, Any]


def below(value: dict[str, Any], *keys: str) -> dict[str, Any]:
    """The object at the end of the keys; an empty one where something else is, or nothing."""
    for key in keys:
        found = value.get(key)
        if not isinstance(found, dict):
            return {}
        value = found
    return value


def is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def contactable(sources: Sources) -> bool:
    profile = sources["profile"]
    if "business" not in below(profile, "data", "contact", "email"):
        return False
    visits = below(profile, "stats").get("visits")
    return (is_number(visits) and visits > 3) or below(profile, "traits").get("vip") is True


def gold(sources: Sources) -> bool:
    profile = sources["profile"]
    segments = profile.get("segments")
    if not isinstance(segments, (list, str)) or "gold" not in segments:
        return False
    if below(profile, "consents").get("marketing") is not True:
        return False
    email = below(profile, "data", "contact", "email").get("main")
    return not (isinstance(email, str) and email.endswith("@test.example"))


def regular(sources: Sources) -> bool:
    profile = sources["profile"]
    visits = below(profile, "stats").get("visits")
    if not is_number(visits) or not 5 <= visits <= 50:
        return False
    country = below(profile, "data", "address").get("country")
    return isinstance(country, str) and country in ("PL", "DE", "FR")


def nicknamed(sources: Sources) -> bool:
    traits = below(sources["profile"], "traits")
    nick = traits.get("nick")
    if isinstance(nick, str) and nick.lower().startswith("a"):
        return True
    score = traits.get("score")
    return is_number(score) and score >= 0.75


MILLENNIUM = datetime(2000, 1, 1, tzinfo=UTC)


def grown_up(sources: Sources) -> bool:
    profile = sources["profile"]
    birthday = below(profile, "data", "pii").get("birthday")
    if not isinstance(birthday, str):
        return False
    born = datetime.fromisoformat(birthday)
    if (born if born.tzinfo else born.replace(tzinfo=UTC)) >= MILLENNIUM:
        return False
    return below(profile, "aux").get("utm.source") is not None


def mapped(sources: Sources) -> dict[str, Any]:
    profile = sources["profile"]
    data = below(profile, "data")
    contact, pii, address = below(data, "contact"), below(data, "pii"), below(data, "address")
    email, stats = below(contact, "email"), below(profile, "stats")
    traits, aux = below(profile, "traits"), below(profile, "aux")
    payload = {"id": profile.get("id"), "email": email.get("main")}
    if (business := email.get("business")) is not None:
        payload["email_business"] = business
    if (mobile := below(contact, "phone").get("mobile")) is not None:
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
    payload["tags"] = list(tags) if isinstance(tags, list) else tags
    payload["marketing"] = below(profile, "consents").get("marketing")
    payload["utm"] = aux.get("utm.source")
    payload["seen"] = aux.get("first seen")
    payload["source"] = "tracsync"
    return payload


NAMES: dict[Any, str] = {"PL": "Poland", "DE": "Germany"}


def with_functions(sources: Sources) -> dict[str, Any]:
    profile = sources["profile"]
    data = below(profile, "data")
    email = below(data, "contact", "email").get("main")
    visits = below(profile, "stats").get("visits")
    country = below(data, "address").get("country")
    orders = profile.get("orders")
    return {
        "email_sha256": _hashed(email) if isinstance(email, str) else None,
        "level": "regular" if is_number(visits) and visits > 30 else "visitor",
        "country": NAMES.get(country, "other") if isinstance(country, str) else "other",
        "items": [
            {"id": order.get("sku"), "price": order.get("price")} for order in orders if _is_ordered(order)
        ]
        if isinstance(orders, list)
        else None,
    }


def _hashed(email: str) -> str:
    return hashlib.sha256(email.strip().lower().encode()).hexdigest()


def _is_ordered(order: Any) -> bool:
    return isinstance(order, dict) and is_number(quantity := order.get("qty")) and quantity > 0
