"""Progress of a long run as one number that only grows, made of stages that know nothing of each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from mltasks.vision.types import Progress, ProgressCallback

Metrics = Mapping[str, float | int | str]


@dataclass(frozen=True, slots=True)
class Stage:
    """The part from ``start`` to ``end`` of a run, both in [0, 1], named in words."""

    callback: ProgressCallback
    name: str = ""
    start: float = 0.0
    end: float = 1.0

    def report(self, share: float, detail: str = "", metrics: Metrics | None = None) -> None:
        """Say that ``share`` of this stage is done, with a detail ("epoch 7") and the epoch's metrics."""
        words = ", ".join(text for text in (self.name, detail) if text)
        self.callback(Progress(self._at(share), words, metrics or {}))

    def substage(self, start: float, end: float, name: str = "") -> Stage:
        """A stage within this one, from ``start`` to ``end`` of it."""
        words = ", ".join(text for text in (self.name, name) if text)
        return Stage(self.callback, words, self._at(start), self._at(end))

    def without_metrics(self) -> Stage:
        """The same stage, whose epochs stay out of the run's curves: no version comes of what it trains."""
        return replace(self, callback=lambda step: self.callback(Progress(step.share, step.stage)))

    def _at(self, share: float) -> float:
        return self.start + (self.end - self.start) * min(1.0, max(0.0, share))
