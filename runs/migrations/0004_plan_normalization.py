from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('runs', '0003_worker_nodes'),
    ]

    operations = [
        migrations.AddField(
            model_name='run',
            name='plan_normalization',
            field=models.JSONField(blank=True, default=dict, help_text='How the raw plan was read: format, confidence, reasons, warnings, decisions.'),
        ),
    ]
