"""95 % intervals of rates, of weighted sums and of resampled statistics.

Images of one part are not independent, so every interval counts parts.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import compress

import numpy as np
from numpy.typing import NDArray

Z95 = 1.959963984540054
RESAMPLES = 1000
WILSON = "Wilson score interval on the number of parts"
MOVER = "recovered from the Wilson intervals of the escape and false alarm rates (MOVER)"
BOOTSTRAP = f"stratified bootstrap over parts, {RESAMPLES} resamples, seed "
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Estimate:
    """Measured value with its 95 % interval; all None without data.

    ``n`` counts images, ``parts`` different parts.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    parts: int
    method: str

    def to_json(self) -> dict[str, float | int | str | None]:
        """Return plain JSON types."""
        return asdict(self)


def proportion(hits: Sequence[bool], parts: Sequence[str]) -> Estimate:
    """Return the share of true values with Wilson's interval.

    Images of one part count as one observation: the counts are scaled down to the number of parts. That is exact if a
    part's images agree and conservative otherwise. Sources: Wilson 1927; Brown, Cai and DasGupta 2001.
    """
    n, groups = len(hits), len(set(parts))
    if not n:
        return Estimate(None, None, None, 0, 0, WILSON)
    share, z2 = sum(hits) / n, Z95**2 / groups
    centre = (share + z2 / 2) / (1 + z2)
    half = Z95 / (1 + z2) * math.sqrt(share * (1 - share) / groups + z2 / (4 * groups))
    return Estimate(share, min(share, max(0.0, centre - half)), max(share, min(1.0, centre + half)), n, groups, WILSON)


def proportion_among(members: Bools, hits: Bools, parts: Sequence[str]) -> Estimate:
    """Return the share of hits among the members, as ``proportion``."""
    return proportion(hits[members].tolist(), list(compress(parts, members)))


def weighted_sum(terms: Sequence[tuple[float, Estimate]], n: int, parts: int) -> Estimate:
    """Return the sum of weight × independent rate with an interval from the rates' intervals.

    Unlike a bootstrap, the interval has a width when no error occurred in few parts (MOVER: Zou and Donner, Statistics
    in Medicine 27, 2008).
    """
    value = below = above = 0.0
    for weight, rate in terms:
        if rate.value is not None and rate.low is not None and rate.high is not None:
            value += weight * rate.value
            below += (weight * (rate.value - rate.low)) ** 2
            above += (weight * (rate.high - rate.value)) ** 2
    return Estimate(value, value - math.sqrt(below), value + math.sqrt(above), n, parts, MOVER)


class PartBootstrap:
    """Bootstrap weights of images: parts are drawn with replacement, stratified by class."""

    def __init__(self, parts: Sequence[str], targets: Sequence[int], seed: int) -> None:
        self.seed = seed
        self.parts = len(set(parts))
        generator = np.random.default_rng(seed)
        images: dict[str, list[int]] = defaultdict(list)
        for index, part in enumerate(parts):
            images[part].append(index)
        strata: dict[int, list[list[int]]] = defaultdict(list)
        for members in images.values():
            strata[max(targets[index] for index in members)].append(members)
        self.weights: Floats = np.zeros((RESAMPLES, len(parts)))
        for stratum in sorted(strata):
            count = len(strata[stratum])
            drawn = generator.multinomial(count, np.full(count, 1 / count), size=RESAMPLES)
            for column, members in enumerate(strata[stratum]):
                self.weights[:, members] = drawn[:, [column]]

    def estimate(self, statistic: Callable[[Floats], Floats]) -> Estimate:
        """Return a statistic of weights ``[b, n]`` → ``[b]`` with its percentile interval."""
        n = self.weights.shape[1]
        method = f"{BOOTSTRAP}{self.seed}"
        value = float(statistic(np.ones((1, n)))[0])
        draws = statistic(self.weights)
        draws = draws[np.isfinite(draws)]
        if not math.isfinite(value) or not len(draws):
            return Estimate(None, None, None, n, self.parts, method)
        low, high = np.quantile(draws, [0.025, 0.975])
        return Estimate(value, float(low), float(high), n, self.parts, method)
