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
    done = Replay.objects.filter(product=product, state=Replay.State.SUCCEEDED).without_large_fields()
    newest = done.order_by("candidate_id", "-finished_at").distinct("candidate_id").select_related("candidate__model")
    found = [
        HoldoutResult(one.candidate, figures, figures["n"], one.finished_at)
        for one in newest
        if (figures := one.figures["holdout"]["candidate"])
    ]
    return sorted(found, key=lambda one: -one.version.number)
