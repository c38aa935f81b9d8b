"""The app of what is learned."""

from django.apps import AppConfig


class MltasksConfig(AppConfig):
    """Snapshots, training runs, model versions, reports, registry and serving."""

    name = "mltasks"
    verbose_name = "Models"
    default_auto_field = "django.db.models.BigAutoField"
