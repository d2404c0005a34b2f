from django.db import migrations, models

from tracsync.common.online_index import AddIndexOnline


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("profiles", "0010_source")]
    operations = [
        AddIndexOnline(
            model_name="profile",
            index=models.Index(
                condition=models.Q(("source__gt", "")), fields=["source", "id"], name="of_source"
            ),
        ),
    ]
