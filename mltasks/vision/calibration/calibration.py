"""Logits to probabilities that mean what they say, and how far a good part's error may go."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.calibration import isotonic
from mltasks.vision.serving.calibrator import Calibrator, sigmoid

__all__ = [
    "Calibrator",
    "anomaly_threshold",
    "fit_calibrator",
    "fit_isotonic",
    "fit_lapses",
    "fit_platt",
    "fit_temperature",
]

Floats = NDArray[np.float64]
NEWTON_STEPS = 100
TOLERANCE = 1e-10
FOLDS, REPEATS = 5, 3
# Of the parts, and how many times steeper than without lapses the map may get
LAPSE_RATE = 0.03
SLOPE_FACTORS = np.geomspace(1, 3, 31).tolist()
# Below these, isotonic regression overfits (Niculescu-Mizil and Caruana, ICML 2005).
ISOTONIC_PARTS, ISOTONIC_PER_CLASS = 200, 50


def fit_calibrator(
    logits: Sequence[float], targets: Sequence[int], groups: Sequence[str], seed: int, lowest_threshold: float = 1.0
) -> Calibrator:
    """The best of temperature, temperature with lapses and Platt, fitted on everything; from 200 parts with 50 of each
    class on isotonic instead of lapses. Lapses are not tried where they would hide ``lowest_threshold``, the lowest
    probability
    at which something is decided.

    ``logits`` [n] are of parts the network did not learn from, ``targets`` [n] 0 or 1, ``groups`` [n] name the parts.
    The best has the lowest log loss in five-fold cross-validation, thrice, that never divides a part; but lapses are
    taken unless it is better by more than a standard error of the difference (Breiman et al., 1984): that labels are
    now and then wrong is known beforehand, and few of them can't show that these are not. With fewer than two parts of
    a class nothing can be compared: Platt. Raises ValueError as ``fit_platt`` does.
    """
    x, y = _checked_arrays(logits, targets)
    numbers = np.unique(np.asarray(groups), return_inverse=True)[1]
    losses = _cross_validate(x, y, numbers, np.random.default_rng(seed), lapses=lowest_threshold > LAPSE_RATE)
    if not losses:
        return fit_platt(logits, targets)
    means = {method: float(loss.mean()) for method, loss in losses.items()}
    return replace(_FITS[_choose_method(losses)](logits, targets), log_losses=means)


def fit_temperature(logits: Sequence[float], targets: Sequence[int]) -> Calibrator:
    """One temperature for all logits (Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML
    2017), on Platt's smoothed targets so that perfect separation stays finite. Where the network ranks backwards the
    temperature is infinite, every part 0.5. Raises ValueError as ``fit_platt`` does."""
    x, y = _checked_arrays(logits, targets)
    spread = float(np.sqrt((x**2).mean())) or 1.0
    [weight] = _newton((x / spread)[:, None], _platt_targets(y), np.zeros(1))
    return Calibrator(max(0.0, float(weight / spread)), 0.0, "temperature")


def fit_platt(logits: Sequence[float], targets: Sequence[int]) -> Calibrator:
    """Platt's scaling with his smoothed targets (Platt 1999; Newton's method as in Lin, Lin and Weng, Machine Learning
    68, 2007), on logits the network did not learn from. The prior is that of the data.

    A network that ranks backwards on unseen parts knows nothing: then the slope is 0 and every part gets the prior.
    Raises ValueError unless both classes are there and all logits are finite.
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
    """One temperature where 3 % of the parts are not what they look like: at least a third of that without lapses.

    Without lapses one defect that nobody can see, or one wrong label, makes all other parts look doubtful (lapse rates
    as in Wichmann and Hill, "The psychometric function", Perception & Psychophysics 63, 2001; 3.3 % is the share of
    label errors that Northcutt, Athalye and Mueller found in ten test sets, NeurIPS 2021). Raises ValueError as
    ``fit_platt`` does.
    """
    x, y = _checked_arrays(logits, targets)
    plain, smooth = fit_temperature(logits, targets), _platt_targets(y)
    # By looking at all: with lapses there may be several valleys.
    tried = [replace(plain, slope=plain.slope * factor, lapse=LAPSE_RATE) for factor in SLOPE_FACTORS]
    losses = [_log_loss(one.probability(x), smooth).sum() for one in tried]
    return tried[int(np.argmin(losses))]


