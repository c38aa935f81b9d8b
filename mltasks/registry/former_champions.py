"""Champions before the present one, as a rollback and a fallback for damaged files want them."""

from __future__ import annotations

from mltasks.models import ModelVersion, Promotion


def former_champions(model_id: int) -> list[ModelVersion]:
    """Return the champions before the present one, the latest first, each once.

    A version that was rolled back from is left out: people decided that it should not score. It can be promoted again,
    by the gate.
    """
    line: list[ModelVersion] = []
    history = Promotion.objects.filter(model=model_id).order_by("pk").select_related("version__model")
    for promotion in history:
        line = _apply_promotion(line, promotion)
    return line[-2::-1]


def _apply_promotion(champions: list[ModelVersion], promotion: Promotion) -> list[ModelVersion]:
    """Return the champions, the present one last, after one more promotion or rollback."""
    version = promotion.version
    if promotion.kind != Promotion.Kind.ROLLBACK:
        return [*(one for one in champions if one != version), version]
    if version in champions:
        return champions[: champions.index(version) + 1]
    # It comes back after people had rolled back from it: the version that it replaces is the one they do not want.
    return [*champions[:-1], version]
