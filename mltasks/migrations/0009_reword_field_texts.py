"""Reword names and help texts of fields. No SQL is run."""

import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('mltasks', '0008_rename_fields_keep_columns'),
    ]

    operations = [
        migrations.AlterField(
            model_name='backbonerun',
            name='adopted',
            field=models.BooleanField(default=False, help_text='Training runs that name no other weights start from this backbone.'),
        ),
        migrations.AlterField(
            model_name='backbonerun',
            name='enqueued_at',
            field=models.DateTimeField(blank=True, db_column='hint_sent_at', help_text='When the run was last sent to a worker.', null=True),
        ),
        migrations.AlterField(
            model_name='backbonerun',
            name='evaluation',
            field=models.JSONField(default=dict, help_text='Result of each available backbone, by one measure.'),
        ),
        migrations.AlterField(
            model_name='backbonerun',
            name='key',
            field=models.UUIDField(default=uuid.uuid4, editable=False, help_text="Name of the run's directories on disk.", unique=True),
        ),
        migrations.AlterField(
            model_name='backbonerun',
            name='labels_missing',
            field=models.TextField(blank=True, help_text='Why the backbone cannot be measured.'),
        ),
        migrations.AlterField(
            model_name='backbonerun',
            name='pictures',
            field=models.JSONField(default=list, help_text='[image name, sha256, region] of each image the run trains on.'),
        ),
        migrations.AlterField(
            model_name='backbonerun',
            name='saw_labeled',
            field=models.BooleanField(default=False, help_text='True if images that measure the backbone are among them.'),
        ),
        migrations.AlterField(
            model_name='evaluationreport',
            name='protocol',
            field=models.TextField(help_text='How the figures were measured.'),
        ),
        migrations.AlterField(
            model_name='importedversion',
            name='defective',
            field=models.PositiveIntegerField(help_text='Defective images the version was trained on.', null=True),
        ),
        migrations.AlterField(
            model_name='importedversion',
            name='document',
            field=models.TextField(help_text='The signed document: export.json, byte for byte.'),
        ),
        migrations.AlterField(
            model_name='importedversion',
            name='good',
            field=models.PositiveIntegerField(help_text='Good images the version was trained on.', null=True),
        ),
        migrations.AlterField(
            model_name='importedversion',
            name='number',
            field=models.PositiveIntegerField(help_text='Number of the version at the other plant.'),
        ),
        migrations.AlterField(
            model_name='importedversion',
            name='product',
            field=models.CharField(help_text='Name of the product at the other plant.', max_length=80),
        ),
        migrations.AlterField(
            model_name='modelversion',
            name='meta',
            field=models.JSONField(default=dict, help_text='Content of meta.json in the directory.'),
        ),
        migrations.AlterField(
            model_name='promotion',
            name='gate',
            field=models.JSONField(db_default=[], default=list, help_text="The checks of the product's promotion gate at that moment, and which of them passed."),
        ),
        migrations.AlterField(
            model_name='promotion',
            name='kind',
            field=models.CharField(choices=[('promotion', 'Promotion'), ('rollback', 'Rollback'), ('nightly', 'Nightly, automatic')], db_default='promotion', default='promotion', max_length=10),
        ),
        migrations.AlterField(
            model_name='promotion',
            name='override',
            field=models.TextField(blank=True, db_default='', default='', help_text='Why the version was promoted although a check failed.'),
        ),
        migrations.AlterField(
            model_name='snapshotitem',
            name='title',
            field=models.CharField(help_text='Name of the image for people: its file name or part id.', max_length=200),
        ),
        migrations.AlterField(
            model_name='trainingrun',
            name='enqueued_at',
            field=models.DateTimeField(blank=True, db_column='hint_sent_at', help_text='When the run was last sent to a worker.', null=True),
        ),
        migrations.AlterField(
            model_name='trainingrun',
            name='key',
            field=models.UUIDField(default=uuid.uuid4, editable=False, help_text="Name of the run's directories on disk.", unique=True),
        ),
        migrations.AlterField(
            model_name='trainingrun',
            name='night',
            field=models.DateField(blank=True, help_text='The night this run belongs to. One run a model and night.', null=True),
        ),
        migrations.AlterField(
            model_name='trustedplant',
            name='fingerprint',
            field=models.CharField(help_text='As the other plant reads it to you, for example by telephone.', max_length=64, unique=True),
        ),
        migrations.AlterField(
            model_name='trustedplant',
            name='public_key',
            field=models.TextField(help_text='The three lines that `plant_key` prints at the other plant.'),
        ),
        migrations.AlterField(
            model_name='verification',
            name='findings',
            field=models.JSONField(help_text='Each check, whether it passed, and its details.'),
        ),
        migrations.AlterField(
            model_name='verification',
            name='learned_again',
            field=models.BooleanField(help_text='True if the version was retrained from its snapshot.'),
        ),
        migrations.AlterField(
            model_name='verifyingrun',
            name='enqueued_at',
            field=models.DateTimeField(blank=True, db_column='hint_sent_at', help_text='When the run was last sent to a worker.', null=True),
        ),
        migrations.AlterField(
            model_name='verifyingrun',
            name='hashes_only',
            field=models.BooleanField(default=False, help_text='True if the version is not retrained.'),
        ),
        migrations.AlterField(
            model_name='verifyingrun',
            name='key',
            field=models.UUIDField(default=uuid.uuid4, editable=False, help_text="Name of the run's directories on disk.", unique=True),
        ),
    ]
