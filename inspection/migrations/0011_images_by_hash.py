import django.contrib.postgres.indexes
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    # Built while parts go on arriving. The two indexes that it takes the place of go last.
    atomic = False

    dependencies = [
        ('inspection', '0010_retention'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='inspection',
            index=django.contrib.postgres.indexes.HashIndex(fields=['image_sha256'], name='inspection_by_image'),
        ),
        migrations.AlterField(
            model_name='inspection',
            name='image_sha256',
            field=models.CharField(max_length=64),
        ),
    ]
