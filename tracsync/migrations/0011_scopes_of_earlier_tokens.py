from django.db import migrations

AREAS = ("profiles", "configuration", "deliveries", "operations", "privacy")


def give(apps, schema_editor):
    """What there is may do what it could: everything, or read everything."""
    tokens = apps.get_model("tracsync", "ApiToken").objects.using(schema_editor.connection.alias)
    for read_only, how in ((True, "read"), (False, "write")):
        scopes = [f"{area}:{how}" for area in AREAS]
        tokens.filter(scopes__isnull=True, read_only=read_only).update(scopes=scopes)


class Migration(migrations.Migration):
    dependencies = [("tracsync", "0010_token_scopes")]
    operations = [migrations.RunPython(give, migrations.RunPython.noop)]
