"""Each version of a product on the locked holdout, by its newest replay: how versions compare over months."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from inspection.models import Product, Replay
from mltasks.models import ModelVersion


@dataclass(frozen=True, slots=True)
class HoldoutResult:
    """A version with its figures there (as ``replay_metrics`` has them), how many parts it was measured on, and
    when."""

    version: ModelVersion
    figures: dict[str, Any]
    part_count: int
    measured_at: datetime | None


def load_holdout_results(product: Product) -> list[HoldoutResult]:
    """The measured versions, the newest first. Parts that a version learned from before they were locked are none of
    its own, so the numbers of parts differ."""
    done = Replay.objects.filter(product=product, state=Replay.State.SUCCEEDED).without_large_fields()
    newest = done.order_by("candidate_id", "-finished_at").distinct("candidate_id").select_related("candidate__model")
    found = [
        HoldoutResult(one.candidate, figures, figures["n"], one.finished_at)
        for one in newest
        if (figures := one.figures["holdout"]["candidate"])
    ]
    return sorted(found, key=lambda one: -one.version.number)
