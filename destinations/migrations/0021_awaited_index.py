from django.db import migrations, models

from tracsync.common.online_index import AddIndexOnline


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("destinations", "0020_pending")]
    operations = [
        AddIndexOnline(
            model_name="profilesync",
            index=models.Index(
                condition=models.Q(("awaited_since__isnull", False)),
                fields=["destination", "awaited_since"],
                name="awaited_by_destination",
            ),
        ),
    ]
