from django.db import migrations, models

from tracsync.common.online_index import AddIndexOnline


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("destinations", "0010_doubt_turns_and_refusals")]
    operations = [
        AddIndexOnline(
            model_name="profilesync",
            index=models.Index(
                condition=models.Q(("remote_id", ""), _negated=True),
                fields=["destination", "remote_id"],
                name="by_remote_id",
            ),
        ),
    ]
