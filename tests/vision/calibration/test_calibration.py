"""Calibration: probabilities that come true, and nothing claimed by a network that knows nothing."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from mltasks.vision.calibration import isotonic
from mltasks.vision.calibration.calibration import (
    anomaly_threshold,
    fit_calibrator,
    fit_isotonic,
    fit_lapses,
    fit_platt,
    fit_temperature,
)
from mltasks.vision.serving.calibrator import Calibrator
from mltasks.vision.stats.intervals import PartBootstrap
from mltasks.vision.stats.metrics import calibration_error, chance_calibration_error


def random_logits(count: int, slope: float, intercept: float, seed: int = 1) -> tuple[list[float], list[int]]:
    """Logits, and targets that are 1 with probability sigmoid(slope × logit + intercept)."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(3, 4, count)
    chance = 1 / (1 + np.exp(-(slope * logits + intercept)))
    return logits.tolist(), (generator.random(count) < chance).astype(int).tolist()


def test_it_finds_the_scale_and_shift_of_the_logits() -> None:
    fitted = fit_platt(*random_logits(20_000, 0.5, -1.2))

    assert fitted.slope == pytest.approx(0.5, rel=0.05)
    assert fitted.intercept == pytest.approx(-1.2, rel=0.08)


def test_it_agrees_with_a_logistic_regression_when_there_is_much_data() -> None:
    logits, targets = random_logits(5_000, 0.4, 0.3)
    other = LogisticRegression(C=1e9, tol=1e-10).fit(np.array(logits)[:, None], targets)

    fitted = fit_platt(logits, targets)

    assert fitted.slope == pytest.approx(other.coef_[0, 0], rel=0.01)
    assert fitted.intercept == pytest.approx(other.intercept_[0], abs=0.01)


def test_the_mean_probability_is_the_share_of_defects() -> None:
    logits, targets = random_logits(400, 0.8, -4)

    probabilities = fit_platt(logits, targets).probability(logits)

    assert probabilities.mean() == pytest.approx(np.mean(targets), abs=0.01)


def test_perfect_separation_stays_finite_and_modest() -> None:
    probabilities = fit_platt([-2, -1.5, -1, 1, 1.5, 2], [0, 0, 0, 1, 1, 1]).probability([-2, 2])

    # Platt's targets for three of each class are 1/5 and 4/5.
    assert 0.05 < probabilities[0] < 0.25
    assert 0.75 < probabilities[1] < 0.95


def test_huge_logits_do_no_harm() -> None:
    logits, targets = random_logits(300, 1, 0)

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


def separate_parts(count: int) -> list[str]:
    return [str(number) for number in range(count)]


def step_logits(count: int, seed: int = 3) -> tuple[list[float], list[int]]:
    """Logits whose chance of a defect is flat, then jumps: no sigmoid of a line."""
    generator = np.random.default_rng(seed)
    logits = generator.uniform(-6, 6, count)
    chance = np.where(logits < 0, 0.05, np.where(logits < 3, 0.5, 0.65))
    return logits.tolist(), (generator.random(count) < chance).astype(int).tolist()


def error_of(calibrator: Calibrator, logits: list[float], targets: list[int]) -> float:
    p = calibrator.probability(logits)
    return float(calibration_error(p, np.array(targets), np.ones((1, len(p))))[0])


def test_a_temperature_scales_without_a_shift() -> None:
    fitted = fit_temperature(*random_logits(20_000, 0.5, 0))

    assert (fitted.slope, fitted.intercept) == (pytest.approx(0.5, rel=0.05), 0)
    assert fit_temperature([3, 2, -1, -2], [0, 0, 1, 1]).slope == 0


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 9)), min_size=1, max_size=40))
def test_pooling_agrees_with_scikit_learns_isotonic_regression(rows: list[tuple[float, int]]) -> None:
    values, weights = np.array(rows, float).T
    pools = isotonic.pool_adjacent_violators(values, weights)

    means = np.bincount(pools, values * weights) / np.bincount(pools, weights)
    expected = IsotonicRegression().fit_transform(np.arange(len(values)), values, sample_weight=weights)
    assert means[pools] == pytest.approx(expected, abs=1e-9)


def test_isotonic_keeps_probabilities_apart_and_inside() -> None:
    fitted = fit_isotonic(*step_logits(600))
    probabilities = fitted.probability(np.linspace(-30, 30, 5001))

    assert len(fitted.knots) > 3
    assert (np.diff(probabilities) > 0).all()
    assert probabilities[0] > 0 and probabilities[-1] < 1


def test_isotonic_claims_no_certainty_from_a_pure_step() -> None:
    fitted = fit_isotonic(list(range(40)), [0] * 20 + [1] * 20)

    # Twenty good parts, and two more labels of which half are defective: 1/22.
    assert 1 / (1 + np.exp(-np.array(fitted.knots)[:, 1])) == pytest.approx([1 / 22, 21 / 22])


