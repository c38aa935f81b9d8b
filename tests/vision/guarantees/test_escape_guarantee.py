"""The escape promise is kept as often as it says, whatever the scores look like, and says so when it can't be."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from mltasks.vision.calibration.calibration import fit_calibrator
from mltasks.vision.guarantees.escape_curve import EscapeCurve, PassRegion
from mltasks.vision.guarantees.escape_guarantee import (
    EscapeRateGuarantee,
    applicable_bound,
    average_bound,
    clopper_pearson_bound,
    labels_needed,
    labels_needed_on_average,
    max_escapes,
    max_escapes_on_average,
)
from mltasks.vision.guarantees.pass_region import choose_pass_region
from mltasks.vision.serving.calibrator import sigmoid

PROMISE = EscapeRateGuarantee()
RUNS = 200
Logits = NDArray[np.float64]


def curve_of(*probabilities: float) -> EscapeCurve:
    """A curve as earlier releases stored it, of probabilities alone."""
    return EscapeCurve(tuple(sorted(probabilities)), len(probabilities))


def even_curve(count: int) -> EscapeCurve:
    """Probabilities (1 … count) / (count + 1)."""
    return curve_of(*[(n + 1) / (count + 1) for n in range(count)])


def joint(curve: EscapeCurve) -> EscapeCurve:
    """The same probabilities of parts that are not novel."""
    return EscapeCurve(curve.probabilities, curve.part_count, (0.5,) * len(curve.probabilities))


def pass_end(curve: EscapeCurve, promise: EscapeRateGuarantee) -> float:
    """The end of PASS by the promise alone."""
    bound = applicable_bound(curve.part_count, promise, average=False)
    return choose_pass_region(curve, PassRegion(math.inf, math.inf), bound.escapes).below_probability


@given(parts=st.integers(1, 3000), rate=st.floats(0.001, 0.5), confidence=st.floats(0.5, 0.999))
def test_the_allowed_escapes_are_the_most_that_clopper_and_pearson_bound(
    parts: int, rate: float, confidence: float
) -> None:
    allowed = max_escapes(parts, EscapeRateGuarantee(rate, confidence))

    bounds = stats.beta.ppf(confidence, np.arange(parts) + 1, parts - np.arange(parts))
    assert allowed < 0 or bounds[allowed] <= rate + 1e-9
    assert allowed + 1 == parts or bounds[allowed + 1] >= rate - 1e-9


@given(parts=st.integers(1, 2000), share=st.floats(0, 1), confidence=st.floats(0.5, 0.999))
def test_the_bound_is_clopper_and_pearsons(parts: int, share: float, confidence: float) -> None:
    escapes = min(parts - 1, int(share * 50))

    expected = stats.beta.ppf(confidence, escapes + 1, parts - escapes)
    assert clopper_pearson_bound(escapes, parts, confidence) == pytest.approx(expected, abs=1e-9)


def test_59_defective_parts_prove_five_percent_and_each_escape_takes_more() -> None:
    assert [labels_needed(PROMISE, escapes) for escapes in range(4)] == [59, 93, 124, 153]
    assert labels_needed(EscapeRateGuarantee(0.01)) == 299
    assert applicable_bound(58, PROMISE, average=False) == ("none", -1)
    assert applicable_bound(59, PROMISE) == ("confidence", 0)


def test_19_defective_parts_bound_the_mean_by_five_percent_and_20_more_allow_each_escape() -> None:
    assert [labels_needed_on_average(0.05, escapes) for escapes in range(4)] == [19, 39, 59, 79]
    assert applicable_bound(18, PROMISE) == ("none", -1)
    assert [applicable_bound(parts, PROMISE) for parts in (19, 38, 39, 58)] == [
        ("average", 0), ("average", 0), ("average", 1), ("average", 1)
    ]  # fmt: skip


@given(parts=st.integers(0, 5000), rate=st.fractions(0, 1, max_denominator=1000))
def test_the_mean_allows_the_most_escapes_within_the_rate(parts: int, rate: Fraction) -> None:
    allowed = max_escapes_on_average(parts, float(rate))

    assert allowed == max(-1, min(parts, math.floor(rate * (parts + 1)) - 1))
    assert allowed < 0 or average_bound(allowed, parts) <= float(rate)


@given(escapes=st.integers(0, 30), rate=st.floats(0.005, 0.5))
def test_the_labels_needed_on_average_are_the_fewest(escapes: int, rate: float) -> None:
    needed = labels_needed_on_average(rate, escapes)

    assert max_escapes_on_average(needed, rate) >= escapes
    assert max_escapes_on_average(needed - 1, rate) < escapes


@given(escapes=st.integers(0, 30), rate=st.floats(0.005, 0.5))
def test_the_labels_needed_are_the_fewest(escapes: int, rate: float) -> None:
    needed = labels_needed(EscapeRateGuarantee(rate), escapes)

    assert clopper_pearson_bound(escapes, needed, 0.95) <= rate + 1e-9
    assert needed == escapes + 1 or clopper_pearson_bound(escapes, needed - 1, 0.95) > rate - 1e-9


def test_the_threshold_is_the_lowest_probability_that_need_not_escape() -> None:
    for curve in (even_curve, lambda count: joint(even_curve(count))):
        assert pass_end(curve(59), PROMISE) == 1 / 60
        assert pass_end(curve(92), PROMISE) == 1 / 93
        assert pass_end(curve(93), PROMISE) == 2 / 94
        assert curve(93).count_escapes(PassRegion(2 / 94, 2.0)) == 1


def test_a_rate_of_one_promises_nothing() -> None:
    nothing = EscapeRateGuarantee(rate=1)

    assert pass_end(curve_of(0.5), nothing) == math.inf
    assert labels_needed(nothing) == labels_needed_on_average(1) == 0


@pytest.mark.parametrize(("rate", "confidence"), [(0, 0.95), (1.1, 0.95), (math.nan, 0.95), (0.05, 0), (0.05, 1)])
def test_it_refuses_a_promise_that_means_nothing(rate: float, confidence: float) -> None:
    with pytest.raises(ValueError, match="escape guarantee needs"):
        EscapeRateGuarantee(rate, confidence)


def test_it_imports_nothing_heavy() -> None:
    script = (
        "import mltasks.vision.guarantees.guarantee_report, sys; "
        "print({'django', 'torch', 'numpy', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# The simulation: scores of defective parts as logits, and the share of all defective parts below a threshold.
Sampler = Callable[[np.random.Generator, int], Logits]
Below = Callable[[float], float]
HARD, EASY = stats.norm(-3, 1), stats.norm(3, 1.5)
SHAPES: dict[str, tuple[Sampler, Below]] = {
    "normal": (lambda r, n: r.normal(2, 2, n), lambda t: float(stats.norm.cdf(t, 2, 2))),
    "one in ten is hard": (
        lambda r, n: np.where(r.random(n) < 0.1, r.normal(-3, 1, n), r.normal(3, 1.5, n)),
        lambda t: float(0.1 * HARD.cdf(t) + 0.9 * EASY.cdf(t)),
    ),
    "heavy tails": (lambda r, n: r.standard_t(2, n) + 2, lambda t: float(stats.t.cdf(t - 2, 2))),
    "uniform": (lambda r, n: r.uniform(-1, 5, n), lambda t: min(1.0, max(0.0, (t + 1) / 6))),
    # Scores on a grid of halves: what lies strictly below t was rounded from below t − 1/4.
    "many ties": (lambda r, n: np.round(2 * r.normal(2, 2, n)) / 2, lambda t: float(stats.norm.cdf(t - 0.25, 2, 2))),
}


def logistic(logits: Logits) -> Logits:
    return sigmoid(np.clip(logits, -59, 35))


def exceedances(shape: str, parts: int, promise: EscapeRateGuarantee, runs: int = RUNS) -> int:
    """In how many of the runs the true escape rate exceeds the promised one."""
    draw, below = SHAPES[shape]
    count = 0
    for run in range(runs):
        threshold = pass_end(curve_of(*logistic(draw(np.random.default_rng([parts, run]), parts))), promise)
        count += below(math.log(threshold / (1 - threshold))) > promise.rate
    return count


@pytest.mark.parametrize("promise", [PROMISE, EscapeRateGuarantee(rate=0.1, confidence=0.9)])
def test_the_true_escape_rate_exceeds_the_promise_no_oftener_than_it_says(promise: EscapeRateGuarantee) -> None:
    found = {
        (shape, parts): exceedances(shape, parts, promise) for shape in SHAPES for parts in (59, 93, 120, 200, 500)
    }

    for (shape, parts), count in found.items():
        print(f"{promise.rate:.0%} at {promise.confidence:.0%}, {shape}, n={parts}: {count} of {RUNS} exceed")
    pooled = sum(found.values()) / (RUNS * len(found))
    print(f"pooled: {pooled:.2%}")
    allowed = 1 - promise.confidence
    assert pooled <= allowed
    # Each configuration alone is a sample of 200: as high as this by chance once in ten thousand.
    assert max(found.values()) <= stats.binom.ppf(1 - 1e-4, RUNS, allowed)


def test_it_is_not_kept_by_being_needlessly_strict() -> None:
    # At n = 59 the chance of exceeding is 0.95 ** 59 = 4.85 %, nearly all that the confidence leaves.
    assert exceedances("normal", 59, PROMISE, 2000) / 2000 == pytest.approx(0.95**59, abs=0.015)


@pytest.mark.slow(7)
def test_it_is_kept_when_the_same_parts_calibrate_the_scores() -> None:
    draw, below = SHAPES["one in ten is hard"]
    exceeded = 0
    for run in range(RUNS):
        random = np.random.default_rng([11, run])
        logits = np.concatenate([draw(random, 80), random.normal(-4, 2, 160)])
        targets, names = [1] * 80 + [0] * 160, [str(n) for n in range(240)]
        calibrator = fit_calibrator(logits.tolist(), targets, names, run)
        curve = EscapeCurve.from_images(calibrator.probability(logits).tolist(), [0.5] * 240, targets, names)
        threshold = pass_end(curve, PROMISE)
        grid = np.linspace(-20, 20, 40_001)
        exceeded += below(float(grid[np.searchsorted(calibrator.probability(grid), threshold)]) - 0.001) > PROMISE.rate
    print(f"calibrated on the same parts, n=80: {exceeded} of {RUNS} exceed")
    assert exceeded <= 0.05 * RUNS
