"""Calibration with lapses: one defect that nobody can see makes no other part doubtful."""

from __future__ import annotations

import numpy as np

from mltasks.vision.calibration.calibration import fit_calibrator, fit_lapses, fit_temperature

PARTS = [str(number) for number in range(41)]


def one_missed_defect(seed: int = 1) -> tuple[list[float], list[int]]:
    """Twenty good and twenty defective parts, well apart, and a defect that looks better than any good part."""
    generator = np.random.default_rng(seed)
    logits = [*generator.normal(-2, 0.7, 20), *generator.normal(2, 0.7, 20), -4.0]
    return logits, [0] * 20 + [1] * 21


def test_a_defect_that_nobody_can_see_makes_no_other_part_doubtful() -> None:
    logits, targets = one_missed_defect()
    plain, lapsing = fit_temperature(logits, targets), fit_lapses(logits, targets)
    good, doubted = lapsing.probability(logits[:20]), plain.probability(logits[:20])

    assert lapsing.slope > 1.5 * plain.slope
    assert (good < 1 / 6).all() and (good < doubted).all()
    assert fit_calibrator(logits, targets, PARTS, 5).lapse == lapsing.lapse == 0.03


def test_with_lapses_no_part_is_surer_than_they_allow_and_none_changes_places() -> None:
    fitted = fit_lapses(*one_missed_defect())
    probabilities = fitted.probability(np.linspace(-8, 8, 1001))

    assert (np.diff(probabilities) > 0).all()
    assert 0.03 < probabilities[0] < 0.04 and 0.96 < probabilities[-1] < 0.97
    assert fit_lapses([3, 2, -1, -2], [0, 0, 1, 1]).probability([5.0]) == [0.5]


def test_with_lapses_the_probability_follows_the_share_of_defective_parts() -> None:
    # Two in three defective parts score below 0, the middle of one temperature.
    logits = [*np.linspace(-5, -3, 40), *np.linspace(-2, 1, 20)]
    fitted = fit_lapses(logits, [0] * 40 + [1] * 20)

    assert (fitted.probability(logits[40:]) > 0.5).all()
    assert (fitted.probability(logits[:40]) < 0.5).all()


def test_lapses_never_hide_a_probability_at_which_something_is_decided() -> None:
    # At 50 to 1 a part passes below 0.004: with lapses none ever would.
    fitted = fit_calibrator(*one_missed_defect(), PARTS, 5, lowest_threshold=0.004)

    assert fitted.lapse == 0 and "platt with lapses" not in fitted.log_losses


def test_the_report_says_that_there_are_lapses() -> None:
    words = fit_calibrator(*one_missed_defect(), PARTS, 5).describe()

    assert words.startswith("Platt with a label-noise floor of 3 %, the best by cross-validated log loss")


def test_where_labels_show_that_they_do_not_lapse_they_are_believed() -> None:
    logits = [*np.linspace(-9, -6, 90), *np.linspace(6, 9, 90)]
    fitted = fit_calibrator(logits, [0] * 90 + [1] * 90, [str(number) for number in range(180)], 5)

    assert fitted.method == "temperature" and fitted.lapse == 0


def test_a_hair_better_without_lapses_is_no_reason_to_go_without() -> None:
    generator = np.random.default_rng(3)
    logits = [*generator.normal(-1.2, 1, 20), *generator.normal(1.2, 1, 20)]
    fitted = fit_calibrator(logits, [0] * 20 + [1] * 20, PARTS[:40], 5)

    losses = fitted.log_losses
    assert losses["temperature"] < losses["platt with lapses"] < losses["temperature"] + 0.02
    assert fitted.lapse == 0.03
    description = fitted.describe()
    assert "label-noise floor of 3 %, within a standard error of the best by cross-validated log loss" in description
