"""Figures: drawn from a report's numbers, the same bytes each time, words as text, whatever is missing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mltasks.vision.evaluation.chart_file import write_charts
from mltasks.vision.evaluation.evaluate import evaluate
from mltasks.vision.evaluation.learning_curve import CurvePrediction, learning_curve
from mltasks.vision.evaluation.predictions import EvaluationProtocol, Prediction
from mltasks.vision.evaluation.report import build_report
from mltasks.vision.evaluation.report_charts import report_charts, training_chart
from mltasks.vision.evaluation.worst_errors import write_contact_sheet, write_error_heatmaps, write_error_images
from mltasks.vision.guarantees.escape_curve import EscapeCurve
from mltasks.vision.serving.detector_names import DETECTOR_NAMES
from mltasks.vision.serving.heatmaps import Heatmaps
from mltasks.vision.serving.scorer import Scorer
from mltasks.vision.types import Costs, InputSize, Thresholds
from tests.vision.sample_images import gradient, svg_text

NAMES = {
    *("precision_recall.svg", "confusion.svg", "calibration.svg", "cost.svg", "training.svg"),
    *("novelty.svg", "reconstruction_error.svg"),
}
CURVE = [1 / number for number in range(1, 6)]


def predictions(count: int, target: int | None = None, path: Path = Path("x"), kind: str = "") -> list[Prediction]:
    return [
        Prediction(
            name=f"a-long-name-of-a-batch-from-a-line-{n}.jpg",
            sha256=f"{n:064x}",
            path=path,
            roi=None,
            part=str(n),
            target=n % 2 if target is None else target,
            defect_type=kind,
            split="fold-0",
            logit=0.0,
            probability=(n * 37 % 100) / 100,
            reconstruction_error=0.001 + n * 1e-4,
            anomaly_threshold=0.002,
            detector="memory",
            detectors={"memory": 0.5 + n % 2, "pixels": 0.5 + n * 0.05},
        )
        for n in range(count)
    ]


def report(rows: list[Prediction]) -> dict[str, Any]:
    protocol = EvaluationProtocol("cross-validation", 2, len(rows), 0, len(rows), 7)
    escapes = None
    if any(row.target for row in rows):
        scores = [row.probability for row in rows], [row.novelty for row in rows]
        escapes = EscapeCurve.from_images(*scores, [row.target for row in rows], [row.part for row in rows])
    return build_report(evaluate(rows, protocol, Costs(), Thresholds(1 / 6, 0.002), escape_curve=escapes))


def write_plots(folder: Path, data: dict[str, Any], losses: dict[str, list[float]], early_stopped: bool = True) -> None:
    write_charts(folder, {**report_charts(data), "training": training_chart(losses, early_stopped)})


def test_every_figure_says_what_it_shows_in_text(tmp_path: Path) -> None:
    found = report(predictions(40))

    write_plots(tmp_path / "plots", found, {"fold-0": CURVE, "final": CURVE})

    assert {path.name for path in (tmp_path / "plots").iterdir()} == NAMES
    precision = f"{found['metrics']['average_precision']['value']:.3f}"
    assert precision in svg_text(tmp_path / "plots" / "precision_recall.svg")
    assert "missed, 5 each" in svg_text(tmp_path / "plots" / "confusion.svg")
    assert "novel above 2" in svg_text(tmp_path / "plots" / "reconstruction_error.svg")
    assert "best at epoch 5" in svg_text(tmp_path / "plots" / "training.svg")


def test_the_cost_curve_marks_the_operating_point_and_the_verdicts(tmp_path: Path) -> None:
    found = report(predictions(40))

    write_plots(tmp_path / "plots", found, {"final": CURVE})

    shown = svg_text(tmp_path / "plots" / "cost.svg")
    cost = found["metrics"]["cost_per_1000"]
    assert f"FAIL from 16.7 %: {cost['value']:,.0f}" in shown
    assert f"({cost['low']:,.0f} to {cost['high']:,.0f})" in shown
    assert all(word in shown for word in ("PASS", "REVIEW", "FAIL"))


def test_calibration_names_its_error_and_what_chance_alone_gives(tmp_path: Path) -> None:
    found = report(predictions(40))

    write_plots(tmp_path / "plots", found, {"final": CURVE})

    shown = svg_text(tmp_path / "plots" / "calibration.svg")
    assert f"Calibration error {100 * found['metrics']['calibration_error']['value']:.1f} %" in shown
    assert f"Chance alone would give {100 * found['chance_calibration_error']:.1f} %" in shown


def test_novelty_names_every_detector_and_the_one_that_decides(tmp_path: Path) -> None:
    write_plots(tmp_path / "plots", report(predictions(40)), {"final": CURVE})

    shown = svg_text(tmp_path / "plots" / "novelty.svg")
    assert "Novelty: patch memory" in shown
    assert "patch memory 1.000" in shown and "pixel autoencoder 0.5" in shown
    assert "good, n=20" in shown and "defective, n=20" in shown


def test_nine_detectors_leave_the_bars_their_room(tmp_path: Path) -> None:
    data = report(predictions(40))
    for name in (*DETECTOR_NAMES, "newer"):
        data["novelty"]["auroc"][name] = {"value": 0.9, "low": 0.8, "high": 0.95, "n": 40}

    write_plots(tmp_path / "plots", data, {"final": CURVE})
    shown = svg_text(tmp_path / "plots" / "novelty.svg")
    assert all(f"{name} 0.900" in shown for name in DETECTOR_NAMES.values()) and "newer 0.900" in shown
    tallest = max(max(data["curves"]["novelty"][name]) for name in ("good", "defect"))
    ticks = [int(tick) for tick in re.findall(r">(\d+)</text>", (tmp_path / "plots" / "novelty.svg").read_text())]
    assert 0 < max(ticks) <= 1.5 * tallest


def test_defect_types_are_drawn_where_there_are_any(tmp_path: Path) -> None:
    write_plots(tmp_path / "plots", report(predictions(40, kind="scratch")), {"final": CURVE})

    shown = svg_text(tmp_path / "plots" / "defect_types.svg")
    assert "scratch" in shown and "of 20" in shown


def test_a_loss_that_decides_nothing_says_so(tmp_path: Path) -> None:
    write_plots(tmp_path / "plots", report(predictions(20)), {"fold-0": CURVE, "final": CURVE}, early_stopped=False)

    shown = svg_text(tmp_path / "plots" / "training.svg")
    assert "Loss on held-out parts" in shown and "Training runs all epochs; the loss selects none" in shown
    assert "on parts it was trained on" in shown and "best at epoch" not in shown


def test_the_learning_curve_names_each_number_of_labels(tmp_path: Path) -> None:
    rows = predictions(40)
    found = report(rows)
    found["curves"]["labels"] = [
        point.to_json() for point in learning_curve([CurvePrediction(20, rows), CurvePrediction(40, rows)], 7)
    ]

    write_plots(tmp_path / "plots", found, {"final": CURVE})

    shown = svg_text(tmp_path / "plots" / "labels.svg")
    precision = f"{100 * found['metrics']['average_precision']['value']:.1f} %"
    assert shown.count(precision) == 2 and " 20 " in shown and " 40 " in shown


@pytest.mark.parametrize("target", [0, 1])
def test_a_learning_curve_of_one_class_can_be_drawn(tmp_path: Path, target: int) -> None:
    rows = predictions(10, target)
    found = report(rows)
    found["curves"]["labels"] = [
        point.to_json() for point in learning_curve([CurvePrediction(5, rows), CurvePrediction(10, rows)], 7)
    ]

    write_plots(tmp_path / "plots", found, {"final": CURVE})

    assert svg_text(tmp_path / "plots" / "labels.svg")


def test_the_same_report_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "other"):
        write_plots(tmp_path / name, report(predictions(20)), {"final": CURVE})

    for name in NAMES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


@pytest.mark.parametrize("target", [0, 1])
@pytest.mark.parametrize("chosen", [True, False])
def test_one_class_alone_can_be_drawn(tmp_path: Path, target: int, chosen: bool) -> None:
    write_plots(tmp_path / "plots", report(predictions(5, target)), {"holdout": CURVE[:1]}, early_stopped=chosen)

    shown = svg_text(tmp_path / "plots" / "precision_recall.svg")
    assert ("No defective part was measured" in shown) == (target == 0)
    assert "Needs good and defective parts" in svg_text(tmp_path / "plots" / "cost.svg")


def test_the_worst_mistakes_become_pictures_and_a_sheet(tmp_path: Path) -> None:
    gradient(800, 400).save(tmp_path / "part.jpg")
    rows = predictions(6, path=tmp_path / "part.jpg")

    write_error_images(tmp_path / "worst", rows)
    write_contact_sheet(tmp_path / "sheet.jpg", rows)

    assert sorted(path.name for path in (tmp_path / "worst").iterdir()) == [f"0{n}.jpg" for n in range(1, 7)]
    assert Image.open(tmp_path / "worst" / "01.jpg").size == (320, 160)
    sheet = Image.open(tmp_path / "sheet.jpg")
    assert sheet.width > 4 * 220 and sheet.height > 2 * 220


def test_no_mistake_needs_no_picture(tmp_path: Path) -> None:
    write_error_images(tmp_path / "worst", [])

    assert list((tmp_path / "worst").iterdir()) == []


class HotCornerScorer(Scorer):
    """Sees one hot corner in every part."""

    def __init__(self) -> None:
        self.input_size = InputSize(64, 64)

    def maps(self, image: NDArray[np.uint8]) -> Heatmaps:
        assert image.shape == (64, 64, 3)
        evidence = np.zeros((8, 8), np.float32)
        evidence[2:4, :2] = 1
        return Heatmaps(evidence, np.zeros((8, 8), np.float32))


def test_each_mistake_has_its_map_beside_it_over_the_region_itself(tmp_path: Path) -> None:
    Image.new("RGB", (800, 400), (90, 90, 90)).save(tmp_path / "part.png")
    rows = predictions(2, path=tmp_path / "part.png")

    write_error_images(tmp_path / "worst", rows)
    write_error_heatmaps(tmp_path / "worst", rows, HotCornerScorer())

    assert sorted(path.name for path in (tmp_path / "worst").iterdir()) == [
        *("01-map.jpg", "01.jpg", "02-map.jpg", "02.jpg")
    ]
    mapped = np.asarray(Image.open(tmp_path / "worst" / "01-map.jpg")).astype(int)
    # Wide in a square input: its upper edge is the input's row of the hot corner.
    assert mapped.shape == (160, 320, 3)
    assert mapped[10, 20, 0] > 120 and abs(mapped[150, 300] - 90).max() < 10
