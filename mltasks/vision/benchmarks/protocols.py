"""Protocols by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mltasks.vision.benchmarks.active_learning.label_arrivals import LabelingPlan
from mltasks.vision.benchmarks.active_learning.strategy_curve import measure_strategies
from mltasks.vision.benchmarks.cross_validation import measure_cross_validation
from mltasks.vision.benchmarks.localisation import measure_localization
from mltasks.vision.benchmarks.network_comparison import NetworkChoice, compare_networks
from mltasks.vision.benchmarks.novelty import measure_novelty
from mltasks.vision.benchmarks.part_folder import NoPartsError, read_folder
from mltasks.vision.benchmarks.protocol import Bench, ReportRow
from mltasks.vision.benchmarks.repeated_figures import Table
from mltasks.vision.benchmarks.serving_speed.fast_path import FastPathPlan, measure_fast_path
from mltasks.vision.benchmarks.serving_speed.image_speed import measure_serving_graph
from mltasks.vision.benchmarks.unseen_type import leave_one_type_out
from mltasks.vision.networks.compute import reproducible
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import ProgressCallback, Sample

REPEATS = {
    "phone-cases": 10,
    "all-types-known": 1,
    "novelty": 3,
    "leave-one-type-out": 1,
    "learning-curve": 3,
    "localisation": 5,
    "serving-graph": 10,
    "backbones": 1,
    "fast-path": 1,
}
PROTOCOLS = tuple(REPEATS)
PLANS: Mapping[str, type[LabelingPlan | NetworkChoice | FastPathPlan]] = {
    "learning-curve": LabelingPlan,
    "backbones": NetworkChoice,
    "fast-path": FastPathPlan,
}
# Each image is its own part: phone-cases has few parts, serving-graph measures no ranking.
UNGROUPED_PROTOCOLS = ("phone-cases", "serving-graph")


def run_protocol(
    name: str,
    data: Path | None,
    progress: ProgressCallback,
    report_row: ReportRow,
    *,
    settings: Mapping[str, Any],
    repeats: int | None = None,
    masks: Path | None = None,
) -> Table:
    """Run a protocol of ``PROTOCOLS`` on a folder of parts and return its table.

    Without a folder ``fast-path`` draws its parts. ``report_row`` is called for each finished row. ``settings`` change
    the training config and the protocol's plan: the labeling of a learning curve, the networks to compare, the parts
    of a fast path. ``repeats`` overrides the protocol's own number. ``masks`` is the folder of defect masks, for
    localization. Raises ValueError (and its subclass NoPartsError) for an unusable folder or settings, KeyError for an
    unknown name.
    """
    plan, settings = PLANS[name].from_settings(settings) if name in PLANS else (None, settings)
    config = TrainConfig.from_json(settings)
    count = REPEATS[name] if repeats is None else repeats
    if count < 1:
        raise ValueError(f"Use 1 or more repeats, not {count}.")
    with reproducible(config.threads) as compute:
        bench = Bench(config, compute, count, Stage(progress), report_row)
        bench.stage.report(0, "reading the folder")
        if isinstance(plan, FastPathPlan):
            return measure_fast_path(data, plan, bench)
        if data is None:
            raise NoPartsError(f"The protocol {name} needs a folder of parts.")
        samples = read_folder(data, grouped=name not in UNGROUPED_PROTOCOLS)
        if isinstance(plan, LabelingPlan):
            return measure_strategies(samples, plan, bench)
        if isinstance(plan, NetworkChoice):
            return compare_networks(samples, plan, bench)
        return _measure(name, samples, bench, data, masks)


def _measure(name: str, samples: Sequence[Sample], bench: Bench, data: Path, masks: Path | None) -> Table:
    match name:
        case "phone-cases" | "all-types-known":
            return measure_cross_validation(samples, bench)
        case "leave-one-type-out":
            return leave_one_type_out(samples, bench)
        case "localisation":
            return measure_localization(samples, masks, bench)
        case "serving-graph":
            return measure_serving_graph(samples, bench)
    return measure_novelty(read_folder(data, grouped=False), samples, bench)
