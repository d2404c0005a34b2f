from django.db import migrations

NAMES = {
    "preferences": ("preferences", "preferences"),
    "secondfactor": ("second factor", "second factors"),
    "backupcode": ("backup code", "backup codes"),
    "identity": ("way in by the issuer", "ways in by the issuer"),
}


class Migration(migrations.Migration):
    """What models are called; no table changes."""

    dependencies = [("tracsync", "0014_trail")]

    operations = [
        migrations.AlterModelOptions(
            name=name, options={"verbose_name": one, "verbose_name_plural": several}
        )
        for name, (one, several) in NAMES.items()
    ]
