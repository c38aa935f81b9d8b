"""Conversion of logits to probabilities with numpy alone; fitting is in ``calibration.py``."""

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
    """Increasing map from logits to log-odds of a defect.

    - Without ``knots``: log-odds = slope × logit + intercept (a temperature is 1 / slope, with intercept 0).
    - With ``knots`` (logit, log-odds), both ascending: linear interpolation; beyond the first and last knot the map
      continues with ``slope``. A probability is never 0 or 1, and different logits keep different probabilities.
    - ``lapse`` is the label-noise floor: probabilities stay in [lapse, 1 − lapse] whatever the logit.
    - ``log_losses`` are the cross-validated log losses by method behind the choice; empty without a comparison.
    """

    slope: float
    intercept: float
    method: Method = "platt"
    # Lists survive the round trip through meta.json unchanged.
    knots: Sequence[Sequence[float]] = field(default_factory=list, hash=False)
    log_losses: Mapping[str, float] = field(default_factory=dict, hash=False)
    lapse: float = 0.0

    def probability(self, logits: ArrayLike) -> NDArray[np.float64]:
        """Return calibrated defect probabilities, strictly inside (0, 1), of logits of any shape."""
        x = np.asarray(logits, np.float64)
        sure = sigmoid(self._interpolate(x) if self.knots else self.slope * x + self.intercept)
        return self.lapse + (1 - 2 * self.lapse) * sure

    def describe(self) -> str:
        """Describe the choice of the method in one sentence for the report."""
        if not self.log_losses:
            return f"{self.method.capitalize()} scaling; there were too few labeled parts to compare methods."
        losses = ", ".join(f"{name} {loss:.4f}" for name, loss in self.log_losses.items())
        lapses = f" with a label-noise floor of {100 * self.lapse:.0f} %" if self.lapse else ""
        # Only a calibration with lapses may be chosen without being the best.
        best = not self.lapse or "lapses" in min(self.log_losses, key=self.log_losses.__getitem__)
        rank = "the best" if best else "within a standard error of the best"
        return f"{self.method.capitalize()}{lapses}, {rank} by cross-validated log loss, grouped by part ({losses})."

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types; ``from_json`` reads them back."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read the result of ``to_json`` or the ``{"slope", "intercept"}`` of older versions.

        Raises ValueError for an unknown method and KeyError without slope or intercept.
        """
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
        log_odds: NDArray[np.float64] = np.interp(x, at, odds) + self.slope * beyond
        return log_odds


def sigmoid(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute 1 / (1 + exp(−z)), clipped before a float reaches 0 or 1."""
    return 1.0 / (1.0 + np.exp(-np.clip(z, -60, 36)))
