"""The escape promise: how many defective parts may pass unseen, and the threshold that keeps it.

The escape rate is the share of defective parts that PASS with nobody looking. Pure arithmetic: imports nothing heavy.
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

# What a version's meta.json keeps: scoring reads it with every part. A promise that would allow more escapes than this
# is kept with this many, which is stricter.
MAX_STORED_PROBABILITIES = 400
# Without labels enough for the promise, parts pass below this share of the lowest probability any defect has had.
FALLBACK_FACTOR = 0.5
METHOD = (
    "Parts pass below the k+1st lowest probability of n labeled defective parts, scored by networks that had not "
    "learned from them. With the confidence stated, such a threshold lets no more than the bound escape, whatever the "
    "scores' distribution (order statistics: Wilks 1941; the bound is that of Clopper and Pearson 1934 for k of n). "
    "It holds for defects like the labeled ones. Of several images of a defective part, the lowest counts; parts that "
    "novelty or an audit sends to a person are not taken off."
)


@dataclass(frozen=True, slots=True)
class EscapeRateGuarantee:
    """At most ``rate`` of the defective parts escape, said with ``confidence``. A rate of 1 promises nothing. Raises
    ValueError unless 0 < rate <= 1 and 0 < confidence < 1."""

    rate: float = 0.05
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if not (0 < self.rate <= 1 and 0 < self.confidence < 1):
            raise ValueError("A promise needs a rate above 0, at most 1, and a confidence strictly between 0 and 1.")


@dataclass(frozen=True, slots=True)
class EscapeCurve:
    """The calibrated probabilities of the defective ``part_count``, ascending, each without having learned from its
    part;
    read back from JSON only the lowest. Raises ValueError without any, or out of order."""

    probabilities: tuple[float, ...]
    part_count: int

    def __post_init__(self) -> None:
        if not 0 < len(self.probabilities) <= self.part_count or any(a > b for a, b in pairwise(self.probabilities)):
            raise ValueError("An escape curve needs ascending probabilities of defective parts.")

    @classmethod
    def from_images(cls, probabilities: Sequence[float], targets: Sequence[int], parts: Sequence[str]) -> Self:
        """The curve of images: of each part, the lowest of its images labeled defective counts. An image labeled good
        says nothing of a defect that it doesn't show. Raises ValueError without a defective image."""
        found: dict[str, float] = {}
        for probability, target, part in zip(probabilities, targets, parts, strict=True):
            if target == DEFECT:
                found[part] = min(float(probability), found.get(part, math.inf))
        return cls(tuple(sorted(found.values())), len(found))

    @property
    def fallback_threshold(self) -> float:
        """Parts pass below this while there are too few labels for the promise: lower than any defect has scored."""
        return FALLBACK_FACTOR * self.probabilities[0]

    def count_escapes(self, threshold: float) -> int:
        """How many of the parts have a probability below a threshold. Above what was kept, all parts: never too few."""
        count = bisect.bisect_left(self.probabilities, threshold)
        return count if count < len(self.probabilities) else self.part_count

    def escape_rate_bound(self, threshold: float, confidence: float = 0.95) -> float:
        """The upper confidence bound on the escape rate when parts pass below a threshold: in [0, 1]."""
        return clopper_pearson_bound(self.count_escapes(threshold), self.part_count, confidence)

    def pass_threshold(self, guarantee: EscapeRateGuarantee) -> float | None:
        """The highest threshold that keeps a promise when parts with a probability below it pass; None when there are
        too few defective parts for any, infinity when all may escape."""
        allowed = max_escapes(self.part_count, guarantee)
        if allowed < 0:
            return None
        return math.inf if allowed >= self.part_count else self.probabilities[min(allowed, len(self.probabilities) - 1)]

    def labels_missing(self, guarantee: EscapeRateGuarantee) -> int:
        """How many more defective parts must be labeled before a threshold can keep the promise; 0 when one can."""
        return max(0, labels_needed(guarantee) - self.part_count)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types, the lowest probabilities only."""
        return {"lowest": list(self.probabilities[:MAX_STORED_PROBABILITIES]), "parts": self.part_count}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read ``to_json``'s answer. Raises KeyError or ValueError for anything else."""
        return cls(tuple(map(float, values["lowest"])), int(values["parts"]))


def labels_needed(guarantee: EscapeRateGuarantee, escapes: int = 0) -> int:
    """The fewest defective parts of which so many escapes still keep the promise: 59 for none at 5 % and 95 %."""
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
    """The most escapes k among ``part_count`` defective ones for which the bound is at most the promised rate; −1 if
    none.

    If more than the rate escaped below the k+1st lowest probability, then at most k of n parts lay below the threshold
    at which just the rate escapes. That has the chance P(Binomial(n, rate) ≤ k), which 1 − confidence bounds.
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
    """Clopper and Pearson's one-sided upper bound on a rate of which ``count_escapes`` of ``part_count`` were seen
    (Biometrika 26,
    1934): the rate at which so few have the chance 1 − confidence. 1 when all escaped."""
    if escapes >= parts:
        return 1.0
    low, high = escapes / parts, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        few = math.fsum(_binomial(k, parts, middle) for k in range(escapes + 1))
        low, high = (middle, high) if few > 1 - confidence else (low, middle)
    return high


def guarantee_report(curve: EscapeCurve, guarantee: EscapeRateGuarantee, low: float) -> dict[str, Any]:
    """What a report says of a promise when parts pass up to the probability ``low``, itself included: plain JSON.
    ``holds`` is whether the bound that those parts achieve lies within the rate."""
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
    """P(Binomial(n, rate) = k), by logarithms: for large n its factors leave a float's range. Rate in (0, 1)."""
    if rate >= 1:
        return float(k == n)
    ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return math.exp(ways + k * math.log(rate) + (n - k) * math.log1p(-rate))
