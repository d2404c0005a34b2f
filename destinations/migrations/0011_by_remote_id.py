from typing import Any

from django.db import migrations, models


class AddIndexBeside(migrations.AddIndex):
    """Without stopping who writes to the table meanwhile, where the database can do that."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        schema_editor.add_index(model, self.index, **_beside(schema_editor))

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = from_state.apps.get_model(app_label, self.model_name)
        schema_editor.remove_index(model, self.index, **_beside(schema_editor))


def _beside(schema_editor: Any) -> dict[str, bool]:
    return {"concurrently": True} if schema_editor.connection.vendor == "postgresql" else {}


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("destinations", "0010_doubt_turns_and_refusals")]
    operations = [
        AddIndexBeside(
            model_name="profilesync",
            index=models.Index(
                condition=models.Q(("remote_id", ""), _negated=True),
                fields=["destination", "remote_id"],
                name="by_remote_id",
            ),
        ),
    ]
