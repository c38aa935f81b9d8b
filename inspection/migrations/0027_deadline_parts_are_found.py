from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    # Built while parts go on arriving.
    atomic = False

    dependencies = [
        ('inspection', '0026_deadlines'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='inspection',
            index=models.Index(condition=models.Q(('reasons__contains', ['deadline'])), fields=['product', '-received_at', '-id'], name='inspection_why_deadline'),
        ),
    ]
