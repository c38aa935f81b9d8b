from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('mltasks', '0006_versions_are_verified_by_workers'),
    ]

    operations = [
        migrations.AddField(
            model_name='snapshotitem',
            name='bit_depth',
            field=models.PositiveSmallIntegerField(blank=True, help_text='Bits of 16 that are scaled to 8; empty for images of 8 bits.', null=True),
        ),
    ]
