"""Settings of a protocol's run: config, device, repeats and callbacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from mltasks.vision.networks.compute import Compute
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import TrainConfig

# Called with each row's title and its figures by name as soon as the row is measured.
ReportRow = Callable[[str, Mapping[str, float]], None]


@dataclass(frozen=True, slots=True)
class Bench:
    """Settings of one run.

    ``repeats`` are repeats, seeds, folds or rounds, depending on the protocol. ``report_row`` is called for each
    finished row, so an interrupted run has reported its rows.
    """

    config: TrainConfig
    compute: Compute
    repeats: int
    stage: Stage
    report_row: ReportRow

    def for_substage(self, start: float, end: float, name: str = "", config: TrainConfig | None = None) -> Bench:
        """Return the bench of a substage of the run, with another recipe if ``config`` is given."""
        return replace(self, stage=self.stage.substage(start, end, name), config=config or self.config)

    def recipes(self, configs: Mapping[str, TrainConfig]) -> Iterator[tuple[str, Bench]]:
        """Yield each recipe's name and its bench: stages of equal length, the recipe's settings."""
        for number, (title, config) in enumerate(configs.items()):
            yield title, self.for_substage(number / len(configs), (number + 1) / len(configs), title, config)


def format_row(title: str, figures: Mapping[str, float]) -> str:
    """Format a finished row as one line."""
    return f"{title}: " + ", ".join(f"{name} {value:.3f}" for name, value in figures.items())
