"""Rename fields in the state of the migrations only: columns, indexes and triggers stay as they are."""

import django.db.models.deletion
import django.db.models.functions.comparison
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('inspection', '0021_cameras_have_bit_depths'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveIndex(
                    model_name='inspection',
                    name='inspection_queue',
                ),
                migrations.RemoveIndex(
                    model_name='inspection',
                    name='inspection_queue_place',
                ),
                migrations.RemoveIndex(
                    model_name='inspection',
                    name='inspection_unjudged',
                ),
                migrations.RemoveIndex(
                    model_name='inspection',
                    name='inspection_repeats',
                ),
                migrations.RemoveIndex(
                    model_name='inspection',
                    name='inspection_by_person',
                ),
                migrations.RemoveIndex(
                    model_name='inspection',
                    name='inspection_against',
                ),
                migrations.RemoveIndex(
                    model_name='inspection',
                    name='inspection_by_both',
                ),
                migrations.RemoveIndex(
                    model_name='inspection',
                    name='inspection_repeated',
                ),
                migrations.RemoveIndex(
                    model_name='inspection',
                    name='inspection_teaches',
                ),
                migrations.AlterField(
                    model_name='inspection',
                    name='title',
                    field=models.CharField(blank=True, db_column='title', help_text='File name as it was sent.', max_length=200),
                ),
                migrations.RenameField(
                    model_name='inspection',
                    old_name='title',
                    new_name='original_filename',
                ),
                migrations.AlterField(
                    model_name='inspection',
                    name='label',
                    field=models.CharField(blank=True, choices=[('PASS', 'Pass'), ('FAIL', 'Fail'), ('REVIEW', 'Review')], db_column='label', max_length=6, null=True),
                ),
                migrations.RenameField(
                    model_name='inspection',
                    old_name='label',
                    new_name='model_verdict',
                ),
                migrations.AlterField(
                    model_name='inspection',
                    name='settled_at',
                    field=models.DateTimeField(blank=True, db_column='settled_at', help_text="When a person's verdict settled it.", null=True),
                ),
                migrations.RenameField(
                    model_name='inspection',
                    old_name='settled_at',
                    new_name='resolved_at',
                ),
                migrations.AlterField(
                    model_name='inspection',
                    name='queue_time',
                    field=models.DateTimeField(blank=True, db_column='queue_time', help_text='Place in the review queue: its arrival, or earlier where a look is worth more.', null=True),
                ),
                migrations.RenameField(
                    model_name='inspection',
                    old_name='queue_time',
                    new_name='queue_sort_key',
                ),
                migrations.AlterField(
                    model_name='inspection',
                    name='likeness',
                    field=models.FloatField(blank=True, db_column='likeness', help_text='To what people see already: 1 for a near-duplicate.', null=True),
                ),
                migrations.RenameField(
                    model_name='inspection',
                    old_name='likeness',
                    new_name='similarity',
                ),
                migrations.AlterField(
                    model_name='inspection',
                    name='repeat_of',
                    field=models.ForeignKey(blank=True, db_column='repeat_of_id', db_index=False, help_text='The first of the near-identical parts that this one belongs to.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='repeats', to='inspection.inspection'),
                ),
                migrations.RenameField(
                    model_name='inspection',
                    old_name='repeat_of',
                    new_name='duplicate_of',
                ),
                migrations.AlterField(
                    model_name='inspection',
                    name='inclusion',
                    field=models.FloatField(blank=True, db_column='inclusion', help_text='The chance that a person is asked of such a part: what weighs its label.', null=True),
                ),
                migrations.RenameField(
                    model_name='inspection',
                    old_name='inclusion',
                    new_name='inclusion_probability',
                ),
                migrations.AlterField(
                    model_name='inspection',
                    name='person_says',
                    field=models.CharField(blank=True, choices=[('PASS', 'Pass'), ('FAIL', 'Fail'), ('REVIEW', 'Review')], db_column='person_says', editable=False, help_text='The verdict of the label that counts; triggers of the labels keep it.', max_length=6, null=True),
                ),
                migrations.RenameField(
                    model_name='inspection',
                    old_name='person_says',
                    new_name='human_verdict',
                ),
                migrations.AlterField(
                    model_name='product',
                    name='ranked_by',
                    field=models.CharField(blank=True, db_column='ranked_by', db_default='', default='', editable=False, max_length=64),
                ),
                migrations.RenameField(
                    model_name='product',
                    old_name='ranked_by',
                    new_name='ranking_fingerprint',
                ),
                migrations.AlterField(
                    model_name='rescore',
                    name='label',
                    field=models.CharField(choices=[('PASS', 'Pass'), ('FAIL', 'Fail'), ('REVIEW', 'Review')], db_column='label', max_length=6),
                ),
                migrations.RenameField(
                    model_name='rescore',
                    old_name='label',
                    new_name='model_verdict',
                ),
                migrations.AlterField(
                    model_name='replay',
                    name='hint_sent_at',
                    field=models.DateTimeField(blank=True, db_column='hint_sent_at', help_text='When a worker was last told of it.', null=True),
                ),
                migrations.RenameField(
                    model_name='replay',
                    old_name='hint_sent_at',
                    new_name='enqueued_at',
                ),
                migrations.AddIndex(
                    model_name='inspection',
                    index=models.Index(condition=models.Q(('human_verdict__isnull', False)), fields=['product', 'human_verdict', '-received_at', '-id'], name='inspection_by_person'),
                ),
                migrations.AddIndex(
                    model_name='inspection',
                    index=models.Index(condition=models.Q(('human_verdict__isnull', False)), fields=['product', 'verdict', 'human_verdict', '-received_at', '-id'], name='inspection_by_both'),
                ),
                migrations.AddIndex(
                    model_name='inspection',
                    index=models.Index(condition=models.Q(models.Q(('human_verdict', 'FAIL'), ('model_verdict', 'PASS')), models.Q(('human_verdict', 'PASS'), ('model_verdict', 'FAIL')), _connector='OR'), fields=['product', '-received_at', '-id'], name='inspection_against'),
                ),
                migrations.AddIndex(
                    model_name='inspection',
                    index=models.Index(condition=models.Q(('human_verdict__isnull', False), models.Q(('holdout', False), ('holdout__isnull', True), _connector='OR')), fields=['product'], name='inspection_teaches'),
                ),
                migrations.AddIndex(
                    model_name='inspection',
                    index=models.Index(models.F('product'), django.db.models.functions.comparison.Coalesce('queue_sort_key', 'received_at'), models.F('id'), condition=models.Q(('resolved_at__isnull', True), ('verdict', 'REVIEW')), name='inspection_queue_place'),
                ),
                migrations.AddIndex(
                    model_name='inspection',
                    index=models.Index(models.F('product'), django.db.models.functions.comparison.Coalesce('resolved_at', 'received_at'), models.F('id'), condition=models.Q(('resolved_at__isnull', True), ('verdict', 'REVIEW')), name='inspection_queue'),
                ),
                migrations.AddIndex(
                    model_name='inspection',
                    index=models.Index(condition=models.Q(('resolved_at__isnull', True), ('similarity__isnull', True), ('verdict', 'REVIEW')), fields=['product', 'received_at'], name='inspection_unjudged'),
                ),
                migrations.AddIndex(
                    model_name='inspection',
                    index=models.Index(condition=models.Q(('duplicate_of__isnull', False), ('resolved_at__isnull', True), ('verdict', 'REVIEW')), fields=['duplicate_of'], name='inspection_repeats'),
                ),
                migrations.AddIndex(
                    model_name='inspection',
                    index=models.Index(condition=models.Q(('duplicate_of__isnull', False)), fields=['duplicate_of'], name='inspection_repeated'),
                ),
            ],
        ),
    ]
