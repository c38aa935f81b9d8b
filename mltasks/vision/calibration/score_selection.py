"""Selection of the scores that a version carries: backward elimination by out-of-fold log loss.

A score whose weight is almost zero costs computing time for every part and brings nothing. Starting from all scores,
each step leaves out the score without which the log loss of the held-out parts is lowest, as long as the loss does not
rise (Guyon and Elisseeff, "An Introduction to Variable and Feature Selection", JMLR 3, 2003). The loss is that of a
cross-validation on the held-out scores, so the choice uses no part outside the folds of the fit.

Scores that are computed anyway, for the maps or for novelty, stay. Scores that alone need a whole backbone are tried
first, and a rise below half of its standard error is taken for chance with them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.calibration.fusion import Fusion, fit_fusion, fit_weights
from mltasks.vision.calibration.part_folds import assign_part_folds, defective_parts, rarer_class_count

FOLDS = 5
# Fewer parts of a class cannot be divided: all scores stay.
MIN_PARTS_PER_CLASS = 4
# Rise of the loss in standard errors of the difference that counts as chance with a costly score
TOLERATED_ERRORS = 0.5
Floats = NDArray[np.float64]


def fit_selected_fusion(
    scores: Mapping[str, Sequence[float]],
    targets: Sequence[int],
    parts: Sequence[str],
    seed: int,
    *,
    detectors: Collection[str] = (),
    costly: Collection[str] = (),
    free: Collection[str] = (),
) -> Fusion:
    """Fit the fusion of the scores that lower the log loss; ``dropped`` names the others.

    ``scores`` by name, each ``[n]``, ``targets`` ``[n]`` in {0, 1} and ``parts`` ``[n]`` are those of held-out images.
    ``detectors`` form a sum of their own, as in ``fit_fusion``, if the log loss of all scores is lower with it.
    ``costly`` scores need a backbone of their own, ``free`` ones are computed anyway. A score of weight 0 that is not
    free is always left out. The same arguments give the same fusion. Raises ValueError as ``fit_fusion``.
    """
    fusion = fit_fusion(scores, targets)
    if (folds := divide_parts(parts, targets, seed)) is None:
        return fusion
    part, fold = folds
    one_sum, two_sums = (part_losses(scores, targets, part, fold, apart) for apart in ((), detectors))
    if two_sums.mean() < one_sum.mean():
        losses, fusion = two_sums, fit_fusion(scores, targets, detectors)
    else:
        losses, detectors = one_sum, ()
    kept, dropped = list(scores), dict[str, float]()
    while len(kept) > 1:
        candidates = [name for name in kept if name not in free]
        without = {
            name: part_losses(_without(scores, kept, name), targets, part, fold, detectors) for name in candidates
        }
        rises = {name: without[name] - losses for name in candidates}
        needless = [
            name
            for name in candidates
            if fusion.weights[name] <= 0 or rises[name].mean() <= _tolerance(rises[name], name in costly)
        ]
        if not needless:
            break
        least = min(needless, key=lambda name: (name not in costly, rises[name].mean()))
        dropped[least] = round(float(rises[least].mean()), 6)
        kept.remove(least)
        losses, fusion = without[least], fit_fusion({name: scores[name] for name in kept}, targets, detectors)
    return replace(fusion, dropped=dropped)


def divide_parts(
    parts: Sequence[str], targets: Sequence[int], seed: int
) -> tuple[NDArray[np.intp], NDArray[np.int64]] | None:
    """Return each image's part number and fold, both ``[n]``; None with too few parts of a class to divide."""
    defective, part = defective_parts(parts, targets)
    fewest = rarer_class_count(defective)
    if fewest < MIN_PARTS_PER_CLASS:
        return None
    return part, assign_part_folds(defective, min(FOLDS, fewest), np.random.default_rng(seed))[part]


def _tolerance(rise: Floats, costly: bool) -> float:
    return TOLERATED_ERRORS * float(rise.std()) / len(rise) ** 0.5 if costly else 0.0


def _without(scores: Mapping[str, Sequence[float]], kept: Sequence[str], left_out: str) -> dict[str, Sequence[float]]:
    return {name: scores[name] for name in kept if name != left_out}


def part_losses(
    scores: Mapping[str, Sequence[float]],
    targets: Sequence[int],
    part: NDArray[np.intp],
    fold: NDArray[np.int64],
    detectors: Collection[str],
) -> Floats:
    """Return each part's held-out log loss ``[p]``; both classes weigh the same, as in the fit."""
    y = np.asarray(targets)
    arrays = {name: np.asarray(values, np.float64) for name, values in scores.items()}
    losses = np.zeros(len(y))
    for number in range(fold.max() + 1):
        out = fold == number
        inside = {name: values[~out].tolist() for name, values in arrays.items()}
        fitted = fit_weights(inside, y[~out].tolist(), detectors)
        logits = fitted.logits({name: values[out].tolist() for name, values in arrays.items()})
        losses[out] = np.logaddexp(0, np.where(y[out] == 1, -logits, logits))
    shares = np.bincount(y, minlength=2)[y] * 2
    return np.bincount(part, losses * len(y) / shares) / np.bincount(part)
