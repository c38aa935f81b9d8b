from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    # Built while parts go on arriving.
    atomic = False

    dependencies = [
        ('inspection', '0007_embeddings_repeats_and_judging_again'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='inspection',
            index=models.Index(condition=models.Q(('repeat_of__isnull', False), ('settled_at__isnull', True), ('verdict', 'REVIEW')), fields=['repeat_of'], name='inspection_repeats'),
        ),
    ]
