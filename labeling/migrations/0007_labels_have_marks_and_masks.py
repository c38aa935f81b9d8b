"""Marks and masks of labels. The previous program goes on: both columns have a default in the database."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('labeling', '0006_reword_field_texts'),
    ]

    operations = [
        migrations.AddField(
            model_name='label',
            name='marks',
            field=models.JSONField(blank=True, help_text="Rectangles around the defect, as shares of the image's sides; empty: the label states no place.", null=True),
        ),
        migrations.AddField(
            model_name='label',
            name='mask_sha256',
            field=models.CharField(blank=True, db_default='', default='', help_text='Hash of the imported mask, if any.', max_length=64),
        ),
        migrations.AddConstraint(
            model_name='label',
            constraint=models.CheckConstraint(condition=models.Q(('verdict', 'FAIL'), models.Q(('marks__isnull', True), ('mask_sha256', '')), _connector='OR'), name='good_part_has_no_place'),
        ),
    ]
