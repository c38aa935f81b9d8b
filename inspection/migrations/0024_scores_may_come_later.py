"""Let missing scores of a part come after its verdict, once. The previous program runs on: it defers nothing."""

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('inspection', '0023_reword_field_texts'),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name='inspection',
            name='verdict_is_final',
        ),
        migrations.AddField(
            model_name='inspection',
            name='scoring_deferred',
            field=models.BooleanField(db_default=False, default=False, help_text='Answered before its scores were computed; a worker computes them. The verdict stays.'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='inspection',
            trigger=pgtrigger.compiler.Trigger(name='verdict_is_final', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."state" = \'decided\' AND (OLD."state" IS DISTINCT FROM (NEW."state") OR OLD."verdict" IS DISTINCT FROM (NEW."verdict") OR OLD."reasons" IS DISTINCT FROM (NEW."reasons") OR OLD."inclusion" IS DISTINCT FROM (NEW."inclusion") OR ((OLD."label" IS DISTINCT FROM (NEW."label") OR OLD."defect_probability" IS DISTINCT FROM (NEW."defect_probability") OR OLD."reconstruction_error" IS DISTINCT FROM (NEW."reconstruction_error") OR OLD."anomaly_threshold" IS DISTINCT FROM (NEW."anomaly_threshold") OR OLD."novel_defect_suspected" IS DISTINCT FROM (NEW."novel_defect_suspected") OR OLD."novelty" IS DISTINCT FROM (NEW."novelty") OR OLD."model_version_id" IS DISTINCT FROM (NEW."model_version_id")) AND NOT (NOT NEW."scoring_deferred" AND OLD."scoring_deferred")) OR (OLD."label" IS NOT NULL AND OLD."label" IS DISTINCT FROM (NEW."label")) OR (OLD."defect_probability" IS NOT NULL AND OLD."defect_probability" IS DISTINCT FROM (NEW."defect_probability")) OR (OLD."reconstruction_error" IS NOT NULL AND OLD."reconstruction_error" IS DISTINCT FROM (NEW."reconstruction_error")) OR (OLD."anomaly_threshold" IS NOT NULL AND OLD."anomaly_threshold" IS DISTINCT FROM (NEW."anomaly_threshold")) OR (OLD."novel_defect_suspected" IS NOT NULL AND OLD."novel_defect_suspected" IS DISTINCT FROM (NEW."novel_defect_suspected")) OR (OLD."novelty" IS NOT NULL AND OLD."novelty" IS DISTINCT FROM (NEW."novelty")) OR (NEW."scoring_deferred" AND NOT OLD."scoring_deferred")))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='ddecc6c783f8c6caeb7db021652de41e8dc35d93', operation='UPDATE', pgid='pgtrigger_verdict_is_final_392d0', table='inspection_inspection', when='BEFORE')),
        ),
    ]
