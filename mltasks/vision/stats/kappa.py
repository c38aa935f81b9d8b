"""Cohen's kappa of two reviewers with a credible interval."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mltasks.vision.stats.intervals import Estimate, Floats

POSTERIOR_DRAWS = 10_000
SEED = 0
METHOD = f"posterior under Jeffreys' priors, {POSTERIOR_DRAWS} draws, seed {SEED}"
JEFFREYS_PRIOR = 0.5


def kappa(first: Sequence[bool], second: Sequence[bool]) -> Estimate:
    """Return Cohen's kappa of two reviewers' verdicts on the same parts with a 95 % interval.

    1 is full agreement, 0 chance agreement, -1 the minimum (Educational and Psychological Measurement 20, 1960). The
    interval is that of the posterior (Basu, Banerjee and Sen, Biometrics 56, 2000). Jeffreys' priors apply to three
    shares: how often the reviewers differ, who says what if they differ, and what they say if they agree. Unlike the
    interval from the standard error, the posterior interval has a width if no verdicts differ in few parts. Kappa is
    None if both reviewers always gave the same single verdict.

    Raises ValueError if the lists differ in length.
    """
    pairs = list(zip(first, second, strict=True))
    n = len(pairs)
    counts = np.array([pairs.count(kind) for kind in ((True, True), (True, False), (False, True), (False, False))])
    value = float(_kappa(counts[np.newaxis] / max(n, 1))[0])
    if not math.isfinite(value):
        return Estimate(None, None, None, n, n, METHOD)
    low, high = np.quantile(_kappa(_posterior(counts)), [0.025, 0.975])
    return Estimate(value, min(value, float(low)), max(value, float(high)), n, n, METHOD)


def _posterior(counts: Floats) -> Floats:
    """Draw the four shares ``[POSTERIOR_DRAWS, 4]``: both yes, only first, only second, both no."""
    both, first_only, second_only, neither = counts + JEFFREYS_PRIOR
    generator = np.random.default_rng(SEED)
    differ = generator.beta(first_only + second_only - JEFFREYS_PRIOR, both + neither - JEFFREYS_PRIOR, POSTERIOR_DRAWS)
    first = generator.beta(first_only, second_only, POSTERIOR_DRAWS)
    agreed = generator.beta(both, neither, POSTERIOR_DRAWS)
    return np.stack([(1 - differ) * agreed, differ * first, differ * (1 - first), (1 - differ) * (1 - agreed)], axis=-1)


def _kappa(shares: Floats) -> Floats:
    """Compute kappa of shares ``[b, 4]`` → ``[b]``; NaN if all verdicts are the same."""
    both, first_only, second_only, neither = np.moveaxis(shares, -1, 0)
    first, second = both + first_only, both + second_only
    chance = first * second + (1 - first) * (1 - second)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(chance < 1, (both + neither - chance) / (1 - chance), np.nan)
