import django.db.models.deletion
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    # The index is built while parts go on arriving.
    atomic = False

    dependencies = [
        ('inspection', '0009_history_by_its_filters'),
    ]

    operations = [
        migrations.CreateModel(
            name='RemovedParts',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('verdict', models.CharField(choices=[('PASS', 'Pass'), ('FAIL', 'Fail'), ('REVIEW', 'Review')], max_length=6)),
                ('number', models.PositiveBigIntegerField()),
                ('product', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='inspection.product')),
            ],
            options={
                'verbose_name_plural': 'removed parts',
                'constraints': [models.UniqueConstraint(fields=('product', 'day', 'verdict'), name='removed_parts_once_per_day')],
            },
        ),
        AddIndexConcurrently(
            model_name='inspection',
            index=models.Index(condition=models.Q(('repeat_of__isnull', False)), fields=['repeat_of'], name='inspection_repeated'),
        ),
    ]
