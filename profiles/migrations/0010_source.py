from django.db import migrations, models

from tracsync.common.online_column import AddFieldInPlace


class Migration(migrations.Migration):
    dependencies = [("profiles", "0009_personal_data")]
    operations = [
        AddFieldInPlace(
            model_name="profile",
            name="source",
            field=models.CharField(
                blank=True, db_default="", default="", editable=False, max_length=50, verbose_name="source"
            ),
        ),
    ]
