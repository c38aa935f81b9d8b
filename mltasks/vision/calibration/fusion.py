"""Fusion of several scores into one logit, with weights fitted on held-out parts.

Stacked generalization (Wolpert, Neural Networks 5, 1992) by a logistic regression. Weights cannot be negative: a score
that rises with defects never counts as evidence for a good part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

L2_PENALTY = 1.0
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fusion:
    """Linear map: logit = Σ weight × score + bias.

    ``dropped`` holds the scores that ``score_selection`` left out, in that order, with the rise of the
    out-of-fold log loss by that step (negative: the loss falls).
    """

    weights: dict[str, float]
    bias: float
    dropped: dict[str, float] = field(default_factory=dict)

    def logits(self, scores: Mapping[str, Sequence[float]]) -> Floats:
        """Compute logits ``[n]`` of scores by name, each ``[n]``."""
        terms = [weight * np.asarray(scores[name], np.float64) for name, weight in self.weights.items()]
        total: Floats = np.sum(terms, axis=0) + self.bias
        return total

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)


def fit_fusion(scores: Mapping[str, Sequence[float]], targets: Sequence[int]) -> Fusion:
    """Fit weights of least log loss with balanced classes and an L2 penalty.

    The penalty applies to standardized scores. A single score keeps weight 1. Raises ValueError unless both classes are
    present and all scores are finite.
    """
    fusion = fit_weights(scores, targets)
    return fusion if len(scores) > 1 else Fusion(dict.fromkeys(scores, 1.0), 0.0)


def fit_weights(scores: Mapping[str, Sequence[float]], targets: Sequence[int]) -> Fusion:
    """Fit as ``fit_fusion``, also the weight of a single score."""
    names = list(scores)
    x, y = np.array([scores[name] for name in names], np.float64).T, np.asarray(targets, np.float64)
    if not np.isfinite(x).all() or not 0 < y.sum() < len(y):
        raise ValueError("Fusion needs finite scores of both classes.")
    mean, spread = x.mean(0), np.maximum(x.std(0), 1e-9)
    solution = _minimize_loss((x - mean) / spread, y)
    weights = solution[:-1] / spread
    return Fusion(dict(zip(names, weights.tolist(), strict=True)), float(solution[-1] - weights @ mean))


def _minimize_loss(x: Floats, y: Floats) -> Floats:
    balance = np.where(y == 1, 0.5 / y.sum(), 0.5 / (len(y) - y.sum())) * len(y)

    def loss(weights: Floats) -> tuple[float, Floats]:
        z = x @ weights[:-1] + weights[-1]
        slope = balance * (1 / (1 + np.exp(-np.clip(z, -60, 60))) - y)
        value = float((balance * (np.logaddexp(0, z) - y * z)).sum() + L2_PENALTY * (weights[:-1] ** 2).sum())
        return value, np.append(x.T @ slope + 2 * L2_PENALTY * weights[:-1], slope.sum())

    count = x.shape[1]
    bounds = [(0.0, None)] * count + [(None, None)]
    start = np.append(np.full(count, 0.5), 0.0)
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x, np.float64)
