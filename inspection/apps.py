"""Configuration of the inspection app."""

from django.apps import AppConfig


class InspectionConfig(AppConfig):
    """App of products, stations, intake, scoring and routing."""

    name = "inspection"
    verbose_name = "Inspection"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the promotion gate and the executor of replays."""
        from inspection.promotion import gate_checks
        from inspection.replay.replay import ReplayExecutor
        from mltasks.registry import gate
        from mltasks.runs.execution import register

        gate.set_gate(gate_checks.evaluate_gate)
        register(ReplayExecutor())
