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


def test_novelty_scores_alone_are_the_sum() -> None:
    fusion = {"weights": {"segmentation": 0.0, "places": 1.6}, "bias": 0.1, "detectors": ["places"]}

    [(_, words)] = version_components.components({"fusion": fusion})
    assert words == "Weighted sum of scores: places × 1.6. Not used: segmentation"


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


def precision_check(milliseconds: float, why: str = "") -> dict[str, Any]:
    figures = {"average_precision": 0.95, "probability": 0.012, "novelty": 0.01, "embedding": 0.001}
    return {"allowed": not why, "why": why, "milliseconds": milliseconds, **figures}


def test_precisions_are_compared_with_32_bits_and_refused_with_a_reason() -> None:
    checks = {"f32": precision_check(79.0), "int8": precision_check(43.4), "bf16": precision_check(36.0, "It shifts.")}
    refused = {"the memories' distances": "It loses a point."}
    meta = {"precision": {"checks": checks, "parts": ["the backbone's convolutions"], "refused": refused, "images": 64}}

    assert version_components.components(meta, "int8") == [
        (
            "Precision",
            "32 bits: 79 ms on the processor that trained it, average precision 0.950.\n"
            "8 bits: 43 ms, average precision 0.950. No probability changes by more than 0.012.\n"
            "bfloat16: 36 ms, average precision 0.950. Not used: It shifts.\n"
            "In 8 bits are the backbone's convolutions.\n"
            "8 bits for the memories' distances were refused. It loses a point.",
        ),
        ("Precision here", "8 bits"),
    ]


def test_a_version_of_one_graph_says_in_what_precision_it_is() -> None:
    figures = {"milliseconds": 60.0, "milliseconds_wide": 80.0, "images": 64, "probability": 0.04}
    quality = {"average_precision": 0.95, "average_precision_wide": 0.951}
    eight = {"bits": 8, "parts": ["the backbone's convolutions"], **figures, **quality}

    assert version_components.components({"precision": {"why": "Set by the training's settings."}}) == [
        ("Precision", "32 bits. Set by the training's settings.")
    ]
    [(_, text)] = version_components.components({"precision": eight})
    assert text.startswith("8 bits in the backbone's convolutions, 75\N{NO-BREAK SPACE}% of the time of 32 bits.")
