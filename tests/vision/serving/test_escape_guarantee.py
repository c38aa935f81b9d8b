"""The escape promise is kept as often as it says, whatever the scores look like, and says so when it can't be."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from mltasks.vision.calibration.calibration import fit_calibrator
from mltasks.vision.serving.calibrator import sigmoid
from mltasks.vision.serving.escape_guarantee import (
    FALLBACK_FACTOR,
    MAX_STORED_PROBABILITIES,
    EscapeCurve,
    EscapeRateGuarantee,
    clopper_pearson_bound,
    guarantee_report,
    labels_needed,
    max_escapes,
)

PROMISE = EscapeRateGuarantee()
RUNS = 200
Logits = NDArray[np.float64]


def curve_of(*probabilities: float) -> EscapeCurve:
    return EscapeCurve.from_images(probabilities, [1] * len(probabilities), [str(n) for n in range(len(probabilities))])


def even_curve(count: int) -> EscapeCurve:
    """Probabilities (1 … count) / (count + 1)."""
    return curve_of(*[(n + 1) / (count + 1) for n in range(count)])


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
    assert even_curve(58).pass_threshold(PROMISE) is None
    assert even_curve(58).labels_missing(PROMISE) == 1
    assert even_curve(59).labels_missing(PROMISE) == 0


@given(escapes=st.integers(0, 30), rate=st.floats(0.005, 0.5))
def test_the_labels_needed_are_the_fewest(escapes: int, rate: float) -> None:
    needed = labels_needed(EscapeRateGuarantee(rate), escapes)

    assert clopper_pearson_bound(escapes, needed, 0.95) <= rate + 1e-9
    assert needed == escapes + 1 or clopper_pearson_bound(escapes, needed - 1, 0.95) > rate - 1e-9


def test_the_threshold_is_the_lowest_probability_that_need_not_escape() -> None:
    assert even_curve(59).pass_threshold(PROMISE) == 1 / 60
    assert even_curve(92).pass_threshold(PROMISE) == 1 / 93
    assert even_curve(93).pass_threshold(PROMISE) == 2 / 94
    assert even_curve(93).count_escapes(2 / 94) == 1


def test_a_rate_of_one_promises_nothing() -> None:
    nothing = EscapeRateGuarantee(rate=1)

    assert curve_of(0.5).pass_threshold(nothing) == math.inf
    assert curve_of(0.5).labels_missing(nothing) == 0


def test_of_a_parts_images_the_lowest_defective_one_decides() -> None:
    curve = EscapeCurve.from_images([0.9, 0.3, 0.01, 0.6, 0.02], [1, 1, 0, 1, 0], ["a", "a", "a", "b", "c"])

    assert curve == EscapeCurve((0.3, 0.6), 2)


def test_with_too_few_labels_less_passes_than_any_defect_has_scored() -> None:
    assert curve_of(0.4, 0.2, 0.3).fallback_threshold == FALLBACK_FACTOR * 0.2


def test_json_keeps_the_lowest_and_the_count() -> None:
    curve = even_curve(3 * MAX_STORED_PROBABILITIES)
    again = EscapeCurve.from_json(json.loads(json.dumps(curve.to_json())))

    assert (again.probabilities, again.part_count) == (
        curve.probabilities[:MAX_STORED_PROBABILITIES],
        3 * MAX_STORED_PROBABILITIES,
    )
    assert again.pass_threshold(PROMISE) == curve.pass_threshold(PROMISE)
    assert again.escape_rate_bound(0.1) == curve.escape_rate_bound(0.1)


def test_what_json_left_out_counts_as_escaped() -> None:
    again = EscapeCurve.from_json(even_curve(3 * MAX_STORED_PROBABILITIES).to_json())

    assert again.escape_rate_bound(0.9) == 1
    below = again.pass_threshold(EscapeRateGuarantee(rate=0.9))
    assert below == again.probabilities[-1]
    assert again.escape_rate_bound(below) < 0.9


def test_a_report_says_what_holds_and_what_is_missing() -> None:
    held, early = (
        guarantee_report(even_curve(count), PROMISE, math.nextafter(1 / (count + 1), 0)) for count in (59, 20)
    )

    assert (held["holds"], held["escapes"], held["more_defective_labels_needed"]) == (True, 0, 0)
    assert held["bound"] == pytest.approx(1 - 0.05 ** (1 / 59))
    assert (early["holds"], early["defective_parts"], early["more_defective_labels_needed"]) == (False, 20, 39)
    assert early["bound"] == pytest.approx(1 - 0.05 ** (1 / 20))
    assert guarantee_report(even_curve(59), PROMISE, 1 / 60)["escapes"] == 1, "A part at the end of the band passes."
    json.dumps(held, allow_nan=False)


@pytest.mark.parametrize(("rate", "confidence"), [(0, 0.95), (1.1, 0.95), (math.nan, 0.95), (0.05, 0), (0.05, 1)])
def test_it_refuses_a_promise_that_means_nothing(rate: float, confidence: float) -> None:
    with pytest.raises(ValueError, match="escape guarantee needs"):
        EscapeRateGuarantee(rate, confidence)


@pytest.mark.parametrize("values", [{"lowest": [], "parts": 0}, {"lowest": [0.5, 0.2], "parts": 2}])
def test_it_refuses_a_curve_of_nothing_and_one_out_of_order(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="ascending"):
        EscapeCurve.from_json(values)


def test_it_imports_nothing_heavy() -> None:
    script = (
        "import mltasks.vision.serving.escape_guarantee, sys; "
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
        threshold = curve_of(*logistic(draw(np.random.default_rng([parts, run]), parts))).pass_threshold(promise)
        assert threshold is not None
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
        threshold = EscapeCurve.from_images(calibrator.probability(logits).tolist(), targets, names).pass_threshold(
            PROMISE
        )
        grid = np.linspace(-20, 20, 40_001)
        assert threshold is not None
        exceeded += below(float(grid[np.searchsorted(calibrator.probability(grid), threshold)]) - 0.001) > PROMISE.rate
    print(f"calibrated on the same parts, n=80: {exceeded} of {RUNS} exceed")
    assert exceeded <= 0.05 * RUNS
