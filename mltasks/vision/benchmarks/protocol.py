"""Settings of a protocol's run: config, device, repeats and callbacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mltasks.vision.networks.compute import Compute
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.training.progress import Stage

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

    def substages(self, names: Sequence[str]) -> Iterator[Bench]:
        """Yield the benches of named substages of equal length."""
        for number, name in enumerate(names):
            yield self.for_substage(number / len(names), (number + 1) / len(names), name)

    def recipes(self) -> Iterator[tuple[str, Bench]]:
        """Yield name and bench of our recipe and of the baseline recipe: stages of equal length."""
        recipes = {"Second Look": self.config, "baseline recipe": baseline_recipe(self.config)}
        for (name, config), bench in zip(recipes.items(), self.substages(list(recipes)), strict=True):
            yield name, replace(bench, config=config)

    def report_stage(self, figures: Mapping[str, float]) -> None:
        """Report a finished row under the name of this stage."""
        self.report_row(self.stage.name, figures)


def baseline_recipe(config: TrainConfig) -> TrainConfig:
    """Return the original recipe: part squashed to a square, average pooling, pixel autoencoder."""
    squashed = replace(config, height=224, width=224, keep_shape=False, backbone_scale=1.0)
    return replace(squashed, head="pooled", companion="", detectors=())


def format_row(title: str, figures: Mapping[str, float]) -> str:
    """Format a finished row as one line."""
    return f"{title}: " + ", ".join(f"{name} {value:.3f}" for name, value in figures.items())
