"""Choice of the pass region: the scores that pass, with a given number of measured escapes.

Defective parts are cut off one after another until only the allowed ones are left: each time the part with the highest
probability or the part with the highest novelty. The direction of a cut may depend on the good images, on the fixed
start and on the parts cut off so far, but on nothing else of the parts left inside. Then the share of all defective
parts inside has the distribution of the k+1st of n ordered uniform numbers, whichever way the cuts went (sequentially
determined statistically equivalent blocks: Wald 1943, Tukey 1947, Fraser 1951):

1. Given that r labeled parts lie inside a region, they are independent and distributed as all defective parts inside.
2. A cut at the highest of their r scores leaves the share max(U₁ … U_r), that is Beta(r, 1), of the region. The r − 1
   parts left inside are independent and distributed as all defective parts inside the smaller region, as in 1.
3. From m parts inside the start to k, the share is π·Beta(k + 1, m − k) with m ~ Binomial(n, π). That is min(π, U),
   U being the k+1st of n ordered uniform numbers.

Pure arithmetic; imports nothing heavy.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from functools import lru_cache

from mltasks.vision.guarantees.escape_curve import EscapeCurve, ImageScores, PassRegion

# Cut-off parts beyond an end that estimate the price of moving it
NEIGHBORS = 5
# Positions in ImageScores
AXES = PROBABILITY, NOVELTY = 0, 1


@lru_cache(maxsize=64)
def choose_pass_region(curve: EscapeCurve, start: PassRegion, escapes: int) -> PassRegion:
    """Return the part of ``start`` in which at most ``escapes`` labeled defective parts pass.

    ``start`` must not depend on the curve's defective parts. The end whose move costs fewer good images is moved first.
    """
    ends = [min(start.below_probability, curve.highest_end), start.below_novelty]
    if not curve.is_joint and escapes < len(curve.probabilities):
        # Every cut is one of probabilities.
        return PassRegion(min(ends[PROBABILITY], curve.probabilities[escapes]), start.below_novelty)
    while True:
        region = PassRegion(*ends)
        inside = list(filter(region.contains, curve.images))
        if len(inside) <= escapes:
            return region
        beyond = [_nearest(curve.images, axis, ends) for axis in AXES]
        prices = [_price(axis, beyond, curve.good, ends, len(inside)) for axis in AXES]
        axis = PROBABILITY if prices[PROBABILITY] <= prices[NOVELTY] else NOVELTY
        ends[axis] = max(image[axis] for image in inside)


def _price(
    axis: int,
    beyond: Sequence[Sequence[ImageScores]],
    good: Sequence[ImageScores],
    ends: Sequence[float],
    inside: int,
) -> float:
    """Return the good images per defective part that moving one end costs. ``beyond`` has the parts next to each end.

    The mean of two sources:
    - the strip just outside the end, up to the fifth part that was cut off there, extrapolated to the inside
    - one more part inside, if the parts inside have scores like the five nearest parts beyond the other end
    """
    end, other, strip = ends[axis], 1 - axis, beyond[axis]
    far = strip[-1][axis] if len(strip) == NEIGHBORS else math.inf
    scores = [image[axis] for image in good if image[other] < ends[other]]
    outside = sum(end <= score <= far for score in scores)
    one_more = _good_before_a_part(
        [score for score in scores if score < end], [image[axis] for image in beyond[other]], inside
    )
    return (1 + outside + one_more) / (1 + len(strip))


def _nearest(images: Sequence[ImageScores], axis: int, ends: Sequence[float]) -> list[ImageScores]:
    """Return the images beyond one end and below the other, at most five, the nearest first."""
    beyond = [image for image in images if image[axis] >= ends[axis] and image[1 - axis] < ends[1 - axis]]
    return heapq.nsmallest(NEIGHBORS, beyond, key=lambda image: image[axis])


def _good_before_a_part(good: Sequence[float], alike: Sequence[float], parts: int) -> float:
    """Return the expected number of good scores at or above the highest of ``parts`` scores.

    The scores are drawn from ``alike``; without any, from the distribution of the good scores.
    """
    if not alike:
        return len(good) / (parts + 1)
    above = sorted(sum(score >= end for score in good) for end in alike)
    # The chance that all parts are at this place or a later one
    chances = [(1 - place / len(above)) ** parts for place in range(len(above) + 1)]
    return sum(number * (chances[place] - chances[place + 1]) for place, number in enumerate(above))
