"""Versions that do without more scores: which ones go, which stay, and what the operating point then uses."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from mltasks.vision.calibration.operating_point import (
    KEEP_ALL_SCORES,
    PIXEL_AUTOENCODER,
    HeldOutScores,
    OperatingPoint,
    fit_operating_point,
    removable_scores,
)
from mltasks.vision.calibration.score_removal import least_needed_score

DETECTORS = ["places", "features"]
GAINS = {"segmentation": 2.0, "second_stage": 2.5, "second_texture": 1.0, "texture": 0.0}


def held_out(parts: int = 300) -> HeldOutScores:
    """Independent heads of known worth (``texture`` is noise) and two detectors."""
    generator = np.random.default_rng(5)
    targets = np.arange(parts) % 4 == 0
    gains = {**GAINS, "places": 1.5, "features": 1.2, PIXEL_AUTOENCODER: 0.0}
    scores = {name: (6 + gain * targets + generator.normal(size=parts)).tolist() for name, gain in gains.items()}
    return HeldOutScores(scores, scores, targets.astype(int).tolist(), [f"part-{number}" for number in range(parts)])


def fit(removals: int) -> OperatingPoint:
    return fit_operating_point(held_out(), DETECTORS, 0.95, 7, removals=removals)


def test_the_score_that_is_missed_least_goes_first() -> None:
    data = held_out()
    scores = {name: data.scores[name] for name in ("segmentation", "second_stage", "second_texture")}
    name, rise = least_needed_score(scores, data.targets, data.parts, 7, ["second_stage", "second_texture"]) or ("", 0)

    assert name == "second_texture" and 0 < rise < 0.1
    assert least_needed_score(scores, data.targets, data.parts, 7, []) is None
    assert least_needed_score({"texture": scores["segmentation"]}, data.targets, data.parts, 7, ["texture"]) is None


def test_with_too_few_parts_to_measure_the_last_one_goes() -> None:
    scores = {"segmentation": [0.0, 1.0, 0.0], "texture": [0.0, 1.0, 0.5], "second_texture": [1.0, 0.0, 0.5]}
    least = least_needed_score(scores, [0, 1, 0], ["a", "b", "c"], 7, ["texture", "second_texture"])
    assert least == ("second_texture", 0.0)


def test_score_sets_are_nested_and_end_with_one_head_and_one_detector() -> None:
    sets = [set(fit(removals).fusion.weights) for removals in (KEEP_ALL_SCORES, 0, 1, 2)]

    assert sets[0] == {*GAINS, *DETECTORS}
    assert all(smaller < larger for larger, smaller in pairwise(sets))
    assert sets[-1] == {"segmentation", "places"} == set(fit(9).fusion.weights)


def test_a_removed_detector_decides_nothing_any_more() -> None:
    point = fit(9)

    assert point.used_heads.isdisjoint({"features", "texture", "second_stage", "second_texture"})
    assert "features" not in point.thresholds and point.ensemble is None
    assert set(point.fusion.dropped) == {"features", "texture", "second_stage", "second_texture"}
    # What all scores would compute is still known.
    assert set(point.with_all_scores().fusion.weights) == {*GAINS, *DETECTORS}
    assert removable_scores(point, ["places"]) == []


@pytest.mark.parametrize("removals", [KEEP_ALL_SCORES, 0, 2])
def test_the_same_scores_give_the_same_point(removals: int) -> None:
    assert fit(removals) == fit(removals)
