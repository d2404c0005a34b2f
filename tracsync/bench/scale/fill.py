"""A large installation out of nothing: every table is filled set-wise, by the database itself.

Three destinations know every profile. For `crm` all of them are waiting (a backfill is under way), for `shop`
a few (the usual day), for `mail` none. Rows of one destination lie beside each other, as a backfill writes
them: the worst case for lists that are ordered by id.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from django.db import connection
from django.utils import timezone

from destinations.insight.statistics import WEEK
from destinations.models import DeliveryAttempt, Destination, Extension, Health, ProfileSync, Resource
from destinations.sync.counters import slot
from profiles.models import Profile
from profiles.search.models import SearchWord

from .sink import SLUG

MAPPING = {"id": "profile@id", "mail": "profile@data.contact.email.main", "visits": "profile@stats.visits"}
DOCUMENT = {  # each # becomes the profile's number
    "id": "#id",
    "data": {
        "contact": {"email": {"main": "person-#@example.com"}, "phone": {"mobile": "+48 600 100 200"}},
        "pii": {"firstname": "Ann", "lastname": "Example-#"},
        "address": {"town": "Wrocław", "street": "Main #", "country": "PL"},
    },
    "traits": {"score": 0.5, "vip": False, "nick": "ann-#"},
    "segments": ["gold", "newsletter"],
    "stats": {"visits": "#", "views": 7},
}
NAME, EMAIL = "Ann Example-#", "person-#@example.com"
WORDS = ("ann", "example", "#", "person", EMAIL, "@example.com")  # of both, see profiles/names.py
NAMES = ("crm", "shop", "mail")


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many rows there are: of profiles, waiting for `crm`, waiting for `shop`, and of attempts."""

    profiles: int
    waiting: int
    few: int
    attempts: int


def fill(sizes: Sizes) -> list[Destination]:
    """All tables; the destinations in the order of NAMES."""
    _execute(_profiles(), [sizes.profiles, json.dumps(DOCUMENT), NAME, EMAIL])
    for word in WORDS:
        _execute(_words(), [sizes.profiles, word])
    destinations = _destinations()
    for destination, waiting in zip(destinations, (sizes.waiting, sizes.few, 0), strict=True):
        _execute(_syncs(), [sizes.profiles, destination.pk, waiting, sizes.profiles])
    at = [destination.pk for destination in destinations]
    _execute(_attempts(), [sizes.attempts, sizes.profiles, *at, sizes.attempts])
    _execute(_tallies(), [WEEK.bars * WEEK.slots_per_bar, slot(timezone.now())])
    analyze()
    return destinations


def profile_id(number: int) -> str:
    """Of the profile with this number, from 1 on."""
    return f"c-{number:010}"


def analyze() -> None:
    """What autovacuum would have done by now: the planner's statistics, and which pages all may see."""
    command = "VACUUM (ANALYZE)" if connection.vendor == "postgresql" else "ANALYZE"
    with connection.cursor() as cursor:
        for model in (Profile, SearchWord, ProfileSync, DeliveryAttempt):
            cursor.execute(f"{command} {model._meta.db_table}")


def _destinations() -> list[Destination]:
    extension, _ = Extension.objects.get_or_create(slug=SLUG, defaults={"name": "Sink"})
    Extension.objects.filter(pk=SLUG).update(installed_at=timezone.now())
    resource = Resource.objects.create(name="sink", type=extension)
    made = [
        Destination.objects.create(name=name, resource=resource, mapping=MAPPING, quiet_period=20)
        for name in NAMES
    ]
    for destination in made:
        Health.objects.get_or_create(destination=destination)
    return made


