from django.db import migrations, models

from tracsync.common.online_index import AddIndexOnline


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("profiles", "0004_tombstones")]
    operations = [
        AddIndexOnline(
            model_name="profile",
            index=models.Index(condition=models.Q(("digest", "")), fields=["deleted_at"], name="deleted"),
        ),
    ]
