"""A version as the product serves it, from parts that a protocol has looked at already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mltasks.vision import bundle
from mltasks.vision.benchmarks.parts import Parts
from mltasks.vision.fit import Fitted, hold_out
from mltasks.vision.learn import meta_of, read_pixels, write_networks
from mltasks.vision.progress import Stage
from mltasks.vision.scorer import Scorer, compile_graph
from mltasks.vision.types import Sample

# Images on which the graph is compared with torch
COMPARED = 2


@dataclass(frozen=True, slots=True)
class Served:
    """A fitted version, its samples with their splits, and its exported graph's file with what scores by it."""

    fitted: Fitted
    samples: Sequence[Sample]
    graph: Path
    scorer: Scorer


def served(parts: Parts, samples: Sequence[Sample], seed: int, folder: Path, stage: Stage) -> Served:
    """Learn from the parts whose split is ``train``, choose on ``validation``, export into ``folder`` and load, as the
    product does. Raises ExportMismatch."""
    lesson = replace(parts.with_seed(seed), samples=samples)
    fitted = hold_out(samples, lesson, parts.weights, stage)
    tested = [sample for sample in samples if sample.split == "test"][:COMPARED]
    agreement = write_networks(fitted, folder, [read_pixels(sample, fitted.config) for sample in tested])
    graph, meta = folder / bundle.GRAPH, meta_of(fitted, samples, agreement, seconds=0.0)
    return Served(fitted, samples, graph, Scorer(compile_graph(graph, fitted.config.threads), meta, ""))
