from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    # Built while the system runs.
    atomic = False

    dependencies = [
        ('mltasks', '0002_backbone_runs'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='snapshotitem',
            index=models.Index(fields=['image_sha256'], name='snapshot_item_by_image'),
        ),
    ]
