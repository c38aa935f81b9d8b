"""Figures: drawn from a report's numbers, the same bytes each time, words as text, whatever is missing."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mltasks.vision.evaluate import evaluate
from mltasks.vision.fit_classifier import Epoch
from mltasks.vision.mistakes import write_pictures, write_sheet
from mltasks.vision.plots import write_plots
from mltasks.vision.predictions import Prediction, Protocol
from mltasks.vision.types import Costs, Thresholds
from tests.vision.pictures import gradient

NAMES = {"precision_recall.svg", "confusion.svg", "calibration.svg", "reconstruction_error.svg", "training.svg"}
CURVE = [Epoch(number, 1.0, 1 / number, 3e-4) for number in range(1, 6)]


def predictions(count: int, target: int | None = None, path: Path = Path("x")) -> list[Prediction]:
    return [
        Prediction(
            name=f"a-long-name-of-a-batch-from-a-line-{n}.jpg",
            path=path,
            roi=None,
            part=str(n),
            target=n % 2 if target is None else target,
            defect_type="",
            split="fold-0",
            logit=0.0,
            probability=(n * 37 % 100) / 100,
            reconstruction_error=0.001 + n * 1e-4,
            anomaly_threshold=0.002,
        )
        for n in range(count)
    ]


def report(rows: list[Prediction]) -> dict[str, Any]:
    protocol = Protocol("cross-validation", 2, len(rows), 0, len(rows), 7)
    return evaluate(rows, protocol, Costs(), Thresholds(1 / 6, 0.002)).to_json()


def words(path: Path) -> str:
    """All text of an SVG; parsing fails when it is no XML."""
    return " ".join(text for text in ElementTree.parse(path).getroot().itertext() if text.strip())  # noqa: S314 - ours


def test_every_figure_says_what_it_shows_in_text(tmp_path: Path) -> None:
    found = report(predictions(40))

    write_plots(tmp_path / "plots", found, {"fold-0": CURVE, "final": CURVE})

    assert {path.name for path in (tmp_path / "plots").iterdir()} == NAMES
    precision = f"{found['metrics']['average_precision']['value']:.3f}"
    assert precision in words(tmp_path / "plots" / "precision_recall.svg")
    assert "escapes, 5 each" in words(tmp_path / "plots" / "confusion.svg")
    assert "doubt: to a person" in words(tmp_path / "plots" / "calibration.svg")
    assert "novel above 2" in words(tmp_path / "plots" / "reconstruction_error.svg")
    assert "best at epoch 5" in words(tmp_path / "plots" / "training.svg")


def test_the_same_report_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "other"):
        write_plots(tmp_path / name, report(predictions(20)), {"final": CURVE})

    for name in NAMES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


@pytest.mark.parametrize("target", [0, 1])
def test_one_class_alone_can_be_drawn(tmp_path: Path, target: int) -> None:
    write_plots(tmp_path / "plots", report(predictions(5, target)), {"holdout": CURVE[:1]})

    shown = words(tmp_path / "plots" / "precision_recall.svg")
    assert ("No defective part was measured" in shown) == (target == 0)


def test_the_worst_mistakes_become_pictures_and_a_sheet(tmp_path: Path) -> None:
    gradient(800, 400).save(tmp_path / "part.jpg")
    rows = predictions(6, path=tmp_path / "part.jpg")

    write_pictures(tmp_path / "worst", rows)
    write_sheet(tmp_path / "sheet.jpg", rows)

    assert sorted(path.name for path in (tmp_path / "worst").iterdir()) == [f"0{n}.jpg" for n in range(1, 7)]
    assert Image.open(tmp_path / "worst" / "01.jpg").size == (320, 160)
    sheet = Image.open(tmp_path / "sheet.jpg")
    assert sheet.width > 4 * 220 and sheet.height > 2 * 220


def test_no_mistake_needs_no_picture(tmp_path: Path) -> None:
    write_pictures(tmp_path / "worst", [])

    assert list((tmp_path / "worst").iterdir()) == []
