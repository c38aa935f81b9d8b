"""Comparison of backbones: quality of the recipe against operations and milliseconds, for each network at hand.

Each network is measured alone, and as auxiliary backbone of the settings' backbone. A network is at hand if its
pretrained weights are on this machine; nothing is downloaded for the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np
import torch

from mltasks.vision.benchmarks.cross_validation import FOLDS, assign_folds
from mltasks.vision.benchmarks.part_folder import PreparedParts, prepare_parts
from mltasks.vision.benchmarks.protocol import Bench
from mltasks.vision.benchmarks.repeated_figures import Row, Table, auroc_value, average_precision_value
from mltasks.vision.export.version_weights import write_networks
from mltasks.vision.networks.feature_networks.network_registry import FEATURE_NETWORKS, weights_at_hand
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.training.fit import F32, cross_validate
from mltasks.vision.types import Sample

FEATURES_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class NetworkChoice:
    """Names of the networks to compare."""

    networks: tuple[str, ...] = FEATURE_NETWORKS

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> tuple[Self, dict[str, Any]]:
        """Return the choice in the settings, and the other settings. Raises ValueError for unknown networks."""
        names = settings.get("networks", FEATURE_NETWORKS)
        if not isinstance(names, list | tuple) or not names or not set(names) <= set(FEATURE_NETWORKS):
            raise ValueError(f"networks must be a list of: {', '.join(FEATURE_NETWORKS)}; not {names!r}.")
        return cls(tuple(names)), {name: value for name, value in settings.items() if name != "networks"}


def compare_networks(samples: Sequence[Sample], choice: NetworkChoice, bench: Bench) -> Table:
    """Cross-validate the recipe with each network at hand, and export its serving graph.

    Raises ValueError if no network is at hand, NotEnoughLabels and ExportMismatch.
    """
    at_hand = [name for name in choice.networks if weights_at_hand(name)]
    if not at_hand:
        raise ValueError(f"None of these networks is at hand: {', '.join(choice.networks)}.")
    configs = configs_by_title(at_hand, bench.config)
    rows = [
        _measure(samples, replace(part, config=configs[title]))
        for title, part in zip(configs, bench.substages(list(configs)), strict=True)
    ]
    return Table(_protocol(samples, [name for name in choice.networks if name not in at_hand], bench), rows)


def configs_by_title(names: Sequence[str], config: TrainConfig) -> dict[str, TrainConfig]:
    """Return a config for each network alone, then for each as auxiliary backbone of the config's backbone.

    The weights of the config are those of its own backbone; another backbone takes ``auto``. A network alone needs all
    scores.
    """
    own, alone = config.backbone, replace(config, companion="", left_out_scores=())
    configs = {name: alone if name == own else replace(alone, backbone=name, backbone_weights="auto") for name in names}
    return configs | {f"{own} + {name}": replace(config, companion=name) for name in names if name != own}


def _measure(samples: Sequence[Sample], bench: Bench) -> Row:
    features = bench.for_substage(0, FEATURES_SHARE, "computing features")
    parts = prepare_parts(samples, range(len(samples)), features)
    repeats = [f"repeat {number} of {bench.repeats}" for number in range(1, bench.repeats + 1)]
    stages = bench.for_substage(FEATURES_SHARE, 1).substages(repeats)
    runs = [_run_repeat(parts, seed, stage) for seed, stage in enumerate(stages)]
    return Row.from_runs(bench.stage.name, runs)


def _run_repeat(parts: PreparedParts, seed: int, bench: Bench) -> dict[str, float]:
    context = assign_folds(parts, seed)
    fitted = cross_validate(context, parts.weights, bench.stage)
    exported = replace(fitted, config=replace(fitted.config, precision=F32))
    with TemporaryDirectory(prefix="second-look-") as folder:
        networks = write_networks(exported, context.samples, Path(folder))
    rows = fitted.predictions
    targets = np.array([row.target for row in rows])
    probabilities = np.array([row.probability for row in rows])
    figures = {
        "AUROC": auroc_value(probabilities, targets),
        "average precision": average_precision_value(probabilities, targets),
        "novelty AUROC": auroc_value(np.array([row.detectors[row.detector] for row in rows]), targets),
        "GFLOP": networks.operations.gflop,
        "milliseconds": networks.agreement.milliseconds,
    }
    bench.report_stage(figures)
    return figures


def _protocol(samples: Sequence[Sample], missing: Sequence[str], bench: Bench) -> str:
    text = (
        f"{FOLDS}-fold stratified cross-validation, {bench.repeats} repeats, {len(samples)} images in "
        f"{len({sample.group for sample in samples})} groups that stay together. Each network alone, and beside "
        f"{bench.config.backbone}. Novelty is the deciding detector's. GFLOP and milliseconds are one image's in the "
        f"serving graph of all parts, in 32 bits on {bench.config.threads or torch.get_num_threads()} threads. "
    )
    return text + f"Not at hand: {', '.join(missing) or 'none'}."
