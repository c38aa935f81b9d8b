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
from collections.abc import Iterator, Sequence
from functools import lru_cache

from mltasks.vision.serving.escape_curve import EscapeCurve, ImageScores, PassRegion

# Cut-off parts next to an end that estimate the price of moving this end. Of 1 to 10, 3 to 5 were best in simulations.
NEIGHBORS = 5
Scores = list[float]


@lru_cache(maxsize=64)
def choose_pass_region(curve: EscapeCurve, start: PassRegion, escapes: int) -> PassRegion:
    """Return the part of ``start`` in which at most ``escapes`` labeled defective parts pass.

    ``start`` must not depend on the curve's defective parts. The end whose move costs fewer good images is moved first.
    """
    region = PassRegion(min(start.below_probability, curve.highest_end), start.below_novelty)
    if not curve.is_joint and escapes < len(curve.probabilities):
        # Every cut is one of probabilities.
        return PassRegion(min(region.below_probability, curve.probabilities[escapes]), start.below_novelty)
    while True:
        by_probability, by_novelty = _lowest_scores(curve.parts, region)
        if sum(score < region.below_probability for score in by_probability) <= escapes:
            return region
        region = _cut(by_probability, by_novelty, curve.good, region)


def _cut(by_probability: Scores, by_novelty: Scores, good: Sequence[ImageScores], region: PassRegion) -> PassRegion:
    """Move one end of the region so that the outermost part in this direction is cut off."""
    probability_end, novelty_end = region.below_probability, region.below_novelty
    good_by_probability = (probability for probability, novelty in good if novelty < novelty_end)
    good_by_novelty = (novelty for probability, novelty in good if probability < probability_end)
    probability_price = _price(by_probability, good_by_probability, probability_end)
    if probability_price <= _price(by_novelty, good_by_novelty, novelty_end):
        return PassRegion(max(score for score in by_probability if score < probability_end), novelty_end)
    return PassRegion(probability_end, max(score for score in by_novelty if score < novelty_end))


def _price(defective: Scores, good: Iterator[float], end: float) -> float:
    """Return the good images per defective part in the strip outside an end, up to the fifth part cut off.

    Infinite if no part of the strip was cut off.
    """
    nearest = heapq.nsmallest(NEIGHBORS, (score for score in defective if end <= score < math.inf))
    if not nearest:
        return math.inf
    return (1 + sum(end <= score <= nearest[-1] for score in good)) / len(nearest)


def _lowest_scores(parts: Sequence[Sequence[ImageScores]], region: PassRegion) -> tuple[Scores, Scores]:
    """Return each part's lowest probability among images below the novelty end, and the lowest novelty likewise.

    Infinite if no image of a part is below the other end. Of a part's images, the probabilities ascend and the
    novelties descend.
    """
    by_probability, by_novelty = [], []
    for images in parts:
        lowest = math.inf
        for probability, novelty in images:
            if novelty < region.below_novelty:
                lowest = probability
                break
        by_probability.append(lowest)
        lowest = math.inf
        for probability, novelty in images:
            if probability >= region.below_probability:
                break
            lowest = novelty
        by_novelty.append(lowest)
    return by_probability, by_novelty
