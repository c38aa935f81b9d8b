"""Logits to probabilities that mean what they say, and how far a good part's error may go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

STEPS = 100
FLAT = 1e-10


@dataclass(frozen=True, slots=True)
class Calibrator:
    """probability = sigmoid(slope × logit + intercept)."""

    slope: float
    intercept: float

    def probability(self, logits: ArrayLike) -> NDArray[np.float64]:
        """Calibrated defect probabilities in [0, 1] of logits of any shape."""
        return _sigmoid(self.slope * np.asarray(logits, np.float64) + self.intercept)


def fit_platt(logits: Sequence[float], targets: Sequence[int]) -> Calibrator:
    """Platt's scaling with his smoothed targets (Platt 1999; Newton's method as in Lin, Lin and Weng, Machine Learning
    68, 2007), on logits the network did not learn from. The prior is that of the data.

    A network that ranks backwards on unseen parts knows nothing: then the slope is 0 and every part gets the prior.
    Raises ValueError unless both classes are there and all logits are finite.
    """
    x, y = np.asarray(logits, np.float64), np.asarray(targets, np.float64)
    if not np.isfinite(x).all() or not 0 < y.sum() < len(y):
        raise ValueError("Calibration needs finite logits of both classes.")
    positive, negative = y.sum(), len(y) - y.sum()
    smooth = np.where(y == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))
    mean, spread = x.mean(), x.std() or 1.0
    weights = _newton((x - mean) / spread, smooth)
    if weights[0] <= 0:
        return Calibrator(0.0, float(np.log(smooth.mean() / (1 - smooth.mean()))))
    return Calibrator(float(weights[0] / spread), float(weights[1] - weights[0] * mean / spread))


def anomaly_threshold(good_errors: Sequence[float], quantile: float) -> float:
    """The error that the share ``quantile`` of good parts, held out of training, stays below. Raises ValueError
    without any."""
    if not len(good_errors):
        raise ValueError("The anomaly threshold needs errors of held-out good parts.")
    return float(np.quantile(np.asarray(good_errors, np.float64), quantile))


def _newton(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    design = np.stack([x, np.ones_like(x)], axis=1)
    weights = np.array([0.0, np.log(y.mean() / (1 - y.mean()))])
    loss = _loss(design, y, weights)
    for _ in range(STEPS):
        p = _sigmoid(design @ weights)
        gradient = design.T @ (p - y)
        hessian = (design * (p * (1 - p))[:, None]).T @ design + 1e-12 * np.eye(2)
        step, size = np.linalg.solve(hessian, gradient), 1.0
        while size > FLAT and _loss(design, y, weights - size * step) > loss:
            size /= 2
        weights = weights - size * step
        before, loss = loss, _loss(design, y, weights)
        if before - loss < FLAT:
            break
    return weights


def _loss(design: NDArray[np.float64], y: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    z = design @ weights
    return float((np.logaddexp(0, z) - y * z).sum())


def _sigmoid(z: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1.0 / (1.0 + np.exp(-np.clip(z, -60, 60)))
