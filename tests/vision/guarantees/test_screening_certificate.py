"""A fast path's certificate holds as often as it says, whatever the logits look like, and says what it lacks."""

from __future__ import annotations

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

from mltasks.vision.guarantees.escape_guarantee import BoundKind, EscapeRateGuarantee
from mltasks.vision.guarantees.screening_certificate import (
    Certificate,
    HeldOutLogits,
    MissingParts,
    ScreeningTerms,
    TooFewParts,
    certify,
    missing_parts,
    stage_promise,
)

RUNS = 1000
LEAK = EscapeRateGuarantee(0.01, 0.95)
NOTHING = EscapeRateGuarantee(rate=1)

Sampler = Callable[[np.random.Generator, int], NDArray[np.float64]]
Below = Callable[[float], float]
# Logits of parts that the full graph does not pass, and the share of all such parts below a line.
SHAPES: dict[str, tuple[Sampler, Below]] = {
    "normal": (lambda r, n: r.normal(3, 2, n), lambda t: float(stats.norm.cdf(t, 3, 2))),
    "one in fifty looks good": (
        lambda r, n: np.where(r.random(n) < 0.02, r.normal(-4, 1, n), r.normal(4, 1.5, n)),
        lambda t: float(0.02 * stats.norm.cdf(t, -4, 1) + 0.98 * stats.norm.cdf(t, 4, 1.5)),
    ),
    "heavy tails": (lambda r, n: r.standard_t(2, n), lambda t: float(stats.t.cdf(t, 2))),
    "many ties": (lambda r, n: np.round(2 * r.normal(2, 2, n)) / 2, lambda t: float(stats.norm.cdf(t - 0.25, 2, 2))),
}


def terms(
    promise: EscapeRateGuarantee = NOTHING,
    kind: BoundKind = "confidence",
    labeled: int = 10_000,
    leak: EscapeRateGuarantee = LEAK,
) -> ScreeningTerms:
    return ScreeningTerms(leak, promise, kind, labeled)


def not_passed(*logits: float) -> HeldOutLogits:
    return HeldOutLogits(logits, ())


@pytest.mark.parametrize("parts", [299, 473, 1000])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_leak_exceeds_the_stated_share_no_oftener_than_the_confidence_says(shape: str, parts: int) -> None:
    draw, below = SHAPES[shape]
    exceeded = 0
    for run in range(RUNS):
        logits = draw(np.random.default_rng([parts, run]), parts)
        exceeded += below(certify(not_passed(*logits), terms()).line) > LEAK.rate

    print(f"{shape}, n={parts}: {exceeded} of {RUNS} leak more than {LEAK.rate:.0%}")
    # More than 5 % is refuted if this many have a chance below one in a thousand.
    assert stats.binomtest(exceeded, RUNS, 1 - LEAK.confidence, alternative="greater").pvalue > 1e-3


def test_the_line_is_not_needlessly_low() -> None:
    draw, below = SHAPES["normal"]
    lines = [certify(not_passed(*draw(np.random.default_rng([7, run]), 299)), terms()).line for run in range(RUNS)]

    # At n = 299 the chance of exceeding is 0.99 ** 299 = 4.95 %, nearly all that the confidence leaves.
    assert np.mean([below(line) > LEAK.rate for line in lines]) == pytest.approx(0.99**299, abs=0.02)


@pytest.mark.parametrize("kind", ["confidence", "average"])
def test_both_stages_together_keep_the_escape_promise(kind: BoundKind) -> None:
    """Each stage is calibrated on its own defects, and a defect escapes if either stage passes the defect."""
    promise = EscapeRateGuarantee(0.1, 0.9)
    half, parts = stage_promise(promise), 80
    rates = []
    for run in range(RUNS):
        random = np.random.default_rng([3, run])
        certificate = certify(
            HeldOutLogits(random.normal(9, 1, 299).tolist(), random.normal(0, 1, parts).tolist()),
            terms(promise, kind, parts),
        )
        # The full graph's half, by the same rank; its scores are unrelated, so nearly all escapes differ.
        allowed = certify(HeldOutLogits((9,) * 299, range(parts)), terms(promise, kind, parts)).escapes
        full_line = float(np.sort(random.normal(0, 1, parts))[allowed])
        first, second = stats.norm.cdf(certificate.line), stats.norm.cdf(full_line)
        rates.append(first + second - first * second)

    assert half == EscapeRateGuarantee(0.05, 0.95)
    if kind == "average":
        # Two standard errors
        assert np.mean(rates) <= promise.rate + 2 * np.std(rates) / math.sqrt(RUNS)
    else:
        exceeded = int((np.array(rates) > promise.rate).sum())
        assert stats.binomtest(exceeded, RUNS, 1 - promise.confidence, alternative="greater").pvalue > 1e-3


@given(logits=st.lists(st.floats(-50, 50), min_size=299, max_size=900))
def test_it_counts_the_held_out_parts_below_the_line(logits: list[float]) -> None:
    certificate = certify(not_passed(*logits), terms())

    assert certificate.leaks == sum(certificate.passes(logit) for logit in logits)
    assert certificate.leaks <= (len(logits) >= 473) + (len(logits) >= 628) + (len(logits) >= 773)
    assert certificate.leak_bound <= LEAK.rate


def test_the_lower_of_both_lines_counts() -> None:
    promise = EscapeRateGuarantee(0.1, 0.9)
    low, high = (HeldOutLogits([5.0] * 299, [defect] * 59) for defect in (1.0, 8.0))

    assert certify(low, terms(promise)).line == 1.0
    assert certify(high, terms(promise)).line == 5.0
    assert certify(high, terms(promise)).escape_bound == pytest.approx(0.05, abs=1e-3)


def test_nan_does_not_pass() -> None:
    assert not certify(not_passed(*[1.0] * 299), terms()).passes(math.nan)


def test_it_is_read_as_it_was_written() -> None:
    certificate = certify(not_passed(*range(299)), terms())

    assert Certificate.from_json(certificate.to_json()) == certificate


def test_it_refuses_fewer_than_299_parts_that_the_full_graph_does_not_pass() -> None:
    assert certify(not_passed(*[1.0] * 299), terms()).line == 1.0

    with pytest.raises(TooFewParts, match="1 more held-out parts that the full graph does not pass") as refused:
        certify(not_passed(*[1.0] * 298), terms())
    assert refused.value.missing == MissingParts(1, 0, 0)


def test_it_refuses_a_promise_that_half_of_the_labels_would_weaken() -> None:
    promise = EscapeRateGuarantee(0.05, 0.95)

    # 146 parts prove 2.5 % at 97.5 %, and 39 bound the mean by 2.5 %.
    assert missing_parts(299, 100, terms(promise, "confidence", 140)) == (0, 46, 6)
    assert missing_parts(299, 30, terms(promise, "average", 20)) == (0, 9, 19)
    with pytest.raises(TooFewParts, match="for the full graph's half of the escape promise"):
        certify(HeldOutLogits([1.0] * 299, [1.0] * 146), terms(promise, "confidence", 145))


@pytest.mark.parametrize("logit", [math.nan, math.inf])
def test_it_refuses_logits_that_are_no_numbers(logit: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        certify(not_passed(*[1.0] * 299, logit), terms())


def test_it_imports_nothing_heavy() -> None:
    script = (
        "import mltasks.vision.guarantees.screening_certificate, sys; "
        "print({'django', 'torch', 'numpy', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
