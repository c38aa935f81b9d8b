"""The operating point: the best detector decides, and each leaves the stated share of good parts in peace."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mltasks.vision.calibration.detector_ensemble import ENSEMBLE
from mltasks.vision.calibration.operating_point import (
    PIXEL_AUTOENCODER,
    HeldOutScores,
    choose_detector,
    fit_operating_point,
)

GOOD, DEFECTS = 400, 60


def held_out(seed: int = 1) -> HeldOutScores:
    """A head, a sharp detector, a blunt one, and pixels that see nothing; peaks are twice the scores."""
    generator = np.random.default_rng(seed)
    targets = np.array([0] * GOOD + [1] * DEFECTS)
    gains = {"dense": 3.0, "memory": 3.0, "second_memory": 1.0, PIXEL_AUTOENCODER: 0.0}
    scores = {name: (5 + gain * targets + generator.normal(size=len(targets))).tolist() for name, gain in gains.items()}
    peaks = {name: [2 * value for value in values] for name, values in scores.items()}
    return HeldOutScores(scores, peaks, targets.tolist(), [f"part-{number}" for number in range(len(targets))])


@pytest.mark.parametrize("share", [0.8, 0.95, 0.99])
def test_every_detector_leaves_that_share_of_good_parts_in_peace(share: float) -> None:
    found = held_out()
    setting = fit_operating_point(found, ["memory", "second_memory"], share, 7)
    novelty = setting.novelty(found.scores)

    assert list(setting.thresholds) == [ENSEMBLE, "memory", "second_memory", PIXEL_AUTOENCODER]
    for name in setting.thresholds:
        quiet = np.array(novelty[name][:GOOD]) <= 1
        assert quiet.mean() == pytest.approx(share, abs=1 / GOOD), name


def test_it_holds_for_parts_it_was_not_set_on() -> None:
    setting, new = fit_operating_point(held_out(1), ["memory"], 0.95, 7), held_out(2)

    alarms = np.array(setting.novelty(new.scores)["memory"][:GOOD]) > 1
    assert alarms.mean() == pytest.approx(0.05, abs=0.035)


def test_the_best_detector_decides_and_scales_the_map() -> None:
    found = held_out()
    setting = fit_operating_point(found, ["second_memory", "memory"], 0.9, 7)

    assert setting.detector == "memory" and ENSEMBLE in setting.thresholds
    # 0.5 on the map is what the highest cell of 95 % of good parts stays below, whatever share the alarm has.
    assert setting.map_scales["memory"] == pytest.approx(np.quantile(found.peaks["memory"][:GOOD], 0.95))


def test_a_detector_that_knows_no_place_lets_others_show_theirs() -> None:
    found = held_out()
    found.scores["second_whole"], found.peaks["second_whole"] = found.scores["memory"], found.peaks["memory"]
    found.scores["memory"], found.peaks["memory"] = found.scores["second_memory"], found.peaks["second_memory"]
    setting = fit_operating_point(found, ["memory", "second_whole"], 0.9, 7)

    assert setting.detector == "second_whole"
    assert setting.map_detectors == ["memory"]
    # Of the mean of one map over its own scale
    assert setting.map_scale == pytest.approx(1.0)


def test_two_that_err_apart_decide_together_and_share_a_map() -> None:
    found = held_out()
    found.scores["second_memory"] = held_out(2).scores["memory"]
    found.peaks["second_memory"] = [30 * value for value in found.scores["second_memory"]]
    setting = fit_operating_point(found, ["second_memory", "memory"], 0.9, 7)

    assert setting.detector == ENSEMBLE
    assert 0.9 < setting.map_scale < 1.1, "the mean of two maps, each over its own scale"


def test_without_other_detectors_the_pixels_decide() -> None:
    setting = fit_operating_point(held_out(), [], 0.95, 7)

    assert setting.detector == PIXEL_AUTOENCODER and list(setting.thresholds) == [PIXEL_AUTOENCODER]


def test_the_pixels_do_not_vote_on_the_defect() -> None:
    setting = fit_operating_point(held_out(), ["memory", "second_memory"], 0.95, 7)

    used, dropped = setting.fusion.weights, setting.fusion.dropped
    assert {*used, *dropped} == {"dense", "memory", "second_memory"}
    assert used["dense"] > 0


def test_only_what_decides_or_is_drawn_is_computed() -> None:
    found = held_out()
    found.scores["noise"] = np.random.default_rng(5).normal(size=len(found.targets)).tolist()
    found.peaks["noise"] = found.scores["noise"]
    setting = fit_operating_point(found, ["memory", "second_memory"], 0.95, 7)

    assert "noise" in setting.fusion.dropped
    assert "noise" not in setting.used_heads
    assert {*setting.fusion.weights, *setting.map_detectors} <= setting.used_heads
    assert set(setting.with_all_scores().fusion.weights) == set(found.scores) - {PIXEL_AUTOENCODER}


def test_a_cell_of_the_evidence_map_is_as_probable_as_a_part_whose_highest_cell_it_is() -> None:
    found = held_out()
    assert fit_operating_point(found, ["memory"], 0.95, 7).evidence is None
    found.scores["segmentation"] = found.peaks["segmentation"] = found.scores["dense"]

    evidence = fit_operating_point(found, ["memory"], 0.95, 7).evidence
    assert evidence is not None
    probabilities = evidence.probability(np.array(found.peaks["segmentation"]))
    assert probabilities.mean() == pytest.approx(np.mean(found.targets), abs=0.02)


def test_probabilities_are_calibrated_on_parts_nobody_learned_from() -> None:
    setting, new = fit_operating_point(held_out(1), ["memory", "second_memory"], 0.95, 7), held_out(2)
    found = np.array(setting.probabilities(new.scores))

    assert found.min() > 0 and found.max() < 1
    assert found.mean() == pytest.approx(DEFECTS / (GOOD + DEFECTS), abs=0.03)
    assert found[GOOD:].mean() > 0.8 and found[:GOOD].mean() < 0.05


def test_of_equal_detectors_the_first_decides() -> None:
    assert choose_detector({"one": [1, 2, 3], "other": [10, 20, 30]}, [0, 1, 1], ["a", "b", "c"]) == "one"
    assert choose_detector({"one": [1, 3, 2], "other": [10, 20, 30]}, [0, 0, 1], ["a", "b", "c"]) == "other"


@pytest.mark.parametrize(("repeats", "chosen"), [(1, "first"), (100, "best")])
def test_a_detector_decides_before_the_first_only_where_labels_suffice_to_say_so(repeats: int, chosen: str) -> None:
    # The first ranks 85 % of the pairs right, the best 90 %: of twenty parts that may be chance.
    first = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 3.5, 4.5, 8.5, 9, 9.1, 9.2, 9.3, 13, 14, 15]
    best = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 4.5, 6.5, 8.5, 9, 9.1, 9.2, 9.3, 13, 14, 15]
    targets = [0] * 10 + [1] * 10
    scores = {"first": first * repeats, "best": best * repeats}

    assert choose_detector(scores, targets * repeats, [str(at) for at in range(20 * repeats)]) == chosen
    # Images of the same parts over and over say no more.
    assert choose_detector(scores, targets * repeats, [str(at) for at in range(20)] * repeats) == "first"


def test_the_same_answers_give_the_same_setting() -> None:
    assert fit_operating_point(held_out(), ["memory"], 0.95, 7) == fit_operating_point(held_out(), ["memory"], 0.95, 7)


def test_good_parts_without_any_error_still_give_a_threshold() -> None:
    found = held_out()
    found.scores[PIXEL_AUTOENCODER][:GOOD] = found.peaks[PIXEL_AUTOENCODER][:GOOD] = [0.0] * GOOD
    setting = fit_operating_point(found, [], 0.95, 7)

    assert setting.thresholds[PIXEL_AUTOENCODER] > 0 and setting.map_scale > 0
    assert np.isfinite(setting.novelty(found.scores)[PIXEL_AUTOENCODER]).all()


@pytest.mark.parametrize("target", [0, 1])
def test_it_refuses_one_class(target: int) -> None:
    found = replace(held_out(), targets=[target] * (GOOD + DEFECTS))

    with pytest.raises(ValueError, match="both classes"):
        fit_operating_point(found, ["memory"], 0.95, 7)


def test_it_refuses_scores_that_are_no_numbers() -> None:
    found = held_out()
    found.scores["dense"][0] = float("nan")

    with pytest.raises(ValueError, match="finite"):
        fit_operating_point(found, ["memory"], 0.95, 7)
