"""Protocols by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mltasks.vision.benchmarks.active_learning.label_arrivals import LabelingPlan
from mltasks.vision.benchmarks.active_learning.strategy_curve import measure_strategies
from mltasks.vision.benchmarks.cross_validation import measure_cross_validation
from mltasks.vision.benchmarks.localisation import measure_localization
from mltasks.vision.benchmarks.network_comparison import NetworkChoice, compare_networks
from mltasks.vision.benchmarks.novelty import measure_novelty
from mltasks.vision.benchmarks.part_folder import read_folder
from mltasks.vision.benchmarks.protocol import Bench, ReportRow
from mltasks.vision.benchmarks.repeated_figures import Table
from mltasks.vision.benchmarks.serving_speed.image_speed import measure_serving_graph
from mltasks.vision.benchmarks.unseen_type import leave_one_type_out
from mltasks.vision.networks.compute import reproducible
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import ProgressCallback

REPEATS = {
    "phone-cases": 10,
    "all-types-known": 1,
    "novelty": 3,
    "leave-one-type-out": 1,
    "learning-curve": 3,
    "localisation": 5,
    "serving-graph": 10,
    "backbones": 1,
}
PROTOCOLS = tuple(REPEATS)
# Each image is its own part: phone-cases has few parts, serving-graph measures no ranking.
UNGROUPED_PROTOCOLS = ("phone-cases", "serving-graph")


def run_protocol(
    name: str,
    data: Path,
    progress: ProgressCallback,
    report_row: ReportRow,
    *,
    settings: Mapping[str, Any],
    repeats: int | None = None,
    masks: Path | None = None,
) -> Table:
    """Run a protocol of ``PROTOCOLS`` on a folder of parts and return its table.

    ``report_row`` is called for each finished row. ``settings`` change the training config, the labeling plan of a
    learning curve, or the networks to compare. ``repeats`` overrides the protocol's own number. ``masks`` is the folder
    of defect masks, for localization. Raises ValueError (and its subclass NoPartsError) for an unusable folder or
    settings, KeyError for an unknown name.
    """
    plan, choice = LabelingPlan(), NetworkChoice()
    if name == "learning-curve":
        plan, settings = LabelingPlan.from_settings(settings)
    elif name == "backbones":
        choice, settings = NetworkChoice.from_settings(settings)
    config = TrainConfig.from_json(settings)
    count = REPEATS[name] if repeats is None else repeats
    if count < 1:
        raise ValueError(f"Use 1 or more repeats, not {count}.")
    with reproducible(config.threads) as compute:
        bench = Bench(config, compute, count, Stage(progress), report_row)
        bench.stage.report(0, "reading the folder")
        samples = read_folder(data, grouped=name not in UNGROUPED_PROTOCOLS)
        match name:
            case "phone-cases" | "all-types-known":
                return measure_cross_validation(samples, bench)
            case "leave-one-type-out":
                return leave_one_type_out(samples, bench)
            case "learning-curve":
                return measure_strategies(samples, plan, bench)
            case "localisation":
                return measure_localization(samples, masks, bench)
            case "backbones":
                return compare_networks(samples, choice, bench)
            case "serving-graph":
                return measure_serving_graph(samples, bench)
        return measure_novelty(read_folder(data, grouped=False), samples, bench)
