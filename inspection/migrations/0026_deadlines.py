"""Let products and stations state a deadline of verdicts. The previous program runs on without one."""

import django.contrib.postgres.fields
import django.core.validators
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('inspection', '0025_deferred_parts_are_found'),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name='product',
            name='policy_is_recorded',
        ),
        migrations.AddField(
            model_name='inspection',
            name='deadline_ms',
            field=models.IntegerField(blank=True, help_text='The deadline of the verdict that applied at intake.', null=True),
        ),
        migrations.AddField(
            model_name='product',
            name='deadline_action',
            field=models.CharField(choices=[('late', "Answer late, with the model's verdict"), ('review', 'Answer REVIEW in time, and score the part afterwards')], db_default='late', default='late', help_text='A part answered REVIEW in time has the reason “deadline”. A worker scores it afterwards; its verdict stays.', max_length=10, verbose_name='parts that would miss it under load'),
        ),
        migrations.AddField(
            model_name='product',
            name='deadline_ms',
            field=models.PositiveIntegerField(blank=True, help_text="Time from a request's arrival to its verdict that stations rely on. Empty: no deadline.", null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(60000)], verbose_name='deadline (ms)'),
        ),
        migrations.AddField(
            model_name='station',
            name='deadline_ms',
            field=models.PositiveIntegerField(blank=True, help_text="Time from a request's arrival to its verdict. Empty: the product's deadline.", null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(60000)], verbose_name='deadline (ms)'),
        ),
        migrations.AlterField(
            model_name='inspection',
            name='reasons',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('low_confidence', 'The model is unsure'), ('novel_anomaly', 'Differs from the training parts'), ('no_model', 'No champion yet'), ('scoring_failed', 'Scoring failed'), ('audit_sample', 'Audit sample'), ('damaged_image', 'The image file is damaged'), ('deadline', 'No time for scores before the deadline')], max_length=20), blank=True, default=list, size=None),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='product',
            trigger=pgtrigger.compiler.Trigger(name='policy_is_recorded', sql=pgtrigger.compiler.UpsertTriggerSql(declare="DECLARE earlier jsonb := '{}'; was jsonb; became jsonb;", func="\n    IF TG_OP = 'UPDATE' THEN\n        earlier := to_jsonb(OLD);\n    END IF;\n    SELECT jsonb_object_agg(key, earlier -> key), jsonb_object_agg(key, value) INTO was, became\n    FROM jsonb_each(to_jsonb(NEW))\n    WHERE key IN ('fn_cost', 'fp_cost', 'review_cost', 'defect_rate', 'escape_promise', 'escape_confidence', 'audit_share', 'fail_audit_share', 'second_share', 'repeat_share', 'pick_strategy', 'retrain_nightly', 'retrain_at', 'training_settings', 'deadline_ms', 'deadline_action', 'holdout_share', 'gate_labels', 'gate_recall', 'gate_champion_recall', 'gate_cost', 'gate_replay', 'gate_escapes', 'gate_reproducible', 'gate_second_person', 'promote_nightly') AND value IS DISTINCT FROM earlier -> key;\n    IF became IS NOT NULL THEN\n        INSERT INTO inspection_policychange (product_id, by_id, reason, before, after)\n        VALUES (\n            NEW.id,\n            nullif(current_setting('second_look.by', true), '')::integer,\n            coalesce(current_setting('second_look.reason', true), ''),\n            CASE TG_OP WHEN 'INSERT' THEN '{}' ELSE was END,\n            became\n        );\n    END IF;\n    RETURN NULL;\n", hash='c812459dbd5e44240d3bf0ab5229c04d4f269fc2', operation='INSERT OR UPDATE', pgid='pgtrigger_policy_is_recorded_a7740', table='inspection_product', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='product',
            constraint=models.CheckConstraint(condition=models.Q(('deadline_action__in', ['late', 'review'])), name='product_deadline_action_is_known'),
        ),
    ]
