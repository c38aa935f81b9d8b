"""App configuration of ``mltasks``."""

from django.apps import AppConfig


class MltasksConfig(AppConfig):
    """App of snapshots, training runs, model versions, reports, registry and scoring."""

    name = "mltasks"
    verbose_name = "Models"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the executor of each kind of run."""
        from mltasks.runs.execution import register  # late, as all of these: they import models
        from mltasks.training.pretraining import PretrainingExecutor
        from mltasks.training.training import TrainingExecutor
        from mltasks.training.verification_runs import VerificationExecutor

        register(TrainingExecutor())
        register(PretrainingExecutor())
        register(VerificationExecutor())
