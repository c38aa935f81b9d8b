"""Marks and masks of frozen defects. The previous program goes on: both columns have a default in the database."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('mltasks', '0009_reword_field_texts'),
    ]

    operations = [
        migrations.AddField(
            model_name='snapshotitem',
            name='marks',
            field=models.JSONField(blank=True, help_text='Where a person marked the defect; empty: nowhere.', null=True),
        ),
        migrations.AddField(
            model_name='snapshotitem',
            name='mask_sha256',
            field=models.CharField(blank=True, db_default='', default='', help_text='Hash of the mask of the defect, if any.', max_length=64),
        ),
    ]
