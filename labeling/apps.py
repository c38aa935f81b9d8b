"""App configuration of labeling."""

from django.apps import AppConfig


class LabelingConfig(AppConfig):
    """App of the review queue, reviews, labels and datasets."""

    name = "labeling"
    verbose_name = "Labeling"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the parts reviewed blind and the model that pages show first."""
        from inspection.products.blind_parts import set_blind_parts
        from labeling.queue import queue_stats
        from labeling.review import blinding
        from mltasks.web.selection import set_first_model

        set_blind_parts(blinding.parts_judged_blind)
        set_first_model(queue_stats.busiest_model)
