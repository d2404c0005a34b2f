from django.db import migrations, models

from tracsync.common.online_index import AddIndexOnline


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("profiles", "0006_names")]
    operations = [
        AddIndexOnline(
            model_name="profile",
            index=models.Index(
                condition=models.Q(("indexed_version", models.F("version")), _negated=True),
                fields=["id"],
                name="unindexed",
            ),
        ),
    ]
