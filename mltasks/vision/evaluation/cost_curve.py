"""Cost curve: expected cost of a version's errors at every threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mltasks.vision.guarantees.thresholds import cost_threshold
from mltasks.vision.stats.intervals import Estimate, proportion_among, weighted_sum
from mltasks.vision.types import DEFECT, Costs

THRESHOLD_STEPS = 100
PARTS_UNIT = 1000


def cost_curve(
    probabilities: Sequence[float],
    targets: Sequence[int],
    parts: Sequence[str],
    costs: Costs,
    defect_rate: float | None = None,
) -> list[dict[str, Any]]:
    """Compute the expected cost of escapes and false alarms per 1000 parts without review.

    Rows ascend by threshold: hundredths of [0, 1] and the cost threshold. Each row has ``threshold, cost, low, high``,
    the last two from the 95 % intervals of both rates (MOVER). ``defect_rate`` is the line's share of defective parts;
    None: the images' share. Empty if a class has no image.
    """
    p, defect = np.asarray(probabilities, np.float64), np.asarray(targets) == DEFECT
    if defect.all() or not defect.any():
        return []
    share = float(defect.mean()) if defect_rate is None else defect_rate
    rows = []
    for threshold in sorted({*(step / THRESHOLD_STEPS for step in range(THRESHOLD_STEPS + 1)), cost_threshold(costs)}):
        escapes = proportion_among(defect, p < threshold, parts)
        false_alarms = proportion_among(~defect, p >= threshold, parts)
        cost = expected_cost(escapes, false_alarms, costs, share, parts)
        rows.append({"threshold": threshold, "cost": cost.value, "low": cost.low, "high": cost.high})
    return rows


def expected_cost(
    escapes: Estimate, false_alarms: Estimate, costs: Costs, defect_share: float, parts: Sequence[str]
) -> Estimate:
    """Return the expected cost per 1000 parts of both error rates; ``parts`` has one entry per image."""
    terms = [
        (PARTS_UNIT * costs.fn * defect_share, escapes),
        (PARTS_UNIT * costs.fp * (1 - defect_share), false_alarms),
    ]
    return weighted_sum(terms, len(parts), len(set(parts)))
