"""Training and export of a version as the product serves it, from prepared parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mltasks.vision.benchmarks.part_folder import PreparedParts
from mltasks.vision.export.learn import build_meta
from mltasks.vision.export.version_weights import write_networks
from mltasks.vision.serving.scorer import Scorer
from mltasks.vision.training.fit import F32, fit_holdout
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import Sample


def train_served_version(
    parts: PreparedParts, samples: Sequence[Sample], seed: int, folder: Path, stage: Stage
) -> Scorer:
    """Train, export into ``folder`` and load a version as the product does, in 32 bits.

    Trains on the split ``train`` and chooses on ``validation``. Raises ExportMismatch.
    """
    context = replace(parts.with_seed(seed), samples=samples)
    fitted = fit_holdout(context, parts.weights, stage)
    networks = write_networks(replace(fitted, config=replace(fitted.config, precision=F32)), samples, folder)
    return Scorer(networks.graph, build_meta(fitted, samples, networks, seconds=0.0), "")
