"""Columns that let the release before go on working: added without writing the table anew, and foreign keys
that are looked after by the database as well.
"""

from __future__ import annotations

from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import AddField
from django.db.models import SET_NULL, ForeignKey, OneToOneField


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


class _Cascading:
    """Deleting what it leads to deletes these rows, or empties the field, for who does not know them, too.

    Django does so by itself, and so leaves the constraint without an action. In a rolling deploy the release
    before deletes people, tokens and destinations, too, and does not know what hangs on them by now. So
    every foreign key of a new table or column is one of these.
    """

    def __init__(self, to: Any, on_delete: Any, **options: Any) -> None:
        super().__init__(to, on_delete, **{**options, "db_constraint": False})  # type: ignore[call-arg]

    def deconstruct(self) -> Any:
        name, path, args, options = super().deconstruct()  # type: ignore[misc]
        del options["db_constraint"]
        return name, path, args, options

    def db_parameters(self, connection: Any) -> dict[str, Any]:
        """As part of the type, the constraint is there wherever the column is written, also in a new copy
        of the table, which SQLite needs for many a change."""
        found: dict[str, Any] = super().db_parameters(connection)  # type: ignore[misc]
        target = self.target_field  # type: ignore[attr-defined]
        table, column = map(connection.ops.quote_name, (target.model._meta.db_table, target.column))
        on_delete = self.remote_field.on_delete  # type: ignore[attr-defined]
        action = "SET NULL" if on_delete is SET_NULL else "CASCADE"
        follows = f"REFERENCES {table} ({column}) ON DELETE {action} DEFERRABLE INITIALLY DEFERRED"
        return {**found, "type": f"{found['type']} {follows}"}


class CascadingForeignKey(_Cascading, ForeignKey):
    pass


class CascadingOneToOneField(_Cascading, OneToOneField):
    pass