def fit_isotonic(logits: Sequence[float], targets: Sequence[int]) -> Calibrator:
    """A rising line through smoothed shares of defects, which beyond its ends goes on as Platt's does. Raises
    ValueError as ``fit_platt`` does."""
    x, y = _checked_arrays(logits, targets)
    return replace(fit_platt(logits, targets), method="isotonic", knots=isotonic.fit_knots(x, y))


def anomaly_threshold(good_errors: Sequence[float], quantile: float) -> float:
    """The error that the share ``quantile`` of good parts, held out of training, stays below. Raises ValueError
    without any."""
    if not len(good_errors):
        raise ValueError("The anomaly threshold needs errors of held-out good parts.")
    return float(np.quantile(np.asarray(good_errors, np.float64), quantile))


_FITS: dict[str, Callable[[Sequence[float], Sequence[int]], Calibrator]] = {
    "platt": fit_platt,
    "temperature": fit_temperature,
    "temperature with lapses": fit_lapses,
    "isotonic": fit_isotonic,
}
BASE_METHODS, LAPSE_METHOD = ("platt", "temperature"), "temperature with lapses"
SMALL_SET_METHODS = (*BASE_METHODS, LAPSE_METHOD)
# A rising line needs no lapses: it bends where parts are not what they look like.
LARGE_SET_METHODS = (*BASE_METHODS, "isotonic")


def _cross_validate(
    x: Floats, y: Floats, groups: NDArray[np.intp], generator: np.random.Generator, *, lapses: bool
) -> dict[str, Floats]:
    """Log loss of each held-out label ``[n]`` by method; empty with fewer than two parts of a class."""
    defective = np.bincount(groups, y) > 0
    fewest = int(min(defective.sum(), (~defective).sum()))
    if fewest < 2:
        return {}
    many = len(defective) >= ISOTONIC_PARTS and fewest >= ISOTONIC_PER_CLASS
    methods = LARGE_SET_METHODS if many else SMALL_SET_METHODS if lapses else BASE_METHODS
    losses = {method: np.zeros(len(x)) for method in methods}
    for _ in range(REPEATS):
        fold = _folds(defective, min(FOLDS, fewest), generator)[groups]
        for held in range(min(FOLDS, fewest)):
            seen, out = fold != held, fold == held
            for method in methods:
                fitted = _FITS[method](x[seen].tolist(), y[seen].astype(int).tolist())
                losses[method][out] += _log_loss(fitted.probability(x[out]), y[out]) / REPEATS
    return losses


def _choose_method(losses: Mapping[str, Floats]) -> str:
    """The method of the lowest mean log loss; lapses where it is no more than a standard error better."""
    best = min(losses, key=lambda method: losses[method].mean())
    if LAPSE_METHOD not in losses:
        return best
    worse = losses[LAPSE_METHOD] - losses[best]
    return LAPSE_METHOD if worse.mean() <= worse.std() / len(worse) ** 0.5 else best


def _folds(defective: NDArray[np.bool_], count: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """The fold of each part: good and defective parts dealt evenly."""
    fold = np.zeros(len(defective), np.int64)
    for kind in (defective, ~defective):
        fold[generator.permutation(np.flatnonzero(kind))] = np.arange(kind.sum()) % count
    return fold


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
    """The weights ``[k]`` of least log loss for a ``design`` ``[n, k]`` and targets in (0, 1), from a start on."""
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
