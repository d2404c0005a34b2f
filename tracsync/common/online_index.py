"""Indexes that are built while others go on writing to the table."""

from __future__ import annotations

from typing import Any

from django.db.migrations import AddIndex


class AddIndexOnline(AddIndex):
    """AddIndex for a table that may be large; its migration says `atomic = False`.

    On PostgreSQL CREATE INDEX CONCURRENTLY stops nobody, takes as long as it takes, and leaves an invalid
    index behind where it fails: that is dropped before the next try. Other databases build it as usual.
    """

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        if not _is_postgresql(schema_editor):
            schema_editor.add_index(model, self.index)
            return
        with _Patient(schema_editor):
            name = schema_editor.quote_name(self.index.name)
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            schema_editor.add_index(model, self.index, concurrently=True)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = from_state.apps.get_model(app_label, self.model_name)
        if not _is_postgresql(schema_editor):
            schema_editor.remove_index(model, self.index)
            return
        with _Patient(schema_editor):
            schema_editor.remove_index(model, self.index, concurrently=True)


class _Patient:
    """Without the limits that hold for requests and pushes: a long transaction elsewhere is waited for."""

    LIMITS = ("lock_timeout", "statement_timeout")

    def __init__(self, schema_editor: Any) -> None:
        self._execute = schema_editor.execute

    def __enter__(self) -> None:
        for limit in self.LIMITS:
            self._execute(f"SET {limit} = 0")

    def __exit__(self, *_: object) -> None:
        for limit in self.LIMITS:
            self._execute(f"RESET {limit}")


def _is_postgresql(schema_editor: Any) -> bool:
    return bool(schema_editor.connection.vendor == "postgresql")
