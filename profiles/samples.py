"""Sample profiles from a seeded generator: the same ones each time, and nobody's data."""

import random
from typing import Any

FIRST = (
    *("Ada", "Bruno", "Chiara", "Dmitri", "Elif", "Farid"),
    *("Greta", "Hugo", "Ines", "Jonas", "Kaja", "Luca"),
)
LAST = ("Adler", "Bianchi", "Costa", "Dubois", "Eriksen", "Fischer", "Garcia", "Horvat", "Ivanov", "Jansen")
TOWNS = ("Gdańsk", "Lyon", "Porto", "Zürich", "Łódź", "Malmö", "Graz", "Bergen")
COMPANIES = ("Nordwind", "Solaris", "Tiger & Sons", "Weitblick", "Acme")


def profiles(count: int = 20, seed: int = 7) -> list[dict[str, Any]]:
    """Profile documents; about every second one has a business e-mail address."""
    rng = random.Random(seed)  # noqa: S311 - sample data
    return [_profile(rng, number) for number in range(1, count + 1)]


def _profile(rng: random.Random, number: int) -> dict[str, Any]:
    first, last = rng.choice(FIRST), rng.choice(LAST)
    address = f"{first}.{last}{number}".lower()
    email = {"main": f"{address}@mail.example"}
    if rng.random() < 0.5:
        email["business"] = f"{address}@{rng.choice(COMPANIES).split()[0].lower()}.example"
    return {
        "id": f"demo-{number:02}",
        "data": {
            "pii": {"firstname": first, "lastname": last},
            "contact": {"email": email, "address": {"town": rng.choice(TOWNS)}},
        },
        "traits": {"vip": rng.random() < 0.2},
        "stats": {"visits": rng.randint(0, 40)},
    }
