"""Columns that are added without writing the table anew."""

from __future__ import annotations

from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import AddField


class AddFieldInPlace(AddField):
    """AddField of a field with a constant `db_default`, to a table that may be large.

    PostgreSQL notes such a column and touches no row. So does SQLite, but Django copies the whole table
    there, for the sake of fields that it could not add otherwise.
    """

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor != "sqlite":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        before, after = (state.apps.get_model(app_label, self.model_name) for state in (from_state, to_state))
        BaseDatabaseSchemaEditor.add_field(schema_editor, before, after._meta.get_field(self.name))
