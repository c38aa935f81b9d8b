"""Fit of calibrators (logits to probabilities) and of the anomaly threshold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.calibration import isotonic
from mltasks.vision.calibration.part_folds import assign_part_folds, defective_parts, rarer_class_count
from mltasks.vision.serving.calibrator import Calibrator, sigmoid

Floats = NDArray[np.float64]
NEWTON_STEPS = 100
TOLERANCE = 1e-10
FOLDS, REPEATS = 5, 3
# Share of lapses, and factors by which the map may be steeper than without lapses
LAPSE_RATE = 0.03
SLOPE_FACTORS = np.geomspace(1, 3, 31).tolist()
# Isotonic regression overfits with fewer (Niculescu-Mizil and Caruana, ICML 2005).
ISOTONIC_PARTS, ISOTONIC_PER_CLASS = 200, 50


def fit_calibrator(
    logits: Sequence[float], targets: Sequence[int], groups: Sequence[str], seed: int, lowest_threshold: float = 1.0
) -> Calibrator:
    """Fit the best calibrator of temperature, Platt, Platt with lapses and isotonic.

    ``logits`` [n] must be out of fold, ``targets`` [n] are 0 or 1, ``groups`` [n] name the parts.

    - Isotonic replaces lapses from 200 parts with 50 of each class on.
    - Lapses are not tried if they would hide ``lowest_threshold``, the lowest probability at which something is
      decided.
    - The best method has the lowest log loss in five-fold cross-validation, repeated three times, grouped by part.
    - Lapses win unless the best is better by more than one standard error of the difference (Breiman et al., 1984).
      Some labels are known to be wrong, and a few labels cannot show the opposite.
    - With fewer than two parts of a class nothing can be compared: Platt.

    Raises ValueError as ``fit_platt``.
    """
    x, y = _checked_arrays(logits, targets)
    losses = _cross_validate(x, y, groups, np.random.default_rng(seed), lapses=lowest_threshold > LAPSE_RATE)
    if not losses:
        return fit_platt(logits, targets)
    means = {method: float(loss.mean()) for method, loss in losses.items()}
    return replace(_FITS[_choose_method(losses)](logits, targets), log_losses=means)


def fit_temperature(logits: Sequence[float], targets: Sequence[int]) -> Calibrator:
    """Fit one temperature for all logits on Platt's smoothed targets.

    The smoothed targets keep perfect separation finite. If the network ranks backwards, the temperature is infinite and
    every part gets 0.5. Source: Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.
    Raises ValueError as ``fit_platt``.
    """
    x, y = _checked_arrays(logits, targets)
    spread = float(np.sqrt((x**2).mean())) or 1.0
    [weight] = _newton((x / spread)[:, None], _platt_targets(y), np.zeros(1))
    return Calibrator(max(0.0, float(weight / spread)), 0.0, "temperature")


def fit_platt(logits: Sequence[float], targets: Sequence[int]) -> Calibrator:
    """Fit Platt's scaling with smoothed targets on out-of-fold logits.

    The prior is the data's. If the network ranks backwards, the slope is 0 and every part gets the prior. Sources:
    Platt 1999; Newton's method as in Lin, Lin and Weng, Machine Learning 68, 2007. Raises ValueError unless both
    classes are present and all logits are finite.
    """
    x, y = _checked_arrays(logits, targets)
    smooth = _platt_targets(y)
    prior = float(np.log(smooth.mean() / (1 - smooth.mean())))
    mean, spread = x.mean(), x.std() or 1.0
    weights = _newton(np.stack([(x - mean) / spread, np.ones_like(x)], axis=1), smooth, np.array([0.0, prior]))
    if weights[0] <= 0:
        return Calibrator(0.0, prior)
    return Calibrator(float(weights[0] / spread), float(weights[1] - weights[0] * mean / spread))


def fit_lapses(logits: Sequence[float], targets: Sequence[int]) -> Calibrator:
    """Fit Platt's scaling with a label-noise floor of 3 %: 1 to 3 × as steep as without it, about the same midpoint.

    Without a floor, one invisible defect or one wrong label makes all other parts look uncertain (lapse rates as in
    Wichmann and Hill, "The psychometric function", Perception & Psychophysics 63, 2001). 3.3 % is the share of label
    errors in ten test sets (Northcutt, Athalye and Mueller, NeurIPS 2021). Raises ValueError as ``fit_platt``.
    """
    x, y = _checked_arrays(logits, targets)
    plain, smooth = fit_platt(logits, targets), _platt_targets(y)
    # Grid search: with lapses the loss may have several minima. Without a slope every part gets the prior.
    tried = [
        replace(plain, slope=factor * plain.slope, intercept=factor * plain.intercept, lapse=LAPSE_RATE)
        for factor in (SLOPE_FACTORS if plain.slope else [1.0])
    ]
    losses = [_log_loss(calibrator.probability(x), smooth).sum() for calibrator in tried]
    return tried[int(np.argmin(losses))]


def fit_isotonic(logits: Sequence[float], targets: Sequence[int]) -> Calibrator:
    """Fit an increasing map through smoothed shares of defects. Raises as ``fit_platt``."""
    x, y = _checked_arrays(logits, targets)
    return replace(fit_platt(logits, targets), method="isotonic", knots=isotonic.fit_knots(x, y))


def anomaly_threshold(good_errors: Sequence[float], quantile: float) -> float:
    """Return the ``quantile`` of held-out good parts' errors. Raises ValueError without any."""
    if not len(good_errors):
        raise ValueError("The anomaly threshold needs errors of held-out good parts.")
    return float(np.quantile(np.asarray(good_errors, np.float64), quantile))


