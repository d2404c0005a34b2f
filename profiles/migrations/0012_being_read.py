from django.db import migrations, models


class Migration(migrations.Migration):
    """What a phase is called; nothing changes in the database."""

    dependencies = [("profiles", "0011_of_source")]
    operations = [
        migrations.AlterField(
            model_name="importjob",
            name="phase",
            field=models.CharField(
                choices=[
                    ("receiving", "being read"),
                    ("columns", "columns missing"),
                    ("checking", "dry run"),
                    ("ready", "dry run done"),
                    ("importing", "importing"),
                ],
                default="receiving",
                max_length=10,
            ),
        ),
    ]
