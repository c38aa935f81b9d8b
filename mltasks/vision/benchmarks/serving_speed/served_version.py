"""A version as the product serves it, from parts that a protocol has looked at already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mltasks.vision.benchmarks.part_folder import Parts
from mltasks.vision.export.learn import meta_of
from mltasks.vision.export.version_weights import write_networks
from mltasks.vision.serving import bundle
from mltasks.vision.serving.scorer import Scorer
from mltasks.vision.training.fit import F32, Fitted, hold_out
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import Sample


@dataclass(frozen=True, slots=True)
class Served:
    """A fitted version, its samples with their splits, and its exported graph's file with what scores by it."""

    fitted: Fitted
    samples: Sequence[Sample]
    graph: Path
    scorer: Scorer


def served(parts: Parts, samples: Sequence[Sample], seed: int, folder: Path, stage: Stage) -> Served:
    """Learn from the parts whose split is ``train``, choose on ``validation``, export into ``folder`` and load, as the
    product does, in 32 bits on any machine. Raises ExportMismatch."""
    lesson = replace(parts.with_seed(seed), samples=samples)
    fitted = hold_out(samples, lesson, parts.weights, stage)
    networks = write_networks(replace(fitted, config=replace(fitted.config, precision=F32)), samples, folder)
    graph, meta = folder / bundle.GRAPH, meta_of(fitted, samples, networks, seconds=0.0)
    return Served(fitted, samples, graph, Scorer(networks.graph, meta, ""))