@pytest.mark.parametrize("count", [1, 9, 10, 11])
def test_isotonic_bears_equal_logits(count: int) -> None:
    fitted = fit_isotonic([1.0] * 2 * count, [0, 1] * count)

    assert fitted.probability([1.0])[0] == pytest.approx(0.5)


def test_the_best_method_is_chosen_by_held_out_log_loss() -> None:
    for data, best in ((step_logits(3000), "isotonic"), (random_logits(3000, 0.5, -1.2), "platt")):
        fitted = fit_calibrator(*data, separate_parts(3000), 5)
        assert fitted.method == best
        assert min(fitted.log_losses, key=lambda name: fitted.log_losses[name]) == best
        assert set(fitted.log_losses) == {"temperature", "platt", "isotonic"}


def test_choosing_lowers_the_calibration_error_where_no_line_fits() -> None:
    train, test = step_logits(1500, 1), step_logits(20_000, 2)
    chosen, platt = fit_calibrator(*train, separate_parts(1500), 5), fit_platt(*train)
    raw = Calibrator(1, 0)

    errors = {name: error_of(one, *test) for name, one in (("raw", raw), ("Platt", platt), ("chosen", chosen))}
    print(errors)
    assert errors["chosen"] < errors["Platt"] / 2 < errors["raw"] / 2


def test_few_labels_never_get_an_isotonic_map() -> None:
    fitted = fit_calibrator(*step_logits(199), separate_parts(199), 5)

    assert set(fitted.log_losses) == {"temperature", "platt with lapses", "platt"}
    assert not fitted.knots


def test_repeated_images_are_no_more_parts() -> None:
    logits, targets = step_logits(100)

    assert "isotonic" not in fit_calibrator(logits * 4, targets * 4, separate_parts(100) * 4, 5).log_losses


def test_with_one_part_of_a_class_nothing_is_compared() -> None:
    fitted = fit_calibrator([1, 2, -1, -2, -3], [1, 1, 0, 0, 0], ["a", "a", "b", "c", "d"], 5)

    assert (fitted.method, dict(fitted.log_losses)) == ("platt", {})
    assert "too few" in fitted.describe()


def test_the_choice_follows_from_the_seed() -> None:
    data = (*step_logits(300), separate_parts(300))

    assert fit_calibrator(*data, 5) == fit_calibrator(*data, 5)


def test_it_refuses_to_choose_from_one_class() -> None:
    with pytest.raises(ValueError, match="both classes"):
        fit_calibrator([1, 2], [1, 1], ["a", "b"], 5)


@pytest.mark.parametrize("fit", [fit_temperature, fit_platt, fit_isotonic, fit_lapses])
def test_json_brings_back_the_same_map(fit: object) -> None:
    fitted = fit(*step_logits(300))  # type: ignore[operator]
    again = Calibrator.from_json(json.loads(json.dumps(fitted.to_json(), allow_nan=False)))

    assert again == fitted
    assert "scaling" in fitted.describe() or fitted.method == "isotonic"


def test_old_versions_load() -> None:
    assert Calibrator.from_json({"slope": 2, "intercept": -1}) == Calibrator(2.0, -1.0)


def test_it_refuses_a_method_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="beta"):
        Calibrator.from_json({"slope": 1, "intercept": 0, "method": "beta"})


def test_probabilities_are_never_certain() -> None:
    probabilities = Calibrator(1, 0).probability([-1e9, 1e9])

    assert probabilities[0] > 0 and probabilities[1] < 1


def test_the_calibration_error_is_the_mean_gap_of_equal_bins() -> None:
    p, y = np.array([0.1, 0.2, 0.8, 0.9]), np.array([0, 1, 1, 1])
    weights = np.array([[1.0, 1, 1, 1], [2, 0, 1, 1], [0, 0, 0, 0]])

    found = calibration_error(p, y, weights, bins=2)
    # Bins (0.1, 0.2) and (0.8, 0.9): gaps of 0.35 and 0.15, half of the weight each.
    assert found[0] == pytest.approx(0.25)
    assert found[1] == pytest.approx((0.2 + 0.3) / 4)
    assert np.isnan(found[2])


def test_the_calibration_error_has_an_interval_over_parts_and_a_level_of_chance() -> None:
    logits, targets = random_logits(400, 1, 0)
    parts = [str(number // 2) for number in range(400)]
    y = np.array(targets)
    good, bad = Calibrator(1, 0).probability(logits), Calibrator(3, 0).probability(logits)

    found = PartBootstrap(parts, targets, 5).estimate(lambda w: calibration_error(bad, y, w))
    chance = chance_calibration_error(good, parts, 5)
    print(f"overconfident {found.value:.3f} [{found.low:.3f}, {found.high:.3f}], by chance alone {chance:.3f}")
    assert found.value is not None and found.low is not None and found.high is not None
    assert found.low <= found.value <= found.high
    assert found.low > chance
    assert calibration_error(good, y, np.ones((1, 400)))[0] < 2 * chance


def test_applying_needs_nothing_but_numpy() -> None:
    script = (
        "import mltasks.vision.serving.calibrator, sys; "
        "print({'django', 'torch', 'sklearn', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
