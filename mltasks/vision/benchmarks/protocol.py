"""What a protocol is run with: how to train, where, how often, and whom to tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from mltasks.vision.networks.compute import Compute
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import TrainConfig

# Told of each row as soon as it is measured: what it is of, and its figures by name.
ReportRow = Callable[[str, Mapping[str, float]], None]


@dataclass(frozen=True, slots=True)
class Bench:
    """``repeats`` are repeats, seeds, folds or rounds, as the protocol says. ``tell`` hears of each row when it is
    finished: a run that is cut short has said something by then."""

    config: TrainConfig
    compute: Compute
    repeats: int
    stage: Stage
    report_row: ReportRow

    def for_substage(self, start: float, end: float, name: str = "", config: TrainConfig | None = None) -> Bench:
        """The same bench for a stage of the run, as ``Stage.part``, perhaps with another recipe."""
        return replace(self, stage=self.stage.substage(start, end, name), config=config or self.config)

    def recipes(self, configs: Mapping[str, TrainConfig]) -> Iterator[tuple[str, Bench]]:
        """Yield each recipe's name and its bench: a stage of equal length, with the recipe's settings."""
        for number, (title, config) in enumerate(configs.items()):
            yield title, self.for_substage(number / len(configs), (number + 1) / len(configs), title, config)


def format_row(title: str, figures: Mapping[str, float]) -> str:
    """A finished row as one line."""
    return f"{title}: " + ", ".join(f"{name} {value:.3f}" for name, value in figures.items())
