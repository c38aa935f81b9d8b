from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    # Built while parts go on arriving.
    atomic = False

    dependencies = [
        ('inspection', '0028_plainly_good_parts_take_a_fast_path'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='inspection',
            index=models.Index(condition=models.Q(('fast_path__isnull', False)), fields=['fast_path', 'full_graph_passes'], name='inspection_by_fast_path'),
        ),
        AddIndexConcurrently(
            model_name='inspection',
            index=models.Index(condition=models.Q(('full_graph_passes', False)), fields=['product', '-received_at', '-id'], name='inspection_leaked'),
        ),
    ]
