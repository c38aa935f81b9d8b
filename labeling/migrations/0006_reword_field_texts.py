"""Reword names and help texts of fields. No SQL is run."""

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('labeling', '0005_types_in_every_script_and_overruling_imports'),
        ('mltasks', '0009_reword_field_texts'),
    ]

    operations = [
        migrations.AlterField(
            model_name='defecttype',
            name='colour',
            field=models.CharField(blank=True, db_default='', default='', help_text='Color of the mark beside the name, such as #D55E00. Empty: a color of the palette.', max_length=7, validators=[django.core.validators.RegexValidator('^#[0-9a-fA-F]{6}$', 'A color is # and six hexadecimal digits, such as #D55E00.')]),
        ),
        migrations.AlterField(
            model_name='defecttype',
            name='key',
            field=models.CharField(blank=True, help_text='Digit key that fails a part with this type in one keystroke.', max_length=1, validators=[django.core.validators.RegexValidator('^[1-9]$', 'A key is one digit from 1 to 9.')]),
        ),
        migrations.AlterField(
            model_name='label',
            name='provenance',
            field=models.CharField(choices=[('single', 'One person'), ('double', 'Two people who agree'), ('adjudicated', 'Decided by a third person'), ('imported', 'Imported'), ('overruled', "Imported, replaces a person's verdict")], db_default='single', default='single', help_text='How many people gave or confirmed the verdict.', max_length=12),
        ),
        migrations.AlterField(
            model_name='recheck',
            name='due_at',
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='Time from which the recheck is offered to reviewers.'),
        ),
        migrations.AlterField(
            model_name='recheck',
            name='given',
            field=models.CharField(choices=[('PASS', 'Pass'), ('FAIL', 'Fail'), ('REVIEW', 'Review')], help_text='Verdict of that label.', max_length=6),
        ),
        migrations.AlterField(
            model_name='recheck',
            name='label',
            field=models.ForeignKey(help_text='The label that is rechecked.', on_delete=django.db.models.deletion.PROTECT, related_name='rechecks', to='labeling.label'),
        ),
        migrations.AlterField(
            model_name='recheck',
            name='outcome',
            field=models.CharField(blank=True, choices=[('confirmed', 'Confirmed'), ('changed', 'Changed'), ('withdrawn', 'The label was undone')], max_length=10),
        ),
        migrations.AlterField(
            model_name='recheck',
            name='probability',
            field=models.FloatField(blank=True, help_text='Out-of-fold defect probability: by models that were not trained on the part.', null=True),
        ),
        migrations.AlterField(
            model_name='recheck',
            name='reason',
            field=models.CharField(choices=[('doubted', 'A version gives the label a low probability'), ('second', 'Double review: a second person, blind'), ('repeat', 'Repeat review: the same person, blind'), ('disputed', 'Two people differ: a third person decides')], db_default='doubted', default='doubted', max_length=10),
        ),
        migrations.AlterField(
            model_name='recheck',
            name='version',
            field=models.ForeignKey(blank=True, help_text='The version that gives the label a low probability.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='rechecks', to='mltasks.modelversion'),
        ),
        migrations.AlterField(
            model_name='review',
            name='shown_seconds',
            field=models.FloatField(blank=True, help_text="Time on the reviewer's screen, as the page measured it.", null=True),
        ),
        migrations.AlterField(
            model_name='skip',
            name='reason',
            field=models.CharField(choices=[('unclear_image', 'The image is unclear'), ('cannot_decide', 'I cannot decide'), ('not_a_part', 'The image shows another part or none'), ('other', 'Another reason')], max_length=20),
        ),
    ]
