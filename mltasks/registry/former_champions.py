"""Former champions, for rollbacks and for the fallback of damaged files."""

from __future__ import annotations

from mltasks.models import ModelVersion, Promotion


def former_champions(model_id: int) -> list[ModelVersion]:
    """Return the champions before the present one, the latest first, each once.

    A version that was rolled back from is left out: people decided that it should not score. It can be promoted again
    through the gate.
    """
    line: list[ModelVersion] = []
    history = Promotion.objects.filter(model=model_id).order_by("pk").select_related("version__model")
    for promotion in history:
        line = _apply_promotion(line, promotion)
    return line[-2::-1]


def _apply_promotion(champions: list[ModelVersion], promotion: Promotion) -> list[ModelVersion]:
    """Return the champions after one more promotion or rollback, the present one last."""
    version = promotion.version
    if promotion.kind != Promotion.Kind.ROLLBACK:
        return [*(former for former in champions if former != version), version]
    if version in champions:
        return champions[: champions.index(version) + 1]
    # The version comes back after an earlier rollback from it: the version that it replaces is now the unwanted one.
    return [*champions[:-1], version]
