"""Simulated scores of defective parts and good images, and how often a rule breaks the promise on them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.guarantees.escape_curve import EscapeCurve, PassRegion
from mltasks.vision.serving.calibrator import sigmoid

Floats = NDArray[np.float64]
# Logits of probabilities and logarithms of novelty ratios, [n, 2]
Sampler = Callable[[np.random.Generator, int], Floats]
Rule = Callable[[EscapeCurve], PassRegion]
POPULATION = 20_000
GOOD_IMAGES = 60
# One in twenty good images is novel.
NOVELTY_SPREAD = 0.5
NOVELTY_CENTER = -1.645 * NOVELTY_SPREAD
EVERYTHING = PassRegion(2.0, np.inf)


def normal(doubt: float, novelty: float, spread: tuple[float, float] = (2.0, 0.8), correlation: float = 0.0) -> Sampler:
    def draw(random: np.random.Generator, n: int) -> Floats:
        first, second = random.standard_normal((2, n))
        both = np.column_stack([first, correlation * first + math.sqrt(1 - correlation**2) * second])
        return np.asarray((doubt, novelty) + both * spread)

    return draw


def mixture(*kinds: tuple[float, Sampler]) -> Sampler:
    def draw(random: np.random.Generator, n: int) -> Floats:
        chosen = random.choice(len(kinds), n, p=[share for share, _ in kinds])
        return np.choose(chosen[:, None], [sampler(random, n) for _, sampler in kinds])

    return draw


def heavy_tails(random: np.random.Generator, n: int) -> Floats:
    return np.asarray(normal(0, 0, (1, 0.5), 0.5)(random, n) / np.sqrt(random.chisquare(2, (n, 1)) / 2) + (2, 0.3))


def ties(random: np.random.Generator, n: int) -> Floats:
    return np.round(2 * normal(1.5, 0.3, correlation=0.5)(random, n)) / 2


good_images = normal(-4, NOVELTY_CENTER, (1.8, NOVELTY_SPREAD))
DEFECTS: dict[str, Sampler] = {
    "doubt and novelty independent": normal(1.5, 0.3),
    "doubt and novelty correlated": normal(1.5, 0.3, correlation=0.8),
    "novel where it looks good": normal(1.5, 0.3, correlation=-0.8),
    "one in ten looks good, half of these are novel": mixture(
        (0.9, normal(2.5, 0.5, (1.8, 0.8), 0.3)), (0.05, normal(-3.5, 0.8, (1.5, 0.4))), (0.05, normal(-3.5, -0.8))
    ),
    "novelty says nothing": normal(1.5, NOVELTY_CENTER, (2.2, NOVELTY_SPREAD)),
    "the classifier is weak": normal(-1, 0.6, (2.5, 0.7), 0.2),
    "heavy tails": heavy_tails,
    "many ties": ties,
}


def scores(points: Floats) -> Floats:
    """Probabilities and novelty ratios of points."""
    return np.column_stack([sigmoid(np.clip(points[:, 0], -35, 35)), np.exp(np.clip(points[:, 1], -30, 30))])


def curve_of(defects: Floats, good: Floats) -> EscapeCurve:
    both = np.vstack([scores(defects), scores(good)])
    targets = [1] * len(defects) + [0] * len(good)
    return EscapeCurve.from_images(
        both[:, 0].tolist(), both[:, 1].tolist(), targets, [str(n) for n in range(len(both))]
    )


def share_inside(values: Floats, region: PassRegion) -> float:
    """Share of the scores that pass."""
    return float(((values[:, 0] < region.below_probability) & (values[:, 1] < region.below_novelty)).mean())


def true_escape_rates(shape: str, parts: int, rule: Rule, runs: int, seed: int = 0) -> Floats:
    """Escape rate of all defects like the labeled ones, for each run's sample of labeled parts."""
    seeds = seed, list(DEFECTS).index(shape)
    population = scores(DEFECTS[shape](np.random.default_rng(seeds), POPULATION))
    rates = []
    for run in range(runs):
        random = np.random.default_rng([*seeds, parts, run])
        curve = curve_of(DEFECTS[shape](random, parts), good_images(random, GOOD_IMAGES))
        rates.append(share_inside(population, rule(curve)))
    return np.array(rates)
