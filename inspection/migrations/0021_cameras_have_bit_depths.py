import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('inspection', '0020_new_products_ask_for_a_replay'),
    ]

    operations = [
        migrations.AddField(
            model_name='inspection',
            name='bit_depth',
            field=models.PositiveSmallIntegerField(blank=True, help_text='Bits of 16 that were scaled to 8; empty for images of 8 bits.', null=True),
        ),
        migrations.AddField(
            model_name='inspection',
            name='bit_depth_before',
            field=models.PositiveSmallIntegerField(blank=True, help_text="The station's bit depth before this image widened it.", null=True),
        ),
        migrations.AddField(
            model_name='product',
            name='min_image_side',
            field=models.PositiveSmallIntegerField(blank=True, db_default=16, default=16, help_text="Pixels. An image, or a station's region of interest, with a shorter side is refused.", validators=[django.core.validators.MinValueValidator(1)], verbose_name='smallest image side'),
        ),
        migrations.AddField(
            model_name='station',
            name='bit_depth',
            field=models.PositiveSmallIntegerField(blank=True, choices=[(10, '10'), (12, '12'), (14, '14'), (16, '16')], help_text='Bits that the camera uses of 16-bit values, where its files do not state them. Empty: settled by the images. Changes count from the next image on.', null=True, verbose_name='bit depth'),
        ),
    ]
