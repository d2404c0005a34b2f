"""Lists of the admin and the API, and what monitoring asks for, as people and programs use them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from statistics import median
from time import perf_counter
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from destinations.models import Destination
from tracsync.bench.report import Section
from tracsync.models import ApiToken

from .fill import profile_id

COLUMNS = ("page", "first, s", "median, s")
REPETITIONS = 3


def pages(destinations: list[Destination], profiles: int) -> list[Section]:
    admin, api = _signed_in(), _with_token()
    return [
        _section("admin", admin, _admin(destinations, profiles)),
        _section("API", api, _api(destinations, profiles)),
    ]


def _section(title: str, client: Client, urls: Iterator[str]) -> Section:
    section = Section(title, COLUMNS)
    for url in urls:
        taken = [_seconds(client, url) for _ in range(REPETITIONS)]
        section.rows.append((url, taken[0], median(taken)))
    return section


def _seconds(client: Client, url: str) -> float:
    started = perf_counter()
    response = client.get(url, secure=settings.HTTPS)
    length = len(response.content)
    assert response.status_code == 200, (url, response.status_code)
    assert length
    return perf_counter() - started


def _signed_in() -> Client:
    user = get_user_model().objects.create_superuser("bench", password=None)
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)
    return client


def _with_token() -> Client:
    token, text = ApiToken.generate("bench")
    token.save()
    return Client(SERVER_NAME="localhost", headers={"Authorization": f"Bearer {text}"})


def _admin(destinations: list[Destination], profiles: int) -> Iterator[str]:
    crm, shop, mail = (one.pk for one in destinations)
    middle, far = profile_id(profiles // 2), max(1, min(100, profiles // 100))
    yield reverse("admin:index")
    for text in (
        str(profiles // 2),
        f"ann {profiles // 2}",
        "ann exa",
        "a",
        f"person-{profiles // 3}@",
        middle,
    ):
        yield _with(reverse("admin:search"), {"q": text, "piece": 1})
    yield from _list("destinations_destination", {}, {"q": "crm"})
    yield reverse("admin:destinations_destination_change", args=[crm])
    for one in (crm, mail):
        yield _with(reverse("admin:destinations_destination_funnel", args=[one]), {"period": "week"})
    yield reverse("admin:destinations_destination_backfill", args=[crm])
    yield from _list("destinations_backfill", {})
    yield from _list(
        "destinations_profilesync",
        {},
        {"p": far},
        {"destination": mail},
        {"state__exact": "rejected"},
        {"state__exact": "retrying"},
        {"destination": mail, "state__exact": "rejected"},
        {"owed": "yes"},
        {"destination": shop, "owed": "yes"},
        {"destination": mail, "owed": "yes"},
        {"state_since_from": _day(7)[:10], "state_since_to": _day(7)[:10]},
        {"q": middle[:-3]},
        {"q": f"={middle}"},
    )
    yield from _list(
        "destinations_deliveryattempt",
        {},
        {"destination": mail},
        {"outcome__exact": "rejected"},
        {"outcome__exact": "unknown"},
        {"destination": crm, "outcome__exact": "rejected"},
        {"outcome__exact": "failed"},
        {"error": "refused"},
        {"error": "not there", "destination": crm},
        {"status": 5},
        {"status": "none"},
        {"at__gte": _day(7), "at__lt": _day(6)},
        {"q": f"={middle}"},
    )
    yield from _list(
        "profiles_profile",
        {},
        {"p": far},
        {"q": middle[:-3]},
        {"q": f"={middle}"},
        {"q": "nobody"},
        {"q": "ann"},
        {"q": f"ann {profiles // 2}"},
        {"settled": "no"},
        {"changed_at_from": _day(7)[:10], "changed_at_to": _day(7)[:10]},
    )
    yield reverse("admin:profiles_profile_change", args=[middle])
    yield reverse("admin:profiles_profile_why", args=[middle, crm])
    again = reverse("admin:destinations_deliveryattempt_again", args=["replay"])
    for query in ({}, {"outcome__exact": "failed"}, {"status": 422}):
        yield _with(again, query)


def _list(name: str, *queries: dict[str, Any]) -> Iterator[str]:
    for query in queries:
        yield _with(reverse(f"admin:{name}_changelist"), query)


def _with(url: str, query: dict[str, Any]) -> str:
    return f"{url}?{urlencode(query)}" if query else url


def _day(ago: int) -> str:
    """As the admin's own links have it."""
    return f"{(timezone.now() - timedelta(days=ago)).date()} 00:00:00+00:00"


def _api(destinations: list[Destination], profiles: int) -> Iterator[str]:
    crm, shop, mail = (one.pk for one in destinations)
    middle = profile_id(profiles // 2)
    day = _day(1)
    lists: dict[str, list[dict[str, Any]]] = {
        "profiles": [
            {},
            {"id": middle[:-3]},
            {"search": "ann"},
            {"search": f"ann {profiles // 2}"},
            {"changed_since": day},
            {"unsettled": "true"},
        ],
        "destinations": [{}],
        "syncs": [
            {},
            {"destination": mail},
            {"destination": mail, "state": "rejected"},
            {"state": "retrying"},
            {"owed": "true"},
            {"destination": shop, "owed": "true"},
            {"destination": crm, "due_before": day},
            {"has_error": "true"},
            {"profile": middle},
        ],
        "attempts": [
            {},
            {"destination": crm},
            {"outcome": "rejected"},
            {"outcome": "unknown"},
            {"status_code": 418},
            {"profile": middle},
            {"after": day},
        ],
    }
    for name, queries in lists.items():
        for query in queries:
            yield _with(f"/api/v1/{name}/", query)
    yield f"/api/v1/profiles/{middle}/syncs/"
    yield "/metrics"
