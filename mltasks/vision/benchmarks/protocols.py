"""Protocols by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mltasks.vision.benchmarks.active_learning.label_arrivals import Asking
from mltasks.vision.benchmarks.active_learning.strategy_curve import learning_curve
from mltasks.vision.benchmarks.cross_validation import cross_validated
from mltasks.vision.benchmarks.localisation import localisation
from mltasks.vision.benchmarks.novelty import novelty
from mltasks.vision.benchmarks.part_folder import read_folder
from mltasks.vision.benchmarks.protocol import Bench, Tell
from mltasks.vision.benchmarks.repeated_figures import Table
from mltasks.vision.benchmarks.serving_speed.image_speed import serving_graph
from mltasks.vision.benchmarks.unseen_type import leave_one_type_out
from mltasks.vision.networks.compute import reproducible
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import ProgressCallback, TrainConfig

REPEATS = {
    "phone-cases": 10,
    "all-types-known": 1,
    "novelty": 3,
    "leave-one-type-out": 1,
    "learning-curve": 3,
    "localisation": 5,
    "serving-graph": 10,
}
PROTOCOLS = tuple(REPEATS)
# Each image its own part: the protocol for few parts, and one that measures no ranking.
UNGROUPED = ("phone-cases", "serving-graph")


@dataclass(frozen=True, slots=True)
class Order:
    """One of ``PROTOCOLS`` on a folder of parts; ``masks`` is the folder of their defects' masks, for localisation.
    ``settings`` change the training config, or how a learning curve asks; ``repeats`` the protocol's own number."""

    name: str
    data: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    repeats: int | None = None
    masks: Path | None = None


def run(order: Order, progress: ProgressCallback, tell: Tell) -> Table:
    """Measure. ``tell`` hears of each row when it is finished. Raises ValueError (NoParts among them) for a folder or
    settings that can't work, KeyError for an unknown name."""
    curve = order.name == "learning-curve"
    asking, rest = Asking.taken_from(order.settings) if curve else (Asking(), order.settings)
    config = TrainConfig.from_json(rest)
    count = REPEATS[order.name] if order.repeats is None else order.repeats
    if count < 1:
        raise ValueError(f"A protocol is repeated 1 time or more, not {count}.")
    with reproducible(config.threads) as compute:
        return _measure(order, asking, Bench(config, compute, count, Stage(progress), tell))


def _measure(order: Order, asking: Asking, bench: Bench) -> Table:
    bench.stage.report(0, "reading the folder")
    samples = read_folder(order.data, grouped=order.name not in UNGROUPED)
    match order.name:
        case "phone-cases" | "all-types-known":
            return cross_validated(samples, bench)
        case "leave-one-type-out":
            return leave_one_type_out(samples, bench)
        case "learning-curve":
            return learning_curve(samples, asking, bench)
        case "localisation":
            return localisation(samples, order.masks, bench)
        case "serving-graph":
            return serving_graph(samples, bench)
    return novelty(read_folder(order.data, grouped=False), samples, bench)
