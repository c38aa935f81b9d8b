"""Metrics of each version of a product on the locked holdout, by its newest replay."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from inspection.models import Product, Replay
from mltasks.models import ModelVersion


@dataclass(frozen=True, slots=True)
class HoldoutResult:
    """Metrics of a version on the locked holdout, as ``replay_metrics`` computes them."""

    version: ModelVersion
    figures: dict[str, Any]
    part_count: int
    measured_at: datetime | None


def load_holdout_results(product: Product) -> list[HoldoutResult]:
    """Return the results of all measured versions, newest first.

    Parts that a version was trained on before they were locked do not count for it, so the part counts differ.
    """
    finished = Replay.objects.filter(product=product, state=Replay.State.SUCCEEDED).without_large_fields()
    newest = finished.order_by("candidate_id", "-finished_at").distinct("candidate_id")
    results = [
        HoldoutResult(replay.candidate, figures, figures["n"], replay.finished_at)
        for replay in newest.select_related("candidate__model")
        if (figures := replay.figures["holdout"]["candidate"])
    ]
    return sorted(results, key=lambda result: -result.version.number)
