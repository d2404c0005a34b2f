"""The cases of the benchmark by hand, with safe look-ups: no shape of a profile makes them fail."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Sources = Mapping[str, Any]


def look(value: Any, *keys: str) -> Any:
    """What is there; None where nothing is, or where something that is no object is on the way."""
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def contactable(sources: Sources) -> bool:
    profile = sources["profile"]
    email = look(profile, "data", "contact", "email")
    if not isinstance(email, dict) or "business" not in email:
        return False
    visits = look(profile, "stats", "visits")
    return (is_number(visits) and visits > 3) or look(profile, "traits", "vip") is True


def gold(sources: Sources) -> bool:
    profile = sources["profile"]
    segments = look(profile, "segments")
    if not isinstance(segments, (list, str)) or "gold" not in segments:
        return False
    if look(profile, "consents", "marketing") is not True:
        return False
    email = look(profile, "data", "contact", "email", "main")
    return not (isinstance(email, str) and email.endswith("@test.example"))


def regular(sources: Sources) -> bool:
    profile = sources["profile"]
    visits = look(profile, "stats", "visits")
    if not is_number(visits) or not 5 <= visits <= 50:
        return False
    country = look(profile, "data", "address", "country")
    return isinstance(country, str) and country in ("PL", "DE", "FR")


def nicknamed(sources: Sources) -> bool:
    profile = sources["profile"]
    nick = look(profile, "traits", "nick")
    if isinstance(nick, str) and nick.lower().startswith("a"):
        return True
    score = look(profile, "traits", "score")
    return is_number(score) and score >= 0.75


_MILLENNIUM = datetime(2000, 1, 1, tzinfo=UTC)


def grown_up(sources: Sources) -> bool:
    profile = sources["profile"]
    birthday = look(profile, "data", "pii", "birthday")
    if not isinstance(birthday, str):
        return False
    born = datetime.fromisoformat(birthday)
    if (born if born.tzinfo else born.replace(tzinfo=UTC)) >= _MILLENNIUM:
        return False
    return look(profile, "aux", "utm.source") is not None


def mapped(sources: Sources) -> dict[str, Any]:
    profile = sources["profile"]
    payload = {"id": look(profile, "id"), "email": look(profile, "data", "contact", "email", "main")}
    if (business := look(profile, "data", "contact", "email", "business")) is not None:
        payload["email_business"] = copied(business)
    if (mobile := look(profile, "data", "contact", "phone", "mobile")) is not None:
        payload["phone"] = copied(mobile)
    payload["first_name"] = copied(look(profile, "data", "pii", "firstname"))
    payload["last_name"] = copied(look(profile, "data", "pii", "lastname"))
    payload["birthday"] = copied(look(profile, "data", "pii", "birthday"))
    payload["country"] = copied(look(profile, "data", "address", "country"))
    payload["town"] = copied(look(profile, "data", "address", "town"))
    payload["street"] = copied(look(profile, "data", "address", "street"))
    payload["visits"] = copied(look(profile, "stats", "visits"))
    payload["views"] = copied(look(profile, "stats", "views"))
    if (score := look(profile, "traits", "score")) is not None:
        payload["score"] = copied(score)
    if (vip := look(profile, "traits", "vip")) is not None:
        payload["vip"] = copied(vip)
    payload["nick"] = copied(look(profile, "traits", "nick"))
    payload["tags"] = copied(look(profile, "segments"))
    payload["marketing"] = copied(look(profile, "consents", "marketing"))
    payload["utm"] = copied(look(profile, "aux", "utm.source"))
    payload["seen"] = copied(look(profile, "aux", "first seen"))
    payload["source"] = "tracsync"
    return payload


def copied(value: Any) -> Any:
    """The payload shares nothing that can change with the profile."""
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    return [copied(item) for item in value] if isinstance(value, list) else value


_NAMES: dict[Any, str] = {"PL": "Poland", "DE": "Germany"}


def with_functions(sources: Sources) -> dict[str, Any]:
    profile = sources["profile"]
    email = look(profile, "data", "contact", "email", "main")
    visits = look(profile, "stats", "visits")
    country = look(profile, "data", "address", "country")
    orders = look(profile, "orders")
    return {
        "email_sha256": _hashed(email) if isinstance(email, str) else None,
        "level": "regular" if is_number(visits) and visits > 30 else "visitor",
        "country": _NAMES.get(country, "other") if isinstance(country, str) else "other",
        "items": [_item(order) for order in orders if _is_ordered(order)]
        if isinstance(orders, list)
        else None,
    }


def _hashed(email: str) -> str:
    return hashlib.sha256(email.strip().lower().encode()).hexdigest()


def _is_ordered(order: Any) -> bool:
    quantity = look(order, "qty")
    return is_number(quantity) and quantity > 0


def _item(order: Any) -> dict[str, Any]:
    return {"id": copied(look(order, "sku")), "price": copied(look(order, "price"))}
