"""Escape guarantee: bound of the escape rate, and the pass threshold that keeps the bound.

The escape rate is the share of defective parts that PASS without a review. Pure arithmetic; imports nothing heavy.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, Self

from mltasks.vision.types import DEFECT

# Length of the curve in meta.json, which scoring reads with every part. A guarantee that allows more escapes is
# evaluated with this number, which is stricter.
MAX_STORED_PROBABILITIES = 400
# Share of the lowest probability of any defect below which parts pass if there are too few labels for the guarantee
FALLBACK_FACTOR = 0.5
METHOD = (
    "Parts pass below the k+1st lowest probability of n labeled defective parts. These probabilities come from "
    "networks that were not trained on the parts. With the stated confidence, at most the bound escapes, for any "
    "distribution of scores (order statistics: Wilks 1941; the bound is that of Clopper and Pearson 1934 for k of n). "
    "The guarantee applies to defects like the labeled ones. Of several images of a part, the lowest probability "
    "counts. Parts that novelty or an audit sends to a person are not subtracted."
)


@dataclass(frozen=True, slots=True)
class EscapeRateGuarantee:
    """Guarantee that at most ``rate`` of the defective parts escape, with ``confidence``.

    A rate of 1 guarantees nothing. Raises ValueError unless 0 < rate <= 1 and 0 < confidence < 1.
    """

    rate: float = 0.05
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if not (0 < self.rate <= 1 and 0 < self.confidence < 1):
            raise ValueError("An escape guarantee needs a rate above 0, at most 1, and a confidence between 0 and 1.")


@dataclass(frozen=True, slots=True)
class EscapeCurve:
    """Ascending out-of-fold probabilities of ``part_count`` defective parts, calibrated.

    A curve read from JSON has the lowest probabilities only. Raises ValueError for none or for descending ones.
    """

    probabilities: tuple[float, ...]
    part_count: int

    def __post_init__(self) -> None:
        if not 0 < len(self.probabilities) <= self.part_count or any(a > b for a, b in pairwise(self.probabilities)):
            raise ValueError("An escape curve needs ascending probabilities of defective parts.")

    @classmethod
    def from_images(cls, probabilities: Sequence[float], targets: Sequence[int], parts: Sequence[str]) -> Self:
        """Build the curve from images; the lowest of a part's images labeled defective counts.

        Images labeled good are ignored: they may not show the part's defect. Raises ValueError without a defective
        image.
        """
        lowest: dict[str, float] = {}
        for probability, target, part in zip(probabilities, targets, parts, strict=True):
            if target == DEFECT:
                lowest[part] = min(float(probability), lowest.get(part, math.inf))
        return cls(tuple(sorted(lowest.values())), len(lowest))

    @property
    def fallback_threshold(self) -> float:
        """Return the pass threshold for too few labels, below all defects' scores."""
        return FALLBACK_FACTOR * self.probabilities[0]

    def count_escapes(self, threshold: float) -> int:
        """Count the parts with a probability below a threshold.

        Above the stored probabilities all parts count, so the count is never too low.
        """
        count = bisect.bisect_left(self.probabilities, threshold)
        return count if count < len(self.probabilities) else self.part_count

    def escape_rate_bound(self, threshold: float, confidence: float = 0.95) -> float:
        """Return the upper confidence bound, in [0, 1], of the escape rate at a pass threshold."""
        return clopper_pearson_bound(self.count_escapes(threshold), self.part_count, confidence)

    def pass_threshold(self, guarantee: EscapeRateGuarantee) -> float | None:
        """Return the highest threshold that keeps a guarantee if parts below it pass.

        None if there are too few defective parts for any threshold; infinity if all parts may escape.
        """
        allowed = max_escapes(self.part_count, guarantee)
        if allowed < 0:
            return None
        return math.inf if allowed >= self.part_count else self.probabilities[min(allowed, len(self.probabilities) - 1)]

    def labels_missing(self, guarantee: EscapeRateGuarantee) -> int:
        """Return how many more defective parts the guarantee needs; 0 if a threshold can keep it."""
        return max(0, labels_needed(guarantee) - self.part_count)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types with the lowest probabilities only."""
        return {"lowest": list(self.probabilities[:MAX_STORED_PROBABILITIES]), "parts": self.part_count}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read the result of ``to_json``. Raises KeyError or ValueError for anything else."""
        return cls(tuple(map(float, values["lowest"])), int(values["parts"]))


def labels_needed(guarantee: EscapeRateGuarantee, escapes: int = 0) -> int:
    """Return the fewest defective parts that keep the guarantee with this many escapes.

    59 parts for no escape at 5 % and 95 %.
    """
    if guarantee.rate >= 1:
        return escapes
    low, high = escapes, escapes + 1
    while max_escapes(high, guarantee) < escapes:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if max_escapes(middle, guarantee) >= escapes else (middle, high)
    return high


@lru_cache(maxsize=1024)
def max_escapes(parts: int, guarantee: EscapeRateGuarantee) -> int:
    """Return the most escapes among ``parts`` defective parts that keep the guarantee, or −1.

    Let k be the most escapes. Suppose more than the rate escaped below the k+1st lowest probability. Then at most k of
    n parts lay below the threshold at which exactly the rate escapes. The probability of that is P(Binomial(n, rate) ≤
    k), which 1 − confidence bounds.
    """
    if guarantee.rate >= 1:
        return parts
    chance, k = 0.0, 0
    while k <= parts:
        chance += _binomial(k, parts, guarantee.rate)
        if chance > 1 - guarantee.confidence:
            break
        k += 1
    return k - 1


@lru_cache(maxsize=1024)
def clopper_pearson_bound(escapes: int, parts: int, confidence: float) -> float:
    """Return the one-sided upper bound of the escape rate (Clopper and Pearson 1934).

    At this rate, ``escapes`` or fewer of ``parts`` have the probability 1 − confidence (Biometrika 26). 1 if all parts
    escaped.
    """
    if escapes >= parts:
        return 1.0
    low, high = escapes / parts, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        few = math.fsum(_binomial(k, parts, middle) for k in range(escapes + 1))
        low, high = (middle, high) if few > 1 - confidence else (low, middle)
    return high


def guarantee_report(curve: EscapeCurve, guarantee: EscapeRateGuarantee, low: float) -> dict[str, Any]:
    """Return the report's section on the guarantee, as JSON, if parts pass up to ``low``.

    ``low`` is a probability and passes itself. ``holds`` is true if the achieved bound is within the rate.
    """
    below = math.nextafter(low, math.inf)
    bound = curve.escape_rate_bound(below, guarantee.confidence)
    return {
        "rate": guarantee.rate,
        "confidence": guarantee.confidence,
        "passes_up_to": low,
        "escapes": curve.count_escapes(below),
        "defective_parts": curve.part_count,
        "bound": bound,
        "holds": bound <= guarantee.rate + 1e-12,
        "more_defective_labels_needed": curve.labels_missing(guarantee),
        "method": METHOD,
    }


def _binomial(k: int, n: int, rate: float) -> float:
    """Return P(Binomial(n, rate) = k) for a rate in (0, 1].

    Logarithms are used because the factors leave a float's range for large n.
    """
    if rate >= 1:
        return float(k == n)
    ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return math.exp(ways + k * math.log(rate) + (n - k) * math.log1p(-rate))
