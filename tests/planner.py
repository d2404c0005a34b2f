"""What SQLite's planner knows of tables: what `ANALYZE` found."""

from django.db import connection

from destinations.scheduler import cleanup


def reload_statistics() -> None:
    """As they are in the database now; a connection keeps what it has read of them."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE sqlite_master")


def forget_statistics() -> None:
    """What ANALYZE found in a test would decide about the plans of all later ones."""
    if cleanup.forget_statistics():
        reload_statistics()
