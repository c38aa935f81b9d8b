import django.contrib.postgres.fields
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    # Built while parts go on arriving.
    atomic = False

    dependencies = [
        ('inspection', '0015_labels_that_teach_are_counted'),
    ]

    operations = [
        migrations.AlterField(
            model_name='inspection',
            name='reasons',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('low_confidence', 'The model is unsure'), ('novel_anomaly', 'Unlike any labeled part'), ('no_model', 'No champion yet'), ('scoring_failed', 'Could not be scored'), ('audit_sample', 'Drawn for audit'), ('damaged_image', 'The image file is damaged')], max_length=20), blank=True, default=list, size=None),
        ),
        AddIndexConcurrently(
            model_name='inspection',
            index=models.Index(condition=models.Q(('reasons__contains', ['damaged_image'])), fields=['product', '-received_at', '-id'], name='inspection_why_damaged_image'),
        ),
    ]
