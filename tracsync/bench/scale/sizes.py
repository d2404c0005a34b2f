"""What a row takes on disk, with its indexes."""

from __future__ import annotations

from django.db import connection

from destinations.models import DeliveryAttempt, ProfileSync
from profiles.models import Profile
from profiles.search.models import SearchWord
from tracsync.bench.report import Section

MEGABYTE = 1_000_000
SHOWN = 8  # of the largest indexes


def sizes(note: str) -> Section:
    columns = ("table or index", "rows", "MB", "of these indexes, MB", "bytes a row")
    section = Section("on disk", columns, note=note)
    if connection.vendor == "postgresql":
        for model in (Profile, SearchWord, ProfileSync, DeliveryAttempt):
            section.rows.append(_table(model._meta.db_table, model._default_manager.count()))
        section.rows += [(name, None, size / MEGABYTE, None, None) for name, size in _largest_indexes()]
    else:
        size = _number("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
        section.rows.append(("the database", None, size / MEGABYTE, None, None))
    return section


def _table(name: str, rows: int) -> tuple[str, int, float, float, float]:
    total = _number("SELECT pg_total_relation_size(%s::regclass)", name)
    indexes = _number("SELECT pg_indexes_size(%s::regclass)", name)
    return name, rows, total / MEGABYTE, indexes / MEGABYTE, total / max(rows, 1)


def _largest_indexes() -> list[tuple[str, int]]:
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT indexrelname, pg_relation_size(indexrelid) FROM pg_stat_user_indexes
            WHERE relname IN ('profiles_profile', 'profiles_searchword', 'destinations_profilesync',
                'destinations_deliveryattempt')
            ORDER BY 2 DESC LIMIT %s""",
            [SHOWN],
        )
        return list(cursor.fetchall())


def _number(sql: str, *params: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.fetchone()[0])
