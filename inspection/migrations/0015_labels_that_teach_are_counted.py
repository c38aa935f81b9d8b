from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    # Built while parts go on arriving.
    atomic = False

    dependencies = [
        ('inspection', '0014_holdout_is_found'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='inspection',
            index=models.Index(
                condition=models.Q(
                    ('person_says__isnull', False),
                    models.Q(('holdout', False), ('holdout__isnull', True), _connector='OR'),
                ),
                fields=['product'],
                name='inspection_teaches',
            ),
        ),
    ]
