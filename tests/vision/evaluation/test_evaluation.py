"""An evaluation: figures by hand on a handful of predictions, strict JSON, warnings in words."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from mltasks.vision.evaluation.evaluate import Evaluation, evaluate
from mltasks.vision.evaluation.predictions import EvaluationProtocol, Prediction
from mltasks.vision.evaluation.report import build_report
from mltasks.vision.guarantees.escape_curve import EscapeCurve, ImageScores
from mltasks.vision.types import Costs, Thresholds

PROTOCOL = EvaluationProtocol("cross-validation", 2, 8, 0, 8, 7)
THRESHOLDS = Thresholds(1 / 6, 0.002)


def prediction(name: str, target: int, probability: float, error: float = 0.001, **more: str) -> Prediction:
    part, kind = more.get("part", name), more.get("kind", "")
    # The deciding detector is the memory; the pixels' opinion is only reported.
    detectors = {"memory": error / 0.002, "pixels": 0.5}
    return Prediction(
        name, f"sha-{name}", Path(name), None, part, target, kind, "fold-0", 0.0, probability, 0.001, 0.002, "memory",
        detectors,
    )  # fmt: skip


EIGHT = [
    prediction("a", 0, 0.02),
    prediction("b", 0, 0.05, 0.003),
    prediction("c", 0, 0.10),
    prediction("d", 0, 0.30),
    prediction("e", 1, 0.08, kind="scratch"),
    prediction("f", 1, 0.60, kind="scratch"),
    prediction("g", 1, 0.90, 0.004, kind="excess"),
    prediction("h", 1, 0.95, kind="excess"),
]


def evaluate_predictions(predictions: list[Prediction], weights: str = "imagenet") -> Evaluation:
    return evaluate(predictions, PROTOCOL, Costs(), THRESHOLDS, weights=weights)


def metric_values(evaluation: Evaluation) -> dict[str, float | None]:
    return {name: estimate.value for name, estimate in evaluation.metrics.items()}


def test_each_figure_is_what_its_name_says() -> None:
    found = evaluate_predictions(EIGHT)

    assert found.confusion == {"true_pass": 3, "false_alarm": 1, "escape": 1, "true_fail": 3}
    assert found.total_cost == 6
    assert metric_values(found) == {
        "accuracy": 6 / 8,
        "precision": 3 / 4,
        "recall": 3 / 4,
        "escape_rate": 1 / 4,
        "false_alarm_rate": 1 / 4,
        "novelty_false_alarm_rate": 1 / 4,
        "novelty_recall": 1 / 4,
        "average_precision": pytest.approx((1 + 1 + 1 + 4 / 6) / 4),
        "auroc": pytest.approx(14 / 16),
        "novelty_auroc": pytest.approx((3 * 1.5 + 4) / 16),
        "cost_per_1000": pytest.approx(750),
        # In doubt between 0.04 and 0.8: b, c, d, e, f; novel: b, g
        "review_rate": 6 / 8,
        # The defect e is in doubt too: a person sees all four.
        "routed_escape_rate": 0,
        # Eight bins of one part each: 0.02 + 0.05 + 0.10 + 0.30 + 0.92 + 0.40 + 0.10 + 0.05
        "calibration_error": pytest.approx(1.94 / 8),
    }
    assert {name: one.value for name, one in found.defect_types.items()} == {"excess": 1.0, "scratch": 0.5}


def test_the_review_rate_is_that_of_routing() -> None:
    # One of two defective parts that look good may escape. Outside, defects are novel and good parts are doubtful.
    curve = EscapeCurve(
        (0.001, 0.002, *[0.03] * 5, *[0.5] * 93),
        100,
        (0.8, 0.7, *[1.2] * 5, *[0.5] * 93),
        good=(ImageScores(0.06, 0.2),) * 20,
    )
    rows = [
        prediction("a", 0, 0.01, 0.0015),
        prediction("b", 0, 0.01, 0.0017),
        prediction("c", 1, 0.90, 0.0017),
        prediction("d", 1, 0.90, 0.0021),
        prediction("e", 1, 0.01, 0.0015),
        prediction("f", 0, 0.30),
    ]
    found = evaluate(rows, PROTOCOL, Costs(), THRESHOLDS, escape_curve=curve)

    # Novelty over the threshold: 0.75, 0.85, 0.85, 1.05, 0.75, 0.5. Below it, only what would pass is held back.
    assert (found.bands.low, found.bands.novelty_line) == (pytest.approx(0.04), math.nextafter(0.8, 0))
    assert found.metrics["review_rate"].value == 3 / 6
    assert found.metrics["routed_escape_rate"].value == pytest.approx(1 / 3)
    report = build_report(found)
    assert (
        report["review_band"]["novelty_line"] == report["promise"]["passes_up_to_novelty"] == found.bands.novelty_line
    )
    assert (report["promise"]["kind"], report["promise"]["escapes"]) == ("confidence", 1)


def test_every_figure_lies_in_its_interval() -> None:
    for name, one in evaluate_predictions(EIGHT).metrics.items():
        assert one.low is not None and one.value is not None and one.high is not None
        assert one.low <= one.value <= one.high, name


def test_a_fold_is_judged_by_its_own_detectors_threshold() -> None:
    strict = replace(prediction("z", 0, 0.1), split="fold-1", detectors={"memory": 0.0015 / 0.001})

    assert strict.novel
    assert not prediction("z", 0, 0.1, 0.0015).novel


def test_the_worst_mistakes_come_first() -> None:
    found = evaluate_predictions(EIGHT)

    assert [one.name for one in found.worst_errors] == ["e", "d"]
    assert [row["file"] for row in build_report(found)["worst_mistakes"]] == ["worst/01.jpg", "worst/02.jpg"]


def test_the_json_is_strict_and_complete() -> None:
    report = json.loads(json.dumps(build_report(evaluate_predictions(EIGHT)), allow_nan=False))

    assert report["counts"] == {"images": 8, "parts": 8, "good": 4, "defect": 4}
    assert report["cost_matrix"]["each"] == [[0, 1], [5, 0]]
    assert report["cost_matrix"]["per_1000_if_all_pass"] == 2500
    assert report["cost_matrix"]["per_1000_if_all_fail"] == 500
    assert len(report["predictions"]) == 8
    assert sum(report["curves"]["reconstruction_error"]["good"]) == 4
    assert "2-fold" in report["protocol"]["words"] and "n=8" in report["protocol"]["words"]
    assert "part id" in report["protocol"]["parts"]


def test_one_class_gives_null_and_a_warning_not_nan() -> None:
    found = evaluate_predictions(EIGHT[:4])

    json.dumps(build_report(found), allow_nan=False)
    assert metric_values(found)["recall"] is None
    assert metric_values(found)["auroc"] is None
    assert "No defective part was measured" in " ".join(found.warnings)


def test_few_parts_and_types_are_named() -> None:
    words = " ".join(evaluate_predictions(EIGHT).warnings)

    assert "Only 4 good parts" in words
    assert "excess (2), scratch (2)" in words


def test_random_weights_are_named_first() -> None:
    assert "random weights" in evaluate_predictions(EIGHT, "random").warnings[0]


def test_a_version_that_passes_nothing_is_named() -> None:
    hopeless = [prediction(name, target, 0.5) for name, target in zip("abcdef", [0, 0, 0, 1, 1, 1], strict=True)]

    assert "every part would FAIL" in " ".join(evaluate_predictions(hopeless).warnings)


def test_a_perfect_ranking_is_named() -> None:
    perfect = [prediction(name, target, 0.1 + 0.8 * target) for name, target in zip("abcd", [0, 0, 1, 1], strict=True)]

    assert "how much of this is chance" in " ".join(evaluate_predictions(perfect).warnings)


def test_many_typed_parts_need_no_warning() -> None:
    many = [
        prediction(str(n), n % 2, 0.9 if n % 2 else (0.95 if n == 0 else 0.01), kind="scratch" if n % 2 else "")
        for n in range(80)
    ]

    assert evaluate_predictions(many).warnings == []


def test_it_refuses_nothing() -> None:
    with pytest.raises(ValueError, match="no predictions to evaluate"):
        evaluate_predictions([])


def test_detectors_that_some_folds_do_without_have_no_figure() -> None:
    more = replace(EIGHT[0], detectors={"features": 0.7, **EIGHT[0].detectors})

    for rows in ([more, *EIGHT[1:]], [*EIGHT[1:], more]):
        found = evaluate_predictions(rows)
        assert list(found.detectors) == ["memory", "pixels"]
        assert found.metrics == evaluate_predictions(EIGHT).metrics
