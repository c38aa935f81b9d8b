"""The app of parts and their verdicts."""

from django.apps import AppConfig


class InspectionConfig(AppConfig):
    """Products, stations, intake, scoring and routing."""

    name = "inspection"
    verbose_name = "Inspection"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the promotion gate."""
        from inspection.promotion import gate_checks
        from mltasks.registry import gate

        gate.set_gate(gate_checks.lines)
