"""Thresholds from costs and the escape guarantee, by arithmetic on probabilities."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from mltasks.vision.guarantees.escape_curve import EscapeCurve, PassRegion
from mltasks.vision.guarantees.escape_guarantee import BoundKind, EscapeRateGuarantee, applicable_bound
from mltasks.vision.guarantees.pass_region import choose_pass_region
from mltasks.vision.types import Costs

# A novelty score over its threshold: above 1 a defect unlike any labeled one is suspected.
NOVELTY_THRESHOLD = 1.0
# Share of the lowest probability of any defect below which parts pass if there are too few labels for the guarantee
FALLBACK_FACTOR = 0.5


def cost_threshold(costs: Costs) -> float:
    """Return the probability from which FAIL is cheaper than PASS: fp / (fp + fn).

    Parts at the threshold FAIL (Elkan, "The Foundations of Cost-Sensitive Learning", IJCAI 2001).
    """
    if not (costs.fn > 0 and costs.fp > 0 and costs.review >= 0):
        raise ValueError("The costs of an escape and of a false alarm must be above 0, that of a review at least 0.")
    return costs.fp / (costs.fp + costs.fn)


def review_band(costs: Costs) -> tuple[float, float]:
    """Return probabilities ``(low, high)`` strictly between which a review is cheapest.

    PASS costs p × fn, FAIL (1 − p) × fp (Chow, "On Optimum Recognition Error and Reject Tradeoff", 1970). If a review
    is never cheaper, the band is empty: both ends are the cost threshold.
    """
    threshold = cost_threshold(costs)
    low, high = costs.review / costs.fn, 1.0 - costs.review / costs.fp
    if low >= high:
        return threshold, threshold
    return low, high


def to_label_prior(probability: float, defect_rate: float, labeled_rate: float) -> float:
    """Convert a probability from the line's share of defects to the share among the labels.

    The share of defects is ``defect_rate`` on the line and ``labeled_rate`` among the labels a version was calibrated
    on. A part's likelihood ratio is the same for both, so the odds shift with the odds of the shares (Elkan 2001,
    theorem 2; Saerens, Latinne and Decaestecker, Neural Computation 14, 2002). Raises ValueError unless both shares lie
    strictly between 0 and 1.
    """
    if not (0 < defect_rate < 1 and 0 < labeled_rate < 1):
        raise ValueError("Shares of defective parts lie strictly between 0 and 1.")
    shift = defect_rate / (1 - defect_rate) * (1 - labeled_rate) / labeled_rate
    return probability / (probability + (1 - probability) * shift)


@dataclass(frozen=True, slots=True)
class Bands:
    """Probability ranges of PASS, REVIEW and FAIL, and the novelty up to which parts pass.

    PASS up to ``low``, FAIL from ``high`` on, both ends included, REVIEW strictly between. The model verdict is FAIL
    from ``fail_threshold`` on. low <= fail_threshold <= high. Parts that would PASS go to review above
    ``novelty_line``, parts that would FAIL above a novelty of 1. Both are multiples of the novelty threshold.

    ``low_limited_by`` says what limits ``low``: the costs, the escape guarantee, or too few defective labels for the
    guarantee. ``bound`` is the bound of the escape rate that these bands keep; None if the version has no escape curve.
    """

    low: float
    high: float
    fail_threshold: float
    low_limited_by: Literal["costs", "promise", "labels"] = "costs"
    bound: BoundKind | None = None
    novelty_line: float = NOVELTY_THRESHOLD

    def needs_review(self, probability: float) -> bool:
        """Return True if a part with this calibrated defect probability goes to review."""
        return self.low < probability < self.high

    def predicts_fail(self, probability: float) -> bool:
        """Return True if the model verdict for this calibrated probability is FAIL."""
        return probability >= self.fail_threshold

    def is_novel(self, probability: float, novelty: float) -> bool:
        """Return True if a part with these scores goes to review for its novelty."""
        would_pass = probability <= self.low and not self.predicts_fail(probability)
        return novelty > (self.novelty_line if would_pass else NOVELTY_THRESHOLD)

    def passes(self, probability: float, novelty: float) -> bool:
        """Return True if a part with these scores passes without a review."""
        return (
            probability <= self.low and not self.predicts_fail(probability) and not self.is_novel(probability, novelty)
        )


def cost_bands(costs: Costs, defect_rate: float | None = None, labeled_rate: float | None = None) -> Bands:
    """Return the bands of least expected cost.

    If both shares of defective parts (the line's and the calibration labels') are given, the thresholds shift to the
    least cost on the line.
    """
    low, high = review_band(costs)
    ends = [low, cost_threshold(costs), high]
    if defect_rate is not None and labeled_rate is not None:
        ends = [to_label_prior(end, defect_rate, labeled_rate) for end in ends]
    # The shift keeps the order, except for rounding.
    return Bands(min(ends[:2]), max(ends[1:]), ends[1])


def guaranteed_bands(bands: Bands, curve: EscapeCurve, guarantee: EscapeRateGuarantee) -> Bands:
    """Lower the end of PASS, and the novelty up to which parts pass, to where the escape guarantee holds.

    With too few defective labels for the guarantee's confidence, the guarantee holds on average. With fewer still, no
    region keeps it: then parts pass below half the lowest probability of any defective part. More parts go to review,
    whose labels the guarantee lacks.
    """
    bound = applicable_bound(curve.part_count, guarantee, average=curve.is_joint)
    start = PassRegion(math.nextafter(bands.low, math.inf), math.nextafter(bands.novelty_line, math.inf))
    if bound.kind == "none":
        end = min(start.below_probability, FALLBACK_FACTOR * curve.probabilities[0])
        region = PassRegion(end, start.below_novelty)
    else:
        region = choose_pass_region(curve, start, bound.escapes)
    limit: Literal["costs", "promise", "labels"] = "costs"
    if region.below_probability < start.below_probability:
        limit = "labels" if bound.kind == "none" else "promise"
    # The ends of the region do not pass.
    return replace(
        bands,
        low=math.nextafter(region.below_probability, -math.inf),
        low_limited_by=limit,
        bound=bound.kind,
        novelty_line=math.nextafter(region.below_novelty, -math.inf),
    )
