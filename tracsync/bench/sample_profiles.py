"""Generated profiles of about 4 KB: the same ones for the same seed."""

from __future__ import annotations

import json
import random
from datetime import date
from typing import Any

SIZE = 4_000  # characters as JSON

_NAMES = ("Ann", "Bob", "Ola", "Zed", "Eve", "Ian", "Łucja", "Renée")
_SEGMENTS = ("gold", "silver", "newsletter", "new", "lapsed", "app")
_COUNTRIES = ("PL", "DE", "FR", "ES", "US", "GB")


def people(count: int, seed: int = 1, *, sparse: bool = False) -> list[dict[str, Any]]:
    """In `sparse` ones each field, whole objects included, is left out one time in four."""
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    profiles = [_person(chance, number) for number in range(count)]
    if sparse:
        profiles = [_thinned(profile, chance) for profile in profiles]
    # with texts of their own, as in real data
    return [json.loads(json.dumps(_filled(profile, chance))) for profile in profiles]


def _person(chance: random.Random, number: int) -> dict[str, Any]:
    name = chance.choice(_NAMES)
    mail = f"{name}.{number}@firm{chance.randrange(50)}.example"
    return {
        "id": f"p-{number}",
        "segments": chance.sample(_SEGMENTS, chance.randrange(4)),
        "stats": {"visits": chance.randrange(60), "views": chance.randrange(500)},
        "traits": _traits(chance, name),
        "consents": {"marketing": chance.random() < 0.7},
        "data": {
            "contact": _contact(chance, mail),
            "pii": {
                "firstname": name,
                "lastname": "Example",
                "birthday": str(date(chance.randrange(1940, 2008), chance.randrange(1, 13), 10)),
            },
            "address": {"town": "Wrocław", "street": "Main 1", "country": chance.choice(_COUNTRIES)},
        },
        "orders": [_order(chance) for _ in range(chance.randrange(6))],
        "aux": {"utm.source": chance.choice(["mail", "web", None]), "first seen": "web"},
    }


def _traits(chance: random.Random, name: str) -> dict[str, Any]:
    """Some fields are missing, some null, as in real data."""
    traits: dict[str, Any] = {"nick": chance.choice([name, name.upper(), None]), "code": "0042"}
    if chance.random() < 0.8:
        traits["score"] = round(chance.random(), 3)
    if chance.random() < 0.5:
        traits["vip"] = chance.random() < 0.3
    return traits


def _contact(chance: random.Random, mail: str) -> dict[str, Any]:
    contact: dict[str, Any] = {"email": {"main": mail}, "phone": {"mobile": "+48 600 100 200"}}
    if chance.random() < 0.4:
        contact["email"]["business"] = f"office-{mail}"
    return contact


def _order(chance: random.Random) -> dict[str, Any]:
    return {
        "sku": f"A-{chance.randrange(100)}",
        "qty": chance.randrange(4),
        "price": round(chance.random() * 90, 2),
    }


def _thinned(value: Any, chance: random.Random) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: _thinned(item, chance) for key, item in value.items() if chance.random() < 0.75}


def _filled(person: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """With fields that nothing asks for, up to the usual size."""
    person["interests"] = {}
    missing = SIZE - len(json.dumps(person))
    for number in range(missing // 40):
        person["interests"][f"interest-{number:03}"] = f"{chance.randrange(10**12):012}"
    return person
