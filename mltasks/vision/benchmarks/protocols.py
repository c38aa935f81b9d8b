"""Protocols by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mltasks.vision.benchmarks.active_learning.label_arrivals import LabelingPlan
from mltasks.vision.benchmarks.active_learning.strategy_curve import measure_strategies
from mltasks.vision.benchmarks.cross_validation import measure_cross_validation
from mltasks.vision.benchmarks.localisation import measure_localization
from mltasks.vision.benchmarks.novelty import measure_novelty
from mltasks.vision.benchmarks.part_folder import read_folder
from mltasks.vision.benchmarks.protocol import Bench, ReportRow
from mltasks.vision.benchmarks.repeated_figures import Table
from mltasks.vision.benchmarks.serving_speed.image_speed import measure_serving_graph
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
# Each image is its own part: phone-cases has few parts, serving-graph measures no ranking.
UNGROUPED_PROTOCOLS = ("phone-cases", "serving-graph")


@dataclass(frozen=True, slots=True)
class ProtocolOptions:
    """Options of one protocol in ``PROTOCOLS`` on a folder of parts.

    ``masks`` is the folder of defect masks, for localization. ``settings`` change the training config, or the
    labeling plan of a learning curve. ``repeats`` overrides the protocol's own number.
    """

    name: str
    data: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    repeats: int | None = None
    masks: Path | None = None


def run_protocol(options: ProtocolOptions, progress: ProgressCallback, report_row: ReportRow) -> Table:
    """Run a protocol and return its table; call ``report_row`` for each finished row.

    Raises ValueError (and its subclass NoPartsError) for an unusable folder or settings, KeyError for an unknown
    name.
    """
    curve = options.name == "learning-curve"
    plan, rest = LabelingPlan.from_settings(options.settings) if curve else (LabelingPlan(), options.settings)
    config = TrainConfig.from_json(rest)
    count = REPEATS[options.name] if options.repeats is None else options.repeats
    if count < 1:
        raise ValueError(f"Use 1 or more repeats, not {count}.")
    with reproducible(config.threads) as compute:
        return _measure(options, plan, Bench(config, compute, count, Stage(progress), report_row))


def _measure(options: ProtocolOptions, plan: LabelingPlan, bench: Bench) -> Table:
    bench.stage.report(0, "reading the folder")
    samples = read_folder(options.data, grouped=options.name not in UNGROUPED_PROTOCOLS)
    match options.name:
        case "phone-cases" | "all-types-known":
            return measure_cross_validation(samples, bench)
        case "leave-one-type-out":
            return leave_one_type_out(samples, bench)
        case "learning-curve":
            return measure_strategies(samples, plan, bench)
        case "localisation":
            return measure_localization(samples, options.masks, bench)
        case "serving-graph":
            return measure_serving_graph(samples, bench)
    return measure_novelty(read_folder(options.data, grouped=False), samples, bench)
