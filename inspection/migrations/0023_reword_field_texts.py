"""Reword names and help texts of fields. No SQL is run."""

import datetime
import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import inspection.validators
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('inspection', '0022_rename_fields_keep_columns'),
    ]

    operations = [
        migrations.AlterField(
            model_name='challenge',
            name='lease_expires_at',
            field=models.DateTimeField(blank=True, editable=False, help_text='Lease of the worker that scores for the challenger.', null=True),
        ),
        migrations.AlterField(
            model_name='challenge',
            name='share',
            field=models.FloatField(default=1.0, help_text='Share of the live parts that the challenger scores, 0 to 1.'),
        ),
        migrations.AlterField(
            model_name='embedding',
            name='space',
            field=models.CharField(help_text='Network that computed the embedding. Embeddings of different spaces are not comparable.', max_length=64),
        ),
        migrations.AlterField(
            model_name='embedding',
            name='target',
            field=models.PositiveSmallIntegerField(blank=True, help_text='0 for a part labeled good, 1 for a part labeled defective.', null=True),
        ),
        migrations.AlterField(
            model_name='fingerprint',
            name='texture',
            field=models.BinaryField(help_text='64 x 64 values of the image after removing its local mean and contrast.'),
        ),
        migrations.AlterField(
            model_name='inspection',
            name='duplicate_of',
            field=models.ForeignKey(blank=True, db_column='repeat_of_id', db_index=False, help_text='The first part of the group of near-duplicates that this part belongs to.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='duplicates', to='inspection.inspection'),
        ),
        migrations.AlterField(
            model_name='inspection',
            name='holdout',
            field=models.BooleanField(blank=True, editable=False, help_text='Locked holdout: no version is trained on the part, each is tested on it. Assigned with the first label.', null=True),
        ),
        migrations.AlterField(
            model_name='inspection',
            name='human_verdict',
            field=models.CharField(blank=True, choices=[('PASS', 'Pass'), ('FAIL', 'Fail'), ('REVIEW', 'Review')], db_column='person_says', editable=False, help_text='Verdict of the standing label. Database triggers keep it up to date.', max_length=6, null=True),
        ),
        migrations.AlterField(
            model_name='inspection',
            name='inclusion_probability',
            field=models.FloatField(blank=True, db_column='inclusion', help_text='Probability that a part like this is reviewed. The weight of its label is 1 divided by it.', null=True),
        ),
        migrations.AlterField(
            model_name='inspection',
            name='lease_owner',
            field=models.CharField(blank=True, db_default='', default='', help_text='Process that scores the part, as other processes of the same machine identify it.', max_length=120),
        ),
        migrations.AlterField(
            model_name='inspection',
            name='novelty',
            field=models.FloatField(blank=True, help_text='The novelty score divided by its threshold.', null=True),
        ),
        migrations.AlterField(
            model_name='inspection',
            name='original_filename',
            field=models.CharField(blank=True, db_column='title', help_text='Name of the file as the client sent it.', max_length=200),
        ),
        migrations.AlterField(
            model_name='inspection',
            name='queue_sort_key',
            field=models.DateTimeField(blank=True, db_column='queue_time', help_text='Rank in the review queue: the time of arrival, or earlier if a review of this part is worth more.', null=True),
        ),
        migrations.AlterField(
            model_name='inspection',
            name='reasons',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('low_confidence', 'The model is unsure'), ('novel_anomaly', 'Differs from the training parts'), ('no_model', 'No champion yet'), ('scoring_failed', 'Scoring failed'), ('audit_sample', 'Audit sample'), ('damaged_image', 'The image file is damaged')], max_length=20), blank=True, default=list, size=None),
        ),
        migrations.AlterField(
            model_name='inspection',
            name='resolved_at',
            field=models.DateTimeField(blank=True, db_column='settled_at', help_text="When a person's verdict resolved the part.", null=True),
        ),
        migrations.AlterField(
            model_name='inspection',
            name='similarity',
            field=models.FloatField(blank=True, db_column='likeness', help_text='Similarity to the parts that reviewers see earlier: 1 for a near-duplicate.', null=True),
        ),
        migrations.AlterField(
            model_name='product',
            name='audit_share',
            field=models.FloatField(default=0.01, help_text='Share of the sure PASS parts that a person reviews blind, to find escapes.', validators=[django.core.validators.MinValueValidator(0.0), django.core.validators.MaxValueValidator(1.0)], verbose_name='audited share of sure PASS parts'),
        ),
        migrations.AlterField(
            model_name='product',
            name='escape_confidence',
            field=models.FloatField(db_default=0.95, default=0.95, help_text='Confidence of the guarantee. A higher confidence needs more labels: 5 % at 0.95 needs 59 defective parts.', validators=[inspection.validators.validate_inner_share], verbose_name='confidence of the guarantee'),
        ),
        migrations.AlterField(
            model_name='product',
            name='escape_promise',
            field=models.FloatField(db_default=0.05, default=0.05, help_text='At most this share of the defective parts passes without review. 1 means no guarantee.', validators=[inspection.validators.validate_rate], verbose_name='guaranteed escape rate'),
        ),
        migrations.AlterField(
            model_name='product',
            name='fail_audit_share',
            field=models.FloatField(db_default=0.01, default=0.01, help_text='Share of the sure FAIL parts that a person reviews blind, to find false alarms.', validators=[django.core.validators.MinValueValidator(0.0), django.core.validators.MaxValueValidator(1.0)], verbose_name='audited share of sure FAIL parts'),
        ),
        migrations.AlterField(
            model_name='product',
            name='gate_champion_recall',
            field=models.BooleanField(db_default=True, default=True, help_text='On the labeled parts of the replay, the version must not pass more defective parts than the champion.', verbose_name="recall not below the champion's"),
        ),
        migrations.AlterField(
            model_name='product',
            name='gate_cost',
            field=models.BooleanField(db_default=True, default=True, help_text="On the labeled parts of the replay, the cost per 1000 parts must not be above the champion's.", verbose_name="cost not above the champion's"),
        ),
        migrations.AlterField(
            model_name='product',
            name='gate_escapes',
            field=models.PositiveIntegerField(blank=True, help_text='At most this many defective parts of the replay may pass that the champion stopped. Empty: no requirement.', null=True, verbose_name='maximum of new escapes'),
        ),
        migrations.AlterField(
            model_name='product',
            name='gate_labels',
            field=models.PositiveIntegerField(db_default=0, default=0, help_text='A version must be trained on at least this many labels.', verbose_name='minimum number of labels'),
        ),
        migrations.AlterField(
            model_name='product',
            name='gate_recall',
            field=models.FloatField(blank=True, help_text='Recall on the locked holdout: the lower end of its 95 % interval must be at least this. Empty: no requirement.', null=True, validators=[inspection.validators.validate_inner_share], verbose_name='minimum recall'),
        ),
        migrations.AlterField(
            model_name='product',
            name='gate_replay',
            field=models.BooleanField(db_default=True, default=True, help_text="The version must have scored the line's stored parts in a replay against the current champion.", verbose_name='replayed'),
        ),
        migrations.AlterField(
            model_name='product',
            name='gate_reproducible',
            field=models.BooleanField(db_default=False, default=False, help_text='A verification must have retrained the version from its snapshot with the same result.', verbose_name='reproducible'),
        ),
        migrations.AlterField(
            model_name='product',
            name='gate_second_person',
            field=models.BooleanField(db_default=False, default=False, help_text='Another person than the one who promotes must have approved the version.', verbose_name='approved by a second person'),
        ),
        migrations.AlterField(
            model_name='product',
            name='holdout_share',
            field=models.FloatField(db_default=0.2, default=0.2, help_text='Sampled by part from the hundredth label on. No version is trained on these parts, each is tested on them.', validators=[django.core.validators.MinValueValidator(0.0), django.core.validators.MaxValueValidator(0.5)], verbose_name='share of labels in the locked holdout'),
        ),
        migrations.AlterField(
            model_name='product',
            name='min_image_side',
            field=models.PositiveSmallIntegerField(blank=True, db_default=16, default=16, help_text='Pixels. Images and regions of interest with a shorter side are refused.', validators=[django.core.validators.MinValueValidator(1)], verbose_name='smallest image side'),
        ),
        migrations.AlterField(
            model_name='product',
            name='pick_strategy',
            field=models.CharField(choices=[('expected_cost', 'Expected cost of passing the part'), ('uncertainty', "The model's uncertainty"), ('novelty', 'Novelty'), ('diversity', 'Diversity'), ('random', 'Random order')], db_default='expected_cost', default='expected_cost', help_text='What moves a part forward in the queue, by at most a day. Near-duplicates are not moved.', max_length=20, verbose_name='order of the review queue'),
        ),
        migrations.AlterField(
            model_name='product',
            name='placeholder_part_ids',
            field=models.TextField(blank=True, db_default='NOREAD\nNOCODE\nNODATA\nBADREAD\nMISREAD\nREADERROR\nUNREADABLE\nERROR\nERR\nFAIL\nFAILED\nTIMEOUT\nINVALID\nUNKNOWN\nUNDEFINED\nEMPTY\nNULL\nNONE\nNIL\nN/A\nNAN\n0\nX\n', default='NOREAD\nNOCODE\nNODATA\nBADREAD\nMISREAD\nREADERROR\nUNREADABLE\nERROR\nERR\nFAIL\nFAILED\nTIMEOUT\nINVALID\nUNKNOWN\nUNDEFINED\nEMPTY\nNULL\nNONE\nNIL\nN/A\nNAN\n0\nX\n', help_text='What code readers send when they cannot read a code, one value a line. Case, spaces and punctuation are ignored. A single character, such as 0, also matches any number of it. Images with such an id are not treated as one part.', verbose_name='part ids that name no part'),
        ),
        migrations.AlterField(
            model_name='product',
            name='promote_nightly',
            field=models.BooleanField(db_default=False, default=False, help_text='A nightly version becomes champion without a person if all required checks passed.', verbose_name='promote nightly versions automatically'),
        ),
        migrations.AlterField(
            model_name='product',
            name='repeat_share',
            field=models.FloatField(db_default=0.02, default=0.02, help_text='Share of the reviewed parts that the same person reviews again blind, a day later.', validators=[django.core.validators.MinValueValidator(0.0), django.core.validators.MaxValueValidator(1.0)], verbose_name='share of repeat reviews'),
        ),
        migrations.AlterField(
            model_name='product',
            name='retrain_at',
            field=models.TimeField(default=datetime.time(2, 0), help_text='Local time at which the nightly retraining starts.', verbose_name='retrain at'),
        ),
        migrations.AlterField(
            model_name='product',
            name='second_share',
            field=models.FloatField(db_default=0.05, default=0.05, help_text='Share of the reviewed parts that a second person reviews blind. A third person decides if the two differ.', validators=[django.core.validators.MinValueValidator(0.0), django.core.validators.MaxValueValidator(1.0)], verbose_name='share of double reviews'),
        ),
        migrations.AlterField(
            model_name='product',
            name='shared_part_ids',
            field=models.JSONField(blank=True, db_default={}, default=dict, editable=False, help_text='Part ids that too many images share to identify one part, each with its share. Updated every hour.'),
        ),
        migrations.AlterField(
            model_name='replay',
            name='enqueued_at',
            field=models.DateTimeField(blank=True, db_column='hint_sent_at', help_text='When the run was last sent to a worker.', null=True),
        ),
        migrations.AlterField(
            model_name='replay',
            name='key',
            field=models.UUIDField(default=uuid.uuid4, editable=False, help_text="Name of the run's directories on disk.", unique=True),
        ),
        migrations.AlterField(
            model_name='replay',
            name='parts',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), default=list, help_text='The parts to score, as selected when the replay was requested.', size=None),
        ),
        migrations.AlterField(
            model_name='rescore',
            name='verdict',
            field=models.CharField(choices=[('PASS', 'Pass'), ('FAIL', 'Fail'), ('REVIEW', 'Review')], help_text='By the costs that applied when the part was scored.', max_length=6),
        ),
        migrations.AlterField(
            model_name='station',
            name='bit_depth',
            field=models.PositiveSmallIntegerField(blank=True, choices=[(10, '10'), (12, '12'), (14, '14'), (16, '16')], help_text='Bits of the 16-bit values that the camera uses, if its files do not state them. Empty: derived from the images. Changes apply from the next image on.', null=True, verbose_name='bit depth'),
        ),
        migrations.AlterField(
            model_name='station',
            name='urgent',
            field=models.BooleanField(db_default=False, default=False, help_text='Reviewers see the parts of this station first, unless other parts have waited for more than a day.'),
        ),
    ]
