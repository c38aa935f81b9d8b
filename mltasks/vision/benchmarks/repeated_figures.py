"""Means of repeated runs with intervals, and their tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from mltasks.vision.stats.intervals import proportion
from mltasks.vision.stats.metrics import auroc, average_precision

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class RunMean:
    """Mean over runs with its 95 % interval (Student's t; the bare value of a single run)."""

    mean: float
    low: float
    high: float
    runs: int

    @classmethod
    def from_values(cls, values: Sequence[float]) -> RunMean:
        """Compute the mean of one value per run.

        Runs on the same parts differ only by their splits, so the interval covers only the variation between splits.
        """
        array = np.asarray(values, np.float64)
        mean, runs = float(array.mean()), len(array)
        half = 0.0
        if runs > 1:
            half = float(student.ppf((1 + CONFIDENCE) / 2, runs - 1) * array.std(ddof=1) / runs**0.5)
        return cls(mean, mean - half, mean + half, runs)

    def __str__(self) -> str:
        if self.runs == 1:
            return f"{self.mean:.3f}"
        return f"{self.mean:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True, slots=True)
class Proportion:
    """Share of images with Wilson's 95 % interval on parts; all None without images."""

    mean: float | None
    low: float | None
    high: float | None
    hits: int
    images: int
    parts: int

    @classmethod
    def from_hits(cls, hits: Sequence[bool], parts: Sequence[str]) -> Self:
        """Compute the share from one truth value and one part per image."""
        share = proportion(hits, parts)
        return cls(share.value, share.low, share.high, sum(hits), share.n, share.parts)

    def __str__(self) -> str:
        if self.mean is None:
            return "none"
        return f"{self.mean:.3f} ({self.low:.3f} to {self.high:.3f}), {self.hits} of {self.images}"


@dataclass(frozen=True, slots=True)
class Row:
    """Figures of one recipe, detector or map by name."""

    title: str
    figures: Mapping[str, RunMean | Proportion]

    @classmethod
    def from_runs(cls, title: str, runs: Sequence[Mapping[str, float]]) -> Row:
        """Build a row from each run's values by name."""
        return cls(title, {name: RunMean.from_values([run[name] for run in runs]) for name in runs[0]})


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of a protocol; ``protocol`` describes the measurement."""

    protocol: str
    rows: Sequence[Row]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        rows = {row.title: {name: asdict(figure) for name, figure in row.figures.items()} for row in self.rows}
        return {"protocol": self.protocol, "rows": rows}

    def __str__(self) -> str:
        lines = [self.protocol, ""]
        for row in self.rows:
            lines.append(row.title)
            lines += [f"  {name:<34} {figure}" for name, figure in row.figures.items()]
        return "\n".join(lines)


def auroc_value(scores: NDArray[np.float64], targets: NDArray[np.int64]) -> float:
    """Return the AUROC of one run."""
    return float(auroc(np.asarray(scores, np.float64), targets, np.ones((1, len(targets))))[0])


def average_precision_value(scores: NDArray[np.float64], targets: NDArray[np.int64]) -> float:
    """Return the average precision of one run."""
    return float(average_precision(np.asarray(scores, np.float64), targets, np.ones((1, len(targets))))[0])