def _execute(sql: str, params: list[int | str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


def _series() -> str:
    """A table `series(n)` from 1 to the first parameter."""
    if connection.vendor == "postgresql":
        return "WITH series AS (SELECT generate_series(1, %s) AS n)"
    return "WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < %s)"


def _ago(seconds: str) -> str:
    if connection.vendor == "postgresql":
        return f"now() - make_interval(secs => {seconds})"
    return f"strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now', '-' || ({seconds}) || ' seconds')"


def _id(number: str) -> str:
    """Ids of one width, in the order of their numbers."""
    if connection.vendor == "postgresql":
        return f"'c-' || lpad(({number})::text, 10, '0')"
    return f"printf('c-%%010d', {number})"


def _text(number: str) -> str:
    return f"CAST({number} AS text)"


def _digest(number: str) -> str:
    if connection.vendor == "postgresql":
        return f"md5({_text(number)}) || md5({_text(number)})"
    return f"printf('%%064x', {number})"


def _profiles() -> str:
    """Parameters: how many, their document, their name and e-mail address."""
    moment = _ago("86400 + n %% 2000000")
    document = f"replace(replace(%s, '#id', {_id('n')}), '#', {_text('n')})"
    if connection.vendor == "postgresql":
        document = f"({document})::jsonb"
    return f"""{_series()}
        INSERT INTO profiles_profile (id, document, digest, version, created_at, changed_at, name, email,
            indexed_version)
        SELECT {_id("n")}, {document}, {_digest("n")}, 1, {moment}, {moment}, {_numbered()}, {_numbered()}, 1
        FROM series"""  # noqa: S608 - no user text in it


def _words() -> str:
    """Parameters: how many, a word of each."""
    return f"""{_series()}
        INSERT INTO profiles_searchword (word, profile_id) SELECT {_numbered()}, {_id("n")} FROM series"""  # noqa: S608 - no user text in it


def _numbered() -> str:
    """A parameter with the profile's number in it."""
    return f"replace(%s, '#', {_text('n')})"


def _syncs() -> str:
    """Parameters: how many, the destination, how many of them are waiting, how many again.

    The first ones are waiting; of the others most are synced, and a few of each other state.
    """
    state = """CASE WHEN n <= %s THEN 'pending' WHEN n %% 1000 = 1 THEN 'rejected'
        WHEN n %% 100 = 2 THEN 'skipped' ELSE 'synced' END"""
    moment = _ago("3600 - 3600.0 * n / %s")
    return f"""{_series()}
        INSERT INTO destinations_profilesync
            (profile_id, destination_id, state, state_since, reason, version, first_changed_at, due_at, bulk,
             asked, resend, attempts, last_error, synced_version, synced_at, payload_hash, remote_id)
        SELECT {_id("n")}, %s, state, moment, CASE state WHEN 'synced' THEN 'accepted' ELSE '' END, 1,
            CASE WHEN state = 'pending' THEN moment END, CASE WHEN state = 'pending' THEN moment END, false,
            false, false, 0, CASE state WHEN 'rejected' THEN 'status 422: refused' ELSE '' END,
            CASE WHEN state = 'synced' THEN 1 END, CASE WHEN state = 'synced' THEN moment END,
            {_digest("n")}, ''
        FROM (SELECT n, {state} AS state, {moment} AS moment FROM series) AS numbered"""  # noqa: S608 - no user text in it


def _attempts() -> str:
    """Parameters: how many, of how many profiles, at which three destinations, how many again."""
    outcome = "CASE WHEN n %% 1000 = 1 THEN 'rejected' WHEN n %% 100 = 2 THEN 'retry' ELSE 'accepted' END"
    status = "CASE WHEN n %% 1000 = 1 THEN 422 WHEN n %% 100 = 2 THEN 503 ELSE 200 END"
    return f"""{_series()}
        INSERT INTO destinations_deliveryattempt (profile_id, destination_id, idempotency_key, version, at,
            duration_ms, outcome, status_code, reason, remote_id)
        SELECT {_id("1 + n %% %s")}, CASE n %% 3 WHEN 0 THEN %s WHEN 1 THEN %s ELSE %s END,
            {_text("n")} || ':1', 1, {_ago("2500000 - 2500000.0 * n / %s")}, 12, {outcome},
            {status}, CASE n %% 1000 WHEN 1 THEN 'status 422: refused' ELSE '' END, '' FROM series"""  # noqa: S608 - no user text in it


def _tallies() -> str:
    """Parameters: for how many times five minutes, and the last of these; at every destination."""
    return f"""{_series()}
        INSERT INTO destinations_tally (destination_id, slot, settled, skipped, accepted, retry, lag_0, lag_2)
        SELECT id, %s + 1 - n, 100, 20, 80 + n %% 40, n %% 3, 80, n %% 40
        FROM series, destinations_destination"""  # noqa: S608 - no user text in it
