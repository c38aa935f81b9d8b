"""Logits to probabilities, in numpy alone: what scoring needs of a calibration. Fitting is in ``calibration.py``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Method = Literal["temperature", "platt", "isotonic"]
METHODS: tuple[Method, ...] = ("temperature", "platt", "isotonic")


@dataclass(frozen=True, slots=True)
class Calibrator:
    """A rising map from logits to log-odds of a defect.

    Without ``knots``: log-odds = slope × logit + intercept (a temperature is 1 / slope, with intercept 0). With them:
    straight lines between the knots (logit, log-odds), both ascending, and on with ``slope`` beyond the first and the
    last. So a probability is never 0 or 1, and different logits keep different probabilities. ``lapse`` is the share of
    parts that are not what they look like, whatever their logit: probabilities stay between it and 1 − it.
    ``log_losses`` are the cross-validated ones, by method, that the choice was made by; empty where there was none.
    """

    slope: float
    intercept: float
    method: Method = "platt"
    # Lists, so that what goes into meta.json is what comes out of it.
    knots: Sequence[Sequence[float]] = field(default_factory=list, hash=False)
    log_losses: Mapping[str, float] = field(default_factory=dict, hash=False)
    lapse: float = 0.0

    def probability(self, logits: ArrayLike) -> NDArray[np.float64]:
        """Calibrated defect probabilities strictly inside (0, 1) of logits of any shape."""
        x = np.asarray(logits, np.float64)
        sure = sigmoid(self._interpolate(x) if self.knots else self.slope * x + self.intercept)
        return self.lapse + (1 - 2 * self.lapse) * sure

    def describe(self) -> str:
        """One sentence for the report."""
        if not self.log_losses:
            return f"{self.method.capitalize()} scaling; there were too few labeled parts to compare methods."
        losses = ", ".join(f"{name} {loss:.4f}" for name, loss in self.log_losses.items())
        lapses = f" with {self.lapse:.0%} of lapses at either end" if self.lapse else ""
        # Nothing else is taken that is not the best itself.
        best = not self.lapse or "lapses" in min(self.log_losses, key=self.log_losses.__getitem__)
        rank = "the best" if best else "within a standard error of the best"
        return f"{self.method.capitalize()}{lapses}, {rank} by cross-validated log loss, grouped by part ({losses})."

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types; ``from_json`` reads them back."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read ``to_json``'s answer, or the ``{"slope", "intercept"}`` of older versions. Raises ValueError for an
        unknown method, KeyError without slope or intercept."""
        method = values.get("method", "platt")
        if method not in METHODS:
            raise ValueError(f"Unknown calibration {method!r}; known: {', '.join(METHODS)}.")
        knots = [[float(x), float(z)] for x, z in values.get("knots", [])]
        losses = dict(values.get("log_losses", {}))
        lapse = float(values.get("lapse", 0.0))
        return cls(float(values["slope"]), float(values["intercept"]), method, knots, losses, lapse)

    def _interpolate(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        at, odds = np.array(self.knots).T
        beyond = np.minimum(x - at[0], 0) + np.maximum(x - at[-1], 0)
        found: NDArray[np.float64] = np.interp(x, at, odds) + self.slope * beyond
        return found


def sigmoid(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 / (1 + exp(−z)), clipped where a float would be 0 or 1 exactly."""
    return 1.0 / (1.0 + np.exp(-np.clip(z, -60, 36)))
