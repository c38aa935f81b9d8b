"""What a version is made of, in words that a quality manager reads."""

from __future__ import annotations

from typing import Any

import pytest

from mltasks.reports import version_components


def test_who_speaks_and_who_is_not_heard() -> None:
    weights = {"segmentation": 0.5, "second_stage": 1.25, "second_memory": 0.0, "whole": 0.0}

    [(title, words)] = version_components.components({"fusion": {"weights": weights, "bias": 0.1}})
    assert title == "Heads"
    assert (
        words == "Weighted sum of scores: segmentation × 0.5 + auxiliary stage × 1.2. Not used: auxiliary memory, whole"
    )


def test_novelty_scores_are_a_sum_of_their_own() -> None:
    fusion = {"weights": {"segmentation": 0.5, "places": 1.6}, "bias": 0.1, "detectors": ["places"]}

    [(_, words)] = version_components.components({"fusion": fusion})
    assert words == (
        "Weighted sum of scores: segmentation × 0.5. Its odds are added to those of the novelty scores: places × 1.6"
    )


def test_what_was_left_out_is_named_with_the_reason() -> None:
    fusion = {"weights": {"second_stage": 1.0}, "bias": 0.0, "dropped": {"texture": 0.001, "second_texture": -0.002}}

    [(_, words)] = version_components.components({"fusion": fusion})
    assert words == (
        "Auxiliary stage, alone. Left out, because held-out parts are scored as well without them: "
        "texture, auxiliary texture"
    )


@pytest.mark.parametrize(
    ("everything", "words"),
    [(7.25, "7.2 GFLOP per image"), (9.04, "7.2 GFLOP per image; 9.0 with the scores that were left out")],
)
def test_it_says_how_much_computing_a_part_takes(everything: float, words: str) -> None:
    found = version_components.components({"operations": {"gflop": 7.25, "gflop_all_scores": everything}})

    assert found == [("Computing", words)]


def test_a_size_says_what_it_costs_in_time() -> None:
    size = {"width": 352, "height": 672, "keep_shape": True}

    [(_, words)] = version_components.components({"input": size, "export_agreement": {"milliseconds": 171.4}})
    assert words == "352 × 672 pixels, proportions kept; 171 ms per image on the machine that trained it"
    assert dict(version_components.components({"input": size}))["Input"] == "352 × 672 pixels, proportions kept"


def test_every_detector_has_a_name_that_people_read() -> None:
    assert version_components.detector_name("second_whole") == "Auxiliary global statistics"
    assert version_components.detector_name("together") == "Detector ensemble"
    assert version_components.detector_name("another") == "Another"


@pytest.mark.parametrize("meta", [{}, {"fusion": {"weights": {}}}, {"calibration": {"slope": 1.0}}])
def test_what_an_older_version_lacks_is_left_out(meta: dict[str, Any]) -> None:
    assert version_components.components(meta) == []


def test_a_calibration_of_later_versions_is_named() -> None:
    found = dict(version_components.components({"calibration": {"slope": 1.0, "intercept": 0.0, "method": "beta"}}))

    assert found == {"Calibration": "By beta"}


@pytest.mark.parametrize(
    ("commit", "words"), [("0123456789abcdef", "commit 0123456789ab, source feedbeefcafe"), ("", "source feedbeefcafe")]
)
def test_the_code_that_made_it_is_named(commit: str, words: str) -> None:
    assert version_components.components({"code": {"sha256": "feedbeefcafe0000", "commit": commit}}) == [
        ("Code", words)
    ]
