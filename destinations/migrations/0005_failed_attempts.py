from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('destinations', '0004_tally'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='deliveryattempt',
            index=models.Index(condition=models.Q(('outcome', 'accepted'), _negated=True), fields=['-at'], name='failed_by_age'),
        ),
    ]
