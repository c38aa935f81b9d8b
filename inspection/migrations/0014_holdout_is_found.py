from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    # Built while parts go on arriving.
    atomic = False

    dependencies = [
        ('inspection', '0013_replays_and_the_locked_holdout'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='inspection',
            index=models.Index(condition=models.Q(('holdout', True)), fields=['product'], name='inspection_holdout'),
        ),
    ]
