from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('destinations', '0003_bulk_and_backfill_states'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='deliveryattempt',
            index=models.Index(condition=models.Q(('outcome', 'accepted'), _negated=True), fields=['-at'], name='failed_by_age'),
        ),
        migrations.AddIndex(
            model_name='deliveryattempt',
            index=models.Index(condition=models.Q(('outcome', 'accepted'), _negated=True), fields=['destination', '-at'], name='failed_by_destination'),
        ),
    ]
