"""Names of defect types in every script, and imported labels that overrule a person. No column changes."""

from __future__ import annotations

from django.db import migrations, models

import labeling.models.type_names


class Migration(migrations.Migration):
    dependencies = [("labeling", "0004_what_people_say")]

    operations = [
        migrations.AlterField(
            model_name="defecttype",
            name="name",
            field=models.CharField(
                db_index=True, max_length=80, validators=[labeling.models.type_names.validate_type_name]
            ),
        ),
        migrations.AlterField(
            model_name="label",
            name="provenance",
            field=models.CharField(
                choices=[
                    ("single", "One person"),
                    ("double", "Two people who agree"),
                    ("adjudicated", "Settled by a third person"),
                    ("imported", "Imported"),
                    ("overruled", "Imported over a person's verdict"),
                ],
                db_default="single",
                default="single",
                help_text="How many people stand behind it.",
                max_length=12,
            ),
        ),
    ]
