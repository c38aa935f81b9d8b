"""Figures of a report."""

from __future__ import annotations

from pathlib import Path

from mltasks.vision.evaluate import Evaluation
from mltasks.vision.fit import Fitted


def write_plots(directory: Path, evaluation: Evaluation, fitted: Fitted) -> None:
    """Write all figures."""
    (directory / "plots").mkdir()
