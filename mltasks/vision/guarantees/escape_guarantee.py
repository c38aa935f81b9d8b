"""Escape guarantee: how many measured escapes each bound of the escape rate allows.

The escape rate is the share of defective parts that PASS without a review. Pure arithmetic; imports nothing heavy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

# The bound holds with the guarantee's confidence, or on average over samples of labels, or there are too few labels.
BoundKind = Literal["confidence", "average", "none"]


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


class EscapeBound(NamedTuple):
    """Bound that the labels allow, and the most measured escapes that keep it (−1 for no bound)."""

    kind: BoundKind
    escapes: int


def applicable_bound(parts: int, guarantee: EscapeRateGuarantee, *, average: bool = True) -> EscapeBound:
    """Return the strongest bound that ``parts`` labeled defective parts allow.

    Without ``average`` only the bound with confidence is considered.
    """
    if (escapes := max_escapes(parts, guarantee)) >= 0:
        return EscapeBound("confidence", escapes)
    if average and (escapes := max_escapes_on_average(parts, guarantee.rate)) >= 0:
        return EscapeBound("average", escapes)
    return EscapeBound("none", -1)


def max_escapes_on_average(parts: int, rate: float) -> int:
    """Return the most escapes k among ``parts`` defective parts with (k + 1) / (n + 1) at most the rate, or −1.

    A new defective part takes each of the n + 1 ranks among n labeled ones with the same probability, and it passes
    below the k+1st lowest at k + 1 of these ranks. This is the bound of conformal risk control for a loss of 0 or 1
    (Angelopoulos et al., ICLR 2024).
    """
    estimate = int(rate * (parts + 1)) - 1
    # The product may be rounded to the other side of an integer.
    allowed = max(k for k in (-1, estimate - 1, estimate, estimate + 1) if k < 0 or average_bound(k, parts) <= rate)
    return max(-1, min(allowed, parts))


def average_bound(escapes: int, parts: int) -> float:
    """Return the bound, in (0, 1], of the mean escape rate if k of n defective parts pass: (k + 1) / (n + 1)."""
    return min(1.0, (escapes + 1) / (parts + 1))


def labels_needed_on_average(rate: float, escapes: int = 0) -> int:
    """Return the fewest defective parts that bound the mean escape rate with this many escapes.

    19 parts for no escape at 5 %.
    """
    if rate >= 1:
        return escapes
    parts = max(escapes, int((escapes + 1) / rate) - 2)
    while max_escapes_on_average(parts, rate) < escapes:
        parts += 1
    return parts


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


def _binomial(k: int, n: int, rate: float) -> float:
    """Return P(Binomial(n, rate) = k) for a rate in (0, 1].

    Logarithms are used because the factors leave a float's range for large n.
    """
    if rate >= 1:
        return float(k == n)
    ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return math.exp(ways + k * math.log(rate) + (n - k) * math.log1p(-rate))
