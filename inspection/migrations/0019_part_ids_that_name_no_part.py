"""Part ids that name no part. Both columns have defaults of the database: the program before this one goes on adding
products, and PostgreSQL rewrites no row for a constant."""

from __future__ import annotations

from django.db import migrations, models

PLACEHOLDERS = (
    "NOREAD\nNOCODE\nNODATA\nBADREAD\nMISREAD\nREADERROR\nUNREADABLE\nERROR\nERR\nFAIL\nFAILED\nTIMEOUT\nINVALID\n"
    "UNKNOWN\nUNDEFINED\nEMPTY\nNULL\nNONE\nNIL\nN/A\nNAN\n0\nX\n"
)


class Migration(migrations.Migration):
    dependencies = [("inspection", "0018_rates_have_one_name")]

    operations = [
        migrations.AddField(
            model_name="product",
            name="placeholder_part_ids",
            field=models.TextField(
                blank=True,
                db_default=PLACEHOLDERS,
                default=PLACEHOLDERS,
                help_text=(
                    "What readers send for a code that they can't read, one a line. Case, spaces and signs don't "
                    "count; one sign, such as 0, stands for any number of it. Parts with such an id are not taken for "
                    "one part."
                ),
                verbose_name="part ids that name no part",
            ),
        ),
        migrations.AddField(
            model_name="product",
            name="shared_part_ids",
            field=models.JSONField(
                blank=True,
                db_default={},
                default=dict,
                editable=False,
                help_text=(
                    "Part ids that too many images share to name a part, each with its share. Counted by the hour."
                ),
            ),
        ),
    ]
