"""Cost curve: expected cost of a version's errors at every threshold."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.serving.thresholds import DecisionCosts, cost_threshold
from mltasks.vision.stats.intervals import Estimate, proportion, weighted_sum
from mltasks.vision.types import DEFECT

THRESHOLD_STEPS = 100
PARTS_UNIT = 1000


def cost_curve(
    probabilities: Sequence[float],
    targets: Sequence[int],
    parts: Sequence[str],
    costs: DecisionCosts,
    defect_rate: float | None = None,
) -> list[dict[str, float]]:
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
        misses, alarms = _rate(p < threshold, defect, parts), _rate(p >= threshold, ~defect, parts)
        terms = [(PARTS_UNIT * costs.fn * share, misses), (PARTS_UNIT * costs.fp * (1 - share), alarms)]
        rows.append(_row(threshold, weighted_sum(terms, len(p), len(set(parts)))))
    return rows


def _rate(hits: NDArray[np.bool_], members: NDArray[np.bool_], parts: Sequence[str]) -> Estimate:
    return proportion(hits[members].tolist(), list(compress(parts, members)))


def _row(threshold: float, cost: Estimate) -> dict[str, float]:
    """Return the row of a threshold; both classes have images, so no value is None."""
    known = {"cost": cost.value, "low": cost.low, "high": cost.high}
    return {"threshold": threshold} | {name: value for name, value in known.items() if value is not None}
