"""Profiles picked at random, each with the same chance, however many there are.

Nothing is read but what is picked. PostgreSQL picks pages of the table, and more of them than profiles are
wanted, so that hardly two come from the same page; SQLite picks row numbers, of which some lead nowhere.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

from django.db import connection

from profiles.models import Profile

PAGES = 2  # looked at for each profile that is wanted, and where they hold little
MORE = 4  # times as many
DRAWS = 20  # of row numbers for each profile that is wanted: enough where 19 of 20 were deleted


def pick(wanted: int) -> list[str]:
    """Ids in random order; fewer than wanted where there are fewer, or the table is full of holes."""
    ids = _from_pages(wanted) if connection.vendor == "postgresql" else _from_numbers(wanted)
    random.shuffle(ids)
    return ids[:wanted]


def _from_pages(wanted: int) -> list[str]:
    table = Profile._meta.db_table
    size = "SELECT pg_relation_size(%s::regclass) / current_setting('block_size')::int"
    with connection.cursor() as cursor:
        cursor.execute(size, [table])
        percent = min(100.0, 100.0 * PAGES * wanted / max(1, cursor.fetchone()[0]))
        while True:
            cursor.execute(f"SELECT id FROM {table} TABLESAMPLE SYSTEM (%s) WHERE digest > ''", [percent])  # noqa: S608 - a table of ours
            ids = [id for (id,) in cursor.fetchall()]
            if len(ids) >= wanted or percent == 100:
                return ids
            percent = min(100.0, MORE * percent)  # the pages hold little


def _from_numbers(wanted: int) -> list[str]:
    ids: list[str] = []
    for drawn in _draws(wanted):
        ids += _at(drawn)
        if len(ids) >= wanted:
            break
    return ids


def _draws(wanted: int) -> Iterator[list[int]]:
    """Different row numbers, as many at a time as profiles are wanted."""
    low, high = _ends()
    if low is None or high is None:
        return
    numbers = range(low, high + 1)
    drawn = random.sample(numbers, min(len(numbers), DRAWS * wanted))  # nosec B311 - a sample, no secret
    for start in range(0, len(drawn), wanted):
        yield drawn[start : start + wanted]


def _ends() -> tuple[int | None, int | None]:
    """Each on its own: SQLite finds one end at once, and both together by reading all rows."""
    table = Profile._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT (SELECT min(rowid) FROM {table}), (SELECT max(rowid) FROM {table})")  # noqa: S608 - a table of ours
        ends: Any = cursor.fetchone()
    return ends[0], ends[1]


def _at(numbers: list[int]) -> list[str]:
    drawn = "SELECT value FROM json_each(%s)"
    rows = f"SELECT id FROM {Profile._meta.db_table} WHERE rowid IN ({drawn}) AND digest > ''"  # noqa: S608 - places for parameters
    with connection.cursor() as cursor:
        cursor.execute(rows, [json.dumps(numbers)])
        return [id for (id,) in cursor.fetchall()]
