"""Figures of repeated runs: their mean with an interval, and as a table a person reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from mltasks.vision.stats.intervals import proportion
from mltasks.vision.stats.metrics import auroc, average_precision

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean over runs with its 95 % interval (Student's t; the bare value of a single run)."""

    mean: float
    low: float
    high: float
    runs: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Figure:
        """Of one value a run. Runs on the same parts differ by their splits alone: the interval speaks of those."""
        found = np.asarray(values, np.float64)
        mean, runs = float(found.mean()), len(found)
        half = 0.0
        if runs > 1:
            half = float(student.ppf((1 + LEVEL) / 2, runs - 1) * found.std(ddof=1) / runs**0.5)
        return cls(mean, mean - half, mean + half, runs)

    def __str__(self) -> str:
        if self.runs == 1:
            return f"{self.mean:.3f}"
        return f"{self.mean:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True, slots=True)
class Share:
    """A share of images with Wilson's 95 % interval on the number of different parts; all None of no image."""

    mean: float | None
    low: float | None
    high: float | None
    hits: int
    images: int
    parts: int

    @classmethod
    def of(cls, hits: Sequence[bool], parts: Sequence[str]) -> Self:
        """Of one truth value an image, and the part that it shows."""
        found = proportion(hits, parts)
        return cls(found.value, found.low, found.high, sum(hits), found.n, found.parts)

    def __str__(self) -> str:
        if self.mean is None:
            return "none"
        return f"{self.mean:.3f} ({self.low:.3f} to {self.high:.3f}), {self.hits} of {self.images}"


@dataclass(frozen=True, slots=True)
class Row:
    """One recipe's, detector's or map's figures by name."""

    title: str
    figures: Mapping[str, Figure | Share]

    @classmethod
    def of(cls, title: str, runs: Sequence[Mapping[str, float]]) -> Row:
        """From each run's values by name."""
        return cls(title, {name: Figure.of([run[name] for run in runs]) for name in runs[0]})


@dataclass(frozen=True, slots=True)
class Table:
    """A protocol's outcome. ``words`` says how it was measured."""

    words: str
    rows: Sequence[Row]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types."""
        rows = {row.title: {name: asdict(one) for name, one in row.figures.items()} for row in self.rows}
        return {"protocol": self.words, "rows": rows}

    def __str__(self) -> str:
        lines = [self.words, ""]
        for row in self.rows:
            lines.append(row.title)
            lines += [f"  {name:<34} {figure}" for name, figure in row.figures.items()]
        return "\n".join(lines)


def area(scores: NDArray[np.float64], targets: NDArray[np.int64]) -> float:
    """AUROC of one run."""
    return float(auroc(np.asarray(scores, np.float64), targets, np.ones((1, len(targets))))[0])


def precision(scores: NDArray[np.float64], targets: NDArray[np.int64]) -> float:
    """Average precision of one run."""
    return float(average_precision(np.asarray(scores, np.float64), targets, np.ones((1, len(targets))))[0])
