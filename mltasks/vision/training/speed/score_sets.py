"""Nested sets of scores: how fast and how good a version with fewer scores would be, and the one within a budget.

The sets are those of ``fit_operating_point``: all scores, the selected ones, and those after each further removal. The
same trained heads serve all of them. The predictions of each set are out of fold: its scores are selected and removed,
and its weights, calibration and thresholds are fitted, without the fold that is predicted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from mltasks.vision.calibration.operating_point import KEEP_ALL_SCORES, OperatingPoint, removable_scores
from mltasks.vision.evaluation.predictions import Prediction
from mltasks.vision.training.fit_detectors import enabled_detectors
from mltasks.vision.training.folds import Fold, TrainingContext
from mltasks.vision.training.out_of_fold import refit


@dataclass(frozen=True, slots=True)
class GraphCost:
    """Milliseconds and GFLOP of one image in a serving graph in 32 bits on one thread."""

    milliseconds: float
    gflop: float


@dataclass(frozen=True, slots=True)
class ScoreSet:
    """Version with some of the scores; ``removals`` as in ``TrainConfig.score_removals``."""

    removals: int
    operating_point: OperatingPoint
    predictions: list[Prediction]
    cost: GraphCost


# Operating point and out-of-fold predictions
Fitted = tuple[OperatingPoint, list[Prediction]]
# From the operating point of a version to the cost of its graph
MeasureGraph = Callable[[OperatingPoint], GraphCost]


def measure_score_sets(
    folds: Mapping[str, Fold], context: TrainingContext, measure: MeasureGraph, made: Fitted
) -> list[ScoreSet]:
    """Return the score sets of trained folds, from all scores to the fewest, up to the config's ``trade_points``.

    ``made`` is the config's own set. With a budget all sets are returned, because the budget may need any."""
    config = context.data.config
    fitted = {config.score_removals: made}

    def fit_set(removals: int) -> Fitted:
        if removals not in fitted:
            fitted[removals] = refit(folds, context.with_config(replace(config, score_removals=removals)))
        return fitted[removals]

    selected, _ = fit_set(0)
    most = len(removable_scores(selected, enabled_detectors(config)))
    first = [KEEP_ALL_SCORES, 0] if selected.fusion.dropped else [0]
    count = most if config.budget_ms else config.trade_points - len(first)
    # A config may ask for more removals than there are scores.
    own = min(config.score_removals, most)
    fitted.setdefault(own, made)
    removals = {*first, *spread(range(1, most + 1), count), own}
    return [ScoreSet(number, *fit_set(number), measure(fit_set(number)[0])) for number in sorted(removals)]


def choose_score_set(sets: Sequence[ScoreSet], removals: int, budget_ms: float) -> ScoreSet:
    """Return the set of ``removals``, or with a budget the first of at least as many removals within it.

    The first has the least out-of-fold log loss: each removal is the one that raises the loss least. If none is within
    the budget, the fastest set is returned."""
    least = min(max(removals, 0) if budget_ms else removals, sets[-1].removals)
    candidates = [scores for scores in sets if scores.removals >= least]
    if not budget_ms:
        return candidates[0]
    within = (scores for scores in candidates if scores.cost.milliseconds <= budget_ms)
    return next(within, min(candidates, key=lambda scores: scores.cost.milliseconds))


def spread(values: Sequence[int], count: int) -> list[int]:
    """Return at most ``count`` of the values, evenly spread, the last one included."""
    if count <= 0:
        return []
    step = max(1.0, len(values) / count)
    return [values[len(values) - 1 - round(step * number)] for number in range(min(count, len(values)))][::-1]
