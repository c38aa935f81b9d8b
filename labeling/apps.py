"""The app of people looking again."""

from django.apps import AppConfig


class LabelingConfig(AppConfig):
    """Queue, reviews, labels and datasets."""

    name = "labeling"
    verbose_name = "Labeling"
    default_auto_field = "django.db.models.BigAutoField"
