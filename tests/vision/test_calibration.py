"""Calibration: probabilities that come true, and nothing claimed by a network that knows nothing."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from mltasks.vision.calibration import anomaly_threshold, fit_platt


def drawn(count: int, slope: float, intercept: float, seed: int = 1) -> tuple[list[float], list[int]]:
    """Logits, and targets that are 1 with probability sigmoid(slope × logit + intercept)."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(3, 4, count)
    chance = 1 / (1 + np.exp(-(slope * logits + intercept)))
    return logits.tolist(), (generator.random(count) < chance).astype(int).tolist()


def test_it_finds_the_scale_and_shift_of_the_logits() -> None:
    fitted = fit_platt(*drawn(20_000, 0.5, -1.2))

    assert fitted.slope == pytest.approx(0.5, rel=0.05)
    assert fitted.intercept == pytest.approx(-1.2, rel=0.08)


def test_it_agrees_with_a_logistic_regression_when_there_is_much_data() -> None:
    logits, targets = drawn(5_000, 0.4, 0.3)
    other = LogisticRegression(C=1e9, tol=1e-10).fit(np.array(logits)[:, None], targets)

    fitted = fit_platt(logits, targets)

    assert fitted.slope == pytest.approx(other.coef_[0, 0], rel=0.01)
    assert fitted.intercept == pytest.approx(other.intercept_[0], abs=0.01)


def test_the_mean_probability_is_the_share_of_defects() -> None:
    logits, targets = drawn(400, 0.8, -4)

    probabilities = fit_platt(logits, targets).probability(logits)

    assert probabilities.mean() == pytest.approx(np.mean(targets), abs=0.01)


def test_perfect_separation_stays_finite_and_modest() -> None:
    probabilities = fit_platt([-2, -1.5, -1, 1, 1.5, 2], [0, 0, 0, 1, 1, 1]).probability([-2, 2])

    # Platt's targets for three of each class are 1/5 and 4/5.
    assert 0.05 < probabilities[0] < 0.25
    assert 0.75 < probabilities[1] < 0.95


def test_huge_logits_do_no_harm() -> None:
    logits, targets = drawn(300, 1, 0)

    fitted = fit_platt([1e6 * logit for logit in logits], targets)

    assert np.isfinite([fitted.slope, fitted.intercept]).all()
    assert fitted.slope > 0


def test_a_network_that_ranks_backwards_gets_the_prior_everywhere() -> None:
    fitted = fit_platt([3, 2, 2.5, -1, -2, -3, -2], [0, 0, 0, 1, 1, 1, 1])

    assert fitted.slope == 0
    assert fitted.probability([-9, 9]) == pytest.approx([fitted.probability([0])[0]] * 2)
    assert 0.5 < fitted.probability([0])[0] < 0.6


def test_equal_logits_get_the_prior() -> None:
    assert fit_platt([1.0] * 10, [1] * 3 + [0] * 7).probability([1.0])[0] == pytest.approx(0.3, abs=0.05)


@pytest.mark.parametrize(
    ("logits", "targets"), [([1.0, 2.0], [1, 1]), ([1.0, 2.0], [0, 0]), ([1.0, float("nan")], [0, 1])]
)
def test_it_refuses_one_class_and_what_is_no_number(logits: list[float], targets: list[int]) -> None:
    with pytest.raises(ValueError, match="both classes"):
        fit_platt(logits, targets)


def test_the_anomaly_threshold_is_a_quantile_of_good_errors() -> None:
    assert anomaly_threshold([float(n) for n in range(101)], 0.95) == 95


def test_it_refuses_a_threshold_from_no_part() -> None:
    with pytest.raises(ValueError, match="held-out good"):
        anomaly_threshold([], 0.95)
