"""What more labels bring: points measured on the same parts, and the gain from one to the next."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mltasks.reports.report_text import more_labels_text
from mltasks.vision.evaluation.learning_curve import CurvePrediction, learning_curve
from mltasks.vision.evaluation.predictions import Prediction


def predictions(probabilities: list[float]) -> list[Prediction]:
    """Every other part is defective."""
    return [
        Prediction(
            name=f"{n}.jpg",
            sha256=f"{n:064x}",
            path=Path("x"),
            roi=None,
            part=str(n),
            target=n % 2,
            defect_type="",
            split="fold-0",
            logit=0.0,
            probability=value,
            reconstruction_error=0.0,
            anomaly_threshold=1.0,
            detector="pixels",
            detectors={"pixels": 0.5},
        )
        for n, value in enumerate(probabilities)
    ]


def separated_predictions(gap: float, seed: int) -> list[Prediction]:
    """Eighty parts, the defective ones above the good ones by so many deviations."""
    noise = np.random.default_rng(seed).normal(size=80)
    values = 1 / (1 + np.exp(-(noise + gap * (np.arange(80) % 2 - 0.5))))
    return predictions(values.tolist())


def test_every_point_is_measured_on_the_same_parts() -> None:
    points = learning_curve(
        [
            CurvePrediction(20, separated_predictions(1, 1)),
            CurvePrediction(80, separated_predictions(2, 3)),
            CurvePrediction(160, separated_predictions(3, 2)),
        ],
        7,
    )

    assert [point.label_count for point in points] == [20, 80, 160]
    assert [point.average_precision.n for point in points] == [80, 80, 80]
    values = [point.average_precision.value or 0 for point in points]
    assert values == sorted(values) and values[-1] < 1


def test_the_gain_is_sure_where_all_parts_are_ranked_better() -> None:
    [first, last] = learning_curve(
        [CurvePrediction(20, separated_predictions(0, 1)), CurvePrediction(160, separated_predictions(5, 2))], 7
    )

    assert first.gain is None and last.gain is not None and last.gain.low is not None
    assert last.gain.value == pytest.approx(last.average_precision.value - first.average_precision.value)  # type: ignore[operator]
    assert last.gain.low > 0


def test_no_gain_is_none_to_the_last_digit() -> None:
    rows = separated_predictions(2, 1)
    # In whatever order they come
    [_, last] = learning_curve([CurvePrediction(20, rows[::-1]), CurvePrediction(160, rows)], 7)

    assert last.gain is not None
    assert (last.gain.value, last.gain.low, last.gain.high) == (0, 0, 0)


def test_where_nothing_was_tried_there_is_no_curve() -> None:
    assert learning_curve([], 7) == []


@pytest.mark.parametrize(
    ("gain", "words"),
    [
        ((0.045, 0.012, 0.079), "rose by 4.5 points (1.2 to 7.9): more labels should help again."),
        ((0.010, -0.02, 0.040), "rose by 1.0 points (\N{MINUS SIGN}2.0 to 4.0): there are too few parts to measure"),
        ((-0.01, -0.02, 0.030), "fell by 1.0 points (\N{MINUS SIGN}3.0 to 2.0): there are too few parts to measure"),
        (
            (0.001, -0.003, 0.006),
            "rose by 0.1 points (\N{MINUS SIGN}0.3 to 0.6): more labels of the same kinds will hardly",
        ),
    ],
)
def test_it_says_in_words_whether_labels_still_help(gain: tuple[float, float, float], words: str) -> None:
    last = {"labels": 1344, "gain": dict(zip(("value", "low", "high"), gain, strict=True))}

    assert f"From 672 to 1344 labels average precision {words}" in more_labels_text(
        [{"labels": 672, "gain": None}, last]
    )


@pytest.mark.parametrize("points", [[], [{"labels": 16, "gain": None}]])
def test_it_says_nothing_where_there_is_no_curve(points: list[dict[str, object]]) -> None:
    assert more_labels_text(points) == ""
