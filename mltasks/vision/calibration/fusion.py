"""Fusion of several scores into one logit, with weights fitted on held-out parts.

Stacked generalization (Wolpert, Neural Networks 5, 1992) by logistic regression. All scores form one weighted sum, or
classifiers and novelty detectors form a sum each, whose odds are added. One sum suits scores that see the same defects
with errors of their own. Two sums are the likelihood ratio of a mixture of defects: those like the labeled ones, which
a classifier knows, and those unlike good parts. There an ordinary novelty score does not count against a classifier.
Weights cannot be negative: a score that rises with defects never counts as evidence for a good part.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

L2_PENALTY = 1.0
# Lower bound of a detector's score before its logarithm
MIN_SCORE = 1e-9
BIAS_LIMIT = 30.0
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fusion:
    """Logit of several scores: Σ weight × score + bias.

    The scores of ``detectors`` form a sum of their own, Σ weight × log(score) + ``detector_bias``. If there are any,
    the logit is that of both sums' odds added. ``dropped`` holds the scores that ``score_selection`` left out, in that
    order, with the rise of the out-of-fold log loss by that step (negative: the loss falls).
    """

    weights: dict[str, float]
    bias: float
    dropped: dict[str, float] = field(default_factory=dict)
    detectors: list[str] = field(default_factory=list)
    detector_bias: float = 0.0

    def logits(self, scores: Mapping[str, Sequence[float]]) -> Floats:
        """Compute logits ``[n]`` of scores by name, each ``[n]``."""
        terms = {name: np.asarray(scores[name], np.float64) for name in self.weights}
        labeled = self._sum({name: term for name, term in terms.items() if name not in self.detectors}, self.bias)
        if not self.detectors:
            return labeled
        logs = {name: np.log(np.maximum(terms[name], MIN_SCORE)) for name in self.detectors}
        both: Floats = np.logaddexp(labeled, self._sum(logs, self.detector_bias))
        return both

    def _sum(self, terms: Mapping[str, Floats], bias: float) -> Floats:
        total: Floats = np.sum([self.weights[name] * term for name, term in terms.items()], axis=0)
        return total + bias

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)


def fit_fusion(
    scores: Mapping[str, Sequence[float]], targets: Sequence[int], detectors: Collection[str] = ()
) -> Fusion:
    """Fit weights of least log loss with balanced classes and an L2 penalty.

    ``detectors`` names scores of novelty detectors that form a sum of their own, if there are other scores. The penalty
    applies to standardized scores. A single score keeps weight 1. Raises ValueError unless both classes are present and
    all scores are finite.
    """
    fusion = fit_weights(scores, targets, detectors)
    return fusion if len(scores) > 1 else Fusion(dict.fromkeys(scores, 1.0), 0.0)


def fit_weights(
    scores: Mapping[str, Sequence[float]], targets: Sequence[int], detectors: Collection[str] = ()
) -> Fusion:
    """Fit as ``fit_fusion``, also the weight of a single score."""
    names = list(scores)
    x, y = np.array([scores[name] for name in names], np.float64).T, np.asarray(targets, np.float64)
    if not np.isfinite(x).all() or not 0 < y.sum() < len(y):
        raise ValueError("Fusion needs finite scores of both classes.")
    apart = [name for name in names if name in detectors]
    if len(apart) == len(names):
        apart = []
    novel = np.isin(names, apart)
    x[:, novel] = np.log(np.maximum(x[:, novel], MIN_SCORE))
    mean, spread = x.mean(0), np.maximum(x.std(0), 1e-9)
    members = np.stack([~novel, novel][: 2 if apart else 1]).astype(np.float64)
    solution = _minimize_loss((x - mean) / spread, y, members)
    weights = solution[: len(names)] / spread
    bias, *other = (solution[len(names) :] - members @ (weights * mean)).tolist()
    return Fusion(
        dict(zip(names, weights.tolist(), strict=True)), bias, detectors=apart, detector_bias=other[0] if other else 0.0
    )


def _minimize_loss(x: Floats, y: Floats, members: Floats) -> Floats:
    """Return the weights of the columns of ``x``, and the bias of each sum; ``members`` are its columns ``[sums, c]``.

    Two sums have several minima: of two starts the better one counts.
    """
    balance = np.where(y == 1, 0.5 / y.sum(), 0.5 / (len(y) - y.sum())) * len(y)
    sums, count = members.shape

    def loss(solution: Floats) -> tuple[float, Floats]:
        weights, biases = solution[:count], solution[count:]
        parts = x @ (members * weights).T + biases
        z = np.logaddexp.reduce(parts, axis=1)
        slopes = (balance * (1 / (1 + np.exp(-np.clip(z, -60, 60))) - y))[:, None] * np.exp(parts - z[:, None])
        value = float((balance * (np.logaddexp(0, z) - y * z)).sum() + L2_PENALTY * (weights**2).sum())
        by_weight = (members * (slopes.T @ x)).sum(0) + 2 * L2_PENALTY * weights
        return value, np.append(by_weight, slopes.sum(0))

    bounds = [(0.0, None)] * count + [(-BIAS_LIMIT, BIAS_LIMIT)] * sums
    starts = [np.append(np.full(count, size), np.full(sums, 1.0 - sums)) for size in (0.5, 1.5)[:sums]]
    found = [minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds) for start in starts]
    return np.asarray(min(found, key=lambda one: float(one.fun)).x, np.float64)
