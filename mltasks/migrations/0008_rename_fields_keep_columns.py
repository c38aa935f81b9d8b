"""Rename fields in the state of the migrations only: columns, indexes and triggers stay as they are."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('mltasks', '0007_snapshot_items_have_bit_depths'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name='trainingrun',
                    name='hint_sent_at',
                    field=models.DateTimeField(blank=True, db_column='hint_sent_at', help_text='When a worker was last told of it.', null=True),
                ),
                migrations.RenameField(
                    model_name='trainingrun',
                    old_name='hint_sent_at',
                    new_name='enqueued_at',
                ),
                migrations.AlterField(
                    model_name='backbonerun',
                    name='hint_sent_at',
                    field=models.DateTimeField(blank=True, db_column='hint_sent_at', help_text='When a worker was last told of it.', null=True),
                ),
                migrations.RenameField(
                    model_name='backbonerun',
                    old_name='hint_sent_at',
                    new_name='enqueued_at',
                ),
                migrations.AlterField(
                    model_name='verifyingrun',
                    name='hint_sent_at',
                    field=models.DateTimeField(blank=True, db_column='hint_sent_at', help_text='When a worker was last told of it.', null=True),
                ),
                migrations.RenameField(
                    model_name='verifyingrun',
                    old_name='hint_sent_at',
                    new_name='enqueued_at',
                ),
            ],
        ),
    ]
