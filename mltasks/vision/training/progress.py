"""Progress of a long run as one increasing number, divided into nested stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from mltasks.vision.types import Progress, ProgressCallback

Metrics = Mapping[str, float | int | str]


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch of one training; losses are weighted binary cross entropies per image."""

    epoch: int
    train_loss: float
    validation_loss: float
    learning_rate: float

    def to_json(self) -> dict[str, float | int]:
        """Return plain JSON types."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Stage:
    """Named part of a run from ``start`` to ``end``, both in [0, 1]."""

    callback: ProgressCallback
    name: str = ""
    start: float = 0.0
    end: float = 1.0

    def report(self, share: float, detail: str = "", metrics: Metrics | None = None) -> None:
        """Report the done ``share`` of this stage, a detail ("epoch 7") and the epoch's metrics."""
        self.callback(Progress(self._at(share), self._title(detail), metrics or {}))

    def substage(self, start: float, end: float, name: str = "") -> Stage:
        """Return a stage that covers the shares ``start`` to ``end`` of this stage."""
        return Stage(self.callback, self._title(name), self._at(start), self._at(end))

    def without_metrics(self) -> Stage:
        """Return this stage without metrics, for trainings that produce no version."""
        return replace(self, callback=lambda step: self.callback(Progress(step.share, step.stage)))

    def _title(self, detail: str) -> str:
        return ", ".join(text for text in (self.name, detail) if text)

    def _at(self, share: float) -> float:
        return self.start + (self.end - self.start) * min(1.0, max(0.0, share))
