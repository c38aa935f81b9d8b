from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    # Built while parts go on arriving.
    atomic = False

    dependencies = [
        ('inspection', '0024_scores_may_come_later'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='inspection',
            index=models.Index(condition=models.Q(('scoring_deferred', True)), fields=['received_at'], name='inspection_deferred'),
        ),
    ]
