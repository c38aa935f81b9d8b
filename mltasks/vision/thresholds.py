"""Costs to thresholds. Pure arithmetic on calibrated probabilities: imports nothing heavy."""

from __future__ import annotations

from typing import Protocol


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


def needs_review(probability: float, costs: DecisionCosts) -> bool:
    """Whether a calibrated defect probability lies inside the review band."""
    low, high = review_band(costs)
    return low < probability < high
