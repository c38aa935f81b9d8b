"""Costs and promises to thresholds. Pure arithmetic on calibrated probabilities: imports nothing heavy."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

from mltasks.vision.serving.escape_guarantee import EscapeCurve, EscapeRateGuarantee


class DecisionCosts(Protocol):
    """What wrong and doubtful decisions cost, in any one unit: an escape, a false alarm, a look by a person."""

    @property
    def fn(self) -> float: ...
    @property
    def fp(self) -> float: ...
    @property
    def review(self) -> float: ...


def check_costs(costs: DecisionCosts) -> None:
    """Raise ValueError unless an escape and a false alarm cost more than nothing, and a review nothing or more."""
    if not (costs.fn > 0 and costs.fp > 0 and costs.review >= 0):
        raise ValueError("The costs of an escape and of a false alarm must be above 0, that of a review at least 0.")


def cost_threshold(costs: DecisionCosts) -> float:
    """The probability from which FAIL is the cheaper of PASS and FAIL: fp / (fp + fn) (Elkan, "The Foundations of
    Cost-Sensitive Learning", IJCAI 2001). FAIL from the threshold on, the threshold included."""
    check_costs(costs)
    return costs.fp / (costs.fp + costs.fn)


def review_band(costs: DecisionCosts) -> tuple[float, float]:
    """The probabilities ``(low, high)`` strictly between which a person's look is cheaper than either decision
    (Chow, "On Optimum Recognition Error and Reject Tradeoff", 1970).

    A pass costs p × fn, a fail (1 − p) × fp. Where a review is never cheaper, the band is empty: both ends are the
    cost threshold.
    """
    threshold = cost_threshold(costs)
    low, high = costs.review / costs.fn, 1.0 - costs.review / costs.fp
    if low >= high:
        return threshold, threshold
    return low, high


def to_label_prior(probability: float, defect_rate: float, labeled_rate: float) -> float:
    """The probability that a version calibrated on labels with a share ``labeled_rate`` of defects states where a line
    with a share ``defect_rate`` means ``probability``.

    Labels are enriched with defects; a part's likelihood ratio is the same in both, so its odds shift with those of the
    shares (Elkan 2001, theorem 2; Saerens, Latinne and Decaestecker, Neural Computation 14, 2002). Raises ValueError
    unless both shares lie strictly between 0 and 1.
    """
    if not (0 < defect_rate < 1 and 0 < labeled_rate < 1):
        raise ValueError("Shares of defective parts lie strictly between 0 and 1.")
    shift = defect_rate / (1 - defect_rate) * (1 - labeled_rate) / labeled_rate
    return probability / (probability + (1 - probability) * shift)


@dataclass(frozen=True, slots=True)
class Bands:
    """PASS up to ``low``, FAIL from ``high`` on, both ends included, a person strictly between; the model's own label
    is FAIL from ``fail_threshold`` on. low <= fails_from <= high.

    ``low_limited_by`` says what keeps ``low`` where it is: the costs, the escape promise, or too few defective labels
    for it.
    ``guarantee_holds`` is None where no promise can be judged: the version has no escape curve.
    """

    low: float
    high: float
    fail_threshold: float
    low_limited_by: Literal["costs", "promise", "labels"] = "costs"
    guarantee_holds: bool | None = None

    def needs_review(self, probability: float) -> bool:
        """Whether a person is asked about a calibrated defect probability."""
        return self.low < probability < self.high

    def predicts_fail(self, probability: float) -> bool:
        """The model's own label of a calibrated defect probability."""
        return probability >= self.fail_threshold


def cost_bands(costs: DecisionCosts, defect_rate: float | None = None, labeled_rate: float | None = None) -> Bands:
    """The bands of least expected cost. Where both shares of defective parts are known, the line's and that of the
    labels behind the calibration, the thresholds move to where the line's costs are least."""
    low, high = review_band(costs)
    ends = [low, cost_threshold(costs), high]
    if defect_rate is not None and labeled_rate is not None:
        ends = [to_label_prior(end, defect_rate, labeled_rate) for end in ends]
    # The order survives the shift, but for rounding.
    return Bands(min(ends[:2]), max(ends[1:]), ends[1])


def guaranteed_bands(bands: Bands, curve: EscapeCurve, guarantee: EscapeRateGuarantee) -> Bands:
    """Bands of costs whose PASS ends where the promise does, if that is lower.

    With too few defective labels no threshold keeps the promise. Then parts pass below half the lowest probability that
    any defective part has had, and more go to people, whose labels are what the promise lacks.
    """
    kept = curve.pass_threshold(guarantee)
    below = curve.fallback_threshold if kept is None else kept
    # A probability equal to the promised threshold does not pass.
    low = math.nextafter(below, 0.0)
    if bands.low <= low:
        return Bands(bands.low, bands.high, bands.fail_threshold, "costs", kept is not None)
    return Bands(low, bands.high, bands.fail_threshold, "labels" if kept is None else "promise", kept is not None)
