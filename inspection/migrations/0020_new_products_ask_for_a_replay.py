import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('inspection', '0019_part_ids_that_name_no_part'),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name='product',
            name='policy_is_recorded',
        ),
        # Products that are there keep their policy: the new line is off for them. Only new rows ask for it.
        migrations.AddField(
            model_name='product',
            name='gate_champion_recall',
            field=models.BooleanField(db_default=False, default=False, help_text='On the labeled parts of the replay, no more defective parts pass than by the champion.', verbose_name="recall not below the champion's"),
        ),
        migrations.AlterField(
            model_name='product',
            name='gate_champion_recall',
            field=models.BooleanField(db_default=True, default=True, help_text='On the labeled parts of the replay, no more defective parts pass than by the champion.', verbose_name="recall not below the champion's"),
        ),
        migrations.AlterField(
            model_name='product',
            name='gate_cost',
            field=models.BooleanField(db_default=True, default=True, help_text='On the labeled parts of the replay, 1000 parts cost no more than by the champion.', verbose_name="cost not above the champion's"),
        ),
        migrations.AlterField(
            model_name='product',
            name='gate_replay',
            field=models.BooleanField(db_default=True, default=True, help_text="The line's own history was scored by it, beside the present champion.", verbose_name='replayed'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='product',
            trigger=pgtrigger.compiler.Trigger(name='policy_is_recorded', sql=pgtrigger.compiler.UpsertTriggerSql(declare="DECLARE earlier jsonb := '{}'; was jsonb; became jsonb;", func="\n    IF TG_OP = 'UPDATE' THEN\n        earlier := to_jsonb(OLD);\n    END IF;\n    SELECT jsonb_object_agg(key, earlier -> key), jsonb_object_agg(key, value) INTO was, became\n    FROM jsonb_each(to_jsonb(NEW))\n    WHERE key IN ('fn_cost', 'fp_cost', 'review_cost', 'defect_rate', 'escape_promise', 'escape_confidence', 'audit_share', 'fail_audit_share', 'second_share', 'repeat_share', 'pick_strategy', 'retrain_nightly', 'retrain_at', 'training_settings', 'holdout_share', 'gate_labels', 'gate_recall', 'gate_champion_recall', 'gate_cost', 'gate_replay', 'gate_escapes', 'gate_reproducible', 'gate_second_person', 'promote_nightly') AND value IS DISTINCT FROM earlier -> key;\n    IF became IS NOT NULL THEN\n        INSERT INTO inspection_policychange (product_id, by_id, reason, before, after)\n        VALUES (\n            NEW.id,\n            nullif(current_setting('second_look.by', true), '')::integer,\n            coalesce(current_setting('second_look.reason', true), ''),\n            CASE TG_OP WHEN 'INSERT' THEN '{}' ELSE was END,\n            became\n        );\n    END IF;\n    RETURN NULL;\n", hash='e0c8b1f94a3582dcce84945049a3a97f9eb15a7f', operation='INSERT OR UPDATE', pgid='pgtrigger_policy_is_recorded_a7740', table='inspection_product', when='AFTER')),
        ),
    ]