_FITS: dict[str, Callable[[Sequence[float], Sequence[int]], Calibrator]] = {
    "platt": fit_platt,
    "temperature": fit_temperature,
    "platt with lapses": fit_lapses,
    "isotonic": fit_isotonic,
}
BASE_METHODS, LAPSE_METHOD = ("platt", "temperature"), "platt with lapses"
SMALL_SET_METHODS = (*BASE_METHODS, LAPSE_METHOD)
# Isotonic maps need no lapses: they are flat where labels are noisy.
LARGE_SET_METHODS = (*BASE_METHODS, "isotonic")


def _cross_validate(
    x: Floats, y: Floats, groups: Sequence[str], generator: np.random.Generator, *, lapses: bool
) -> dict[str, Floats]:
    """Return held-out log losses ``[n]`` by method; empty with fewer than two parts of a class."""
    defective, part = defective_parts(groups, y.astype(int).tolist())
    fewest = rarer_class_count(defective)
    if fewest < 2:
        return {}
    many = len(defective) >= ISOTONIC_PARTS and fewest >= ISOTONIC_PER_CLASS
    methods = LARGE_SET_METHODS if many else SMALL_SET_METHODS if lapses else BASE_METHODS
    losses = {method: np.zeros(len(x)) for method in methods}
    for _ in range(REPEATS):
        fold = assign_part_folds(defective, min(FOLDS, fewest), generator)[part]
        for held in range(min(FOLDS, fewest)):
            seen, out = fold != held, fold == held
            for method in methods:
                fitted = _FITS[method](x[seen].tolist(), y[seen].astype(int).tolist())
                losses[method][out] += _log_loss(fitted.probability(x[out]), y[out]) / REPEATS
    return losses


def _choose_method(losses: Mapping[str, Floats]) -> str:
    """Return the method of the lowest mean log loss, or lapses within one standard error of it."""
    best = min(losses, key=lambda method: losses[method].mean())
    if LAPSE_METHOD not in losses:
        return best
    worse = losses[LAPSE_METHOD] - losses[best]
    return LAPSE_METHOD if worse.mean() <= worse.std() / len(worse) ** 0.5 else best


def _log_loss(p: Floats, y: Floats) -> Floats:
    loss: Floats = -(y * np.log(p) + (1 - y) * np.log(1 - p))
    return loss


def _checked_arrays(logits: Sequence[float], targets: Sequence[int]) -> tuple[Floats, Floats]:
    x, y = np.asarray(logits, np.float64), np.asarray(targets, np.float64)
    if not np.isfinite(x).all() or not 0 < y.sum() < len(y):
        raise ValueError("Calibration needs finite logits of both classes.")
    return x, y


def _platt_targets(y: Floats) -> Floats:
    positive, negative = y.sum(), len(y) - y.sum()
    smooth: Floats = np.where(y == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))
    return smooth


def _newton(design: Floats, y: Floats, weights: Floats) -> Floats:
    """Return the weights ``[k]`` of least log loss by Newton's method from a start.

    ``design`` is ``[n, k]``; the targets are in (0, 1).
    """
    loss = _loss(design, y, weights)
    for _ in range(NEWTON_STEPS):
        p = sigmoid(design @ weights)
        gradient = design.T @ (p - y)
        hessian = (design * (p * (1 - p))[:, None]).T @ design + 1e-12 * np.eye(len(weights))
        step, size = np.linalg.solve(hessian, gradient), 1.0
        while size > TOLERANCE and _loss(design, y, weights - size * step) > loss:
            size /= 2
        weights = weights - size * step
        before, loss = loss, _loss(design, y, weights)
        if before - loss < TOLERANCE:
            break
    return weights


def _loss(design: Floats, y: Floats, weights: Floats) -> float:
    z = design @ weights
    return float((np.logaddexp(0, z) - y * z).sum())
