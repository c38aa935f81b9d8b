"""Let a product's fast path pass parts. The previous program runs on: its inserts leave the new columns empty."""

import django.db.models.deletion
import inspection.validators
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('inspection', '0027_deadline_parts_are_found'),
        ('mltasks', '0010_snapshot_items_have_marks_and_masks'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='FastPath',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('bundle', models.CharField(help_text='Directory below the versions folder.', max_length=200, unique=True)),
                ('sha256', models.CharField(help_text='Digest of the whole directory.', max_length=64)),
                ('meta', models.JSONField(help_text='Content of meta.json in the directory.')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ['-created_at'],
            },
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='product',
            name='policy_is_recorded',
        ),
        migrations.AddField(
            model_name='inspection',
            name='full_graph_passes',
            field=models.BooleanField(blank=True, help_text='Whether the full model, asked later, would have passed the part too.', null=True),
        ),
        migrations.AddField(
            model_name='inspection',
            name='screening_logit',
            field=models.FloatField(blank=True, help_text="The fast path's score of a part that it passed.", null=True),
        ),
        migrations.AddField(
            model_name='product',
            name='fast_path_enabled',
            field=models.BooleanField(blank=True, db_default=False, default=False, help_text='A small network passes plainly good parts alone; a worker scores these parts later. It starts once it has been learned from enough stored parts, and is learned again at night after a promotion.', verbose_name='fast path'),
        ),
        migrations.AddField(
            model_name='product',
            name='fast_path_leak',
            field=models.FloatField(blank=True, db_default=0.01, default=0.01, help_text='At most this share of the parts that the full model does not pass are passed by the fast path, with 95 % confidence. 0.01 needs 299 such parts.', validators=[inspection.validators.validate_inner_share], verbose_name='share that the fast path may let through'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='product',
            trigger=pgtrigger.compiler.Trigger(name='policy_is_recorded', sql=pgtrigger.compiler.UpsertTriggerSql(declare="DECLARE earlier jsonb := '{}'; was jsonb; became jsonb;", func="\n    IF TG_OP = 'UPDATE' THEN\n        earlier := to_jsonb(OLD);\n    END IF;\n    SELECT jsonb_object_agg(key, earlier -> key), jsonb_object_agg(key, value) INTO was, became\n    FROM jsonb_each(to_jsonb(NEW))\n    WHERE key IN ('fn_cost', 'fp_cost', 'review_cost', 'defect_rate', 'escape_promise', 'escape_confidence', 'audit_share', 'fail_audit_share', 'fast_path_enabled', 'fast_path_leak', 'second_share', 'repeat_share', 'pick_strategy', 'retrain_nightly', 'retrain_at', 'training_settings', 'deadline_ms', 'deadline_action', 'holdout_share', 'gate_labels', 'gate_recall', 'gate_champion_recall', 'gate_cost', 'gate_replay', 'gate_escapes', 'gate_reproducible', 'gate_second_person', 'promote_nightly') AND value IS DISTINCT FROM earlier -> key;\n    IF became IS NOT NULL THEN\n        INSERT INTO inspection_policychange (product_id, by_id, reason, before, after)\n        VALUES (\n            NEW.id,\n            nullif(current_setting('second_look.by', true), '')::integer,\n            coalesce(current_setting('second_look.reason', true), ''),\n            CASE TG_OP WHEN 'INSERT' THEN '{}' ELSE was END,\n            became\n        );\n    END IF;\n    RETURN NULL;\n", hash='c6de569eb1d1c42dc702450357c3be759ba14cb3', operation='INSERT OR UPDATE', pgid='pgtrigger_policy_is_recorded_a7740', table='inspection_product', when='AFTER')),
        ),
        migrations.AddField(
            model_name='fastpath',
            name='product',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='fast_paths', to='inspection.product'),
        ),
        migrations.AddField(
            model_name='fastpath',
            name='version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='fast_paths', to='mltasks.modelversion'),
        ),
        migrations.AddField(
            model_name='inspection',
            name='fast_path',
            field=models.ForeignKey(blank=True, db_index=False, help_text='The fast path that passed the part without the full model.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='inspections', to='inspection.fastpath'),
        ),
        migrations.AddField(
            model_name='product',
            name='fast_path',
            field=models.ForeignKey(blank=True, db_index=False, editable=False, help_text='The newest learned fast path. It serves only its own version and bands.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='inspection.fastpath'),
        ),
        migrations.AddConstraint(
            model_name='product',
            constraint=models.CheckConstraint(condition=models.Q(('fast_path_leak__gt', 0), ('fast_path_leak__lt', 1)), name='product_fast_path_leak_is_a_share'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='fastpath',
            trigger=pgtrigger.compiler.Trigger(name='fast_path_is_immutable', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='e6c6e31f61293fd3ae7e4e38d6a04663a5558908', operation='UPDATE OR DELETE', pgid='pgtrigger_fast_path_is_immutable_e2e25', table='inspection_fastpath', when='BEFORE')),
        ),
    ]
