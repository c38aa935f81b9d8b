"""Novelty benchmark: detectors trained on good parts, tested on good parts and defects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.benchmarks.part_folder import PreparedParts, prepare_parts
from mltasks.vision.benchmarks.protocol import Bench
from mltasks.vision.benchmarks.repeated_figures import Row, Table, auroc_value
from mltasks.vision.calibration.detector_ensemble import fit_ensemble
from mltasks.vision.calibration.operating_point import with_ensemble
from mltasks.vision.data.splits import part_keys, split_in_two
from mltasks.vision.networks.compute import derive_seed
from mltasks.vision.training.features.feature_bank import TrainingData
from mltasks.vision.training.fit_autoencoder import reconstruction_errors, train_pixel_autoencoder
from mltasks.vision.training.fit_detectors import fit_detectors
from mltasks.vision.training.fit_pooled_head import score_heads
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import GOOD, Sample

TRAIN_SHARE, FEATURES_SHARE = 0.8, 0.4
Floats = NDArray[np.float64]


def measure_novelty(ungrouped: Sequence[Sample], grouped: Sequence[Sample], bench: Bench) -> Table:
    """Train detectors on 80 % of the good parts; test on the other good parts and all defects.

    The same images are measured twice: each image as its own part, as in published figures, and with near-duplicates
    kept together, which avoids leakage.
    """
    parts = prepare_parts(grouped, (), bench.for_substage(0, FEATURES_SHARE, "computing features"))
    rows: list[Row] = []
    for name, samples in (("grouped", grouped), ("random", ungrouped)):
        runs = [_run(parts, samples, seed, bench, name) for seed in range(bench.repeats)]
        rows += [Row.from_runs(f"{name}: {detector}", [run[detector] for run in runs]) for detector in runs[0]]
    size = parts.context.data.config
    protocol = (
        f"Trained on {TRAIN_SHARE:.0%} of the good parts only, tested on the rest and every defect; AUROC by image, "
        f"{bench.repeats} seeds, {len(grouped)} images at {size.height} × {size.width}. `grouped` keeps "
        f"{len(set(parts.groups))} groups of near-duplicates together."
    )
    return Table(protocol, rows)


def _run(
    parts: PreparedParts, samples: Sequence[Sample], seed: int, bench: Bench, grouping: str
) -> dict[str, dict[str, float]]:
    title = f"seed {seed + 1} of {bench.repeats}"
    bench.stage.report(FEATURES_SHARE + (1 - FEATURES_SHARE) * seed / bench.repeats, f"{grouping}, {title}")
    train, test = split_good(samples, range(len(samples)), seed)
    tested = [*test, *np.flatnonzero(parts.targets != GOOD).tolist()]
    calibration_split = split_good(samples, train, derive_seed(seed, "settling"))
    scores = detector_scores(parts.with_seed(seed).data, part_keys(samples), calibration_split, tested, seed)
    areas = {name: auroc_by_type(values, parts.kinds[tested]) for name, values in scores.items()}
    for name, figures in areas.items():
        bench.report_row(f"{grouping}: {name}, {title}", figures)
    return areas


def split_good(samples: Sequence[Sample], indices: Sequence[int], seed: int) -> tuple[list[int], list[int]]:
    """Split the good images among the indices by group: 80 % to train on, 20 % to test."""
    good = [index for index in indices if samples[index].target == GOOD]
    shares = {"train": TRAIN_SHARE, "test": 1 - TRAIN_SHARE}
    return split_in_two(samples, good, shares, seed)


def detector_scores(
    data: TrainingData,
    parts: Sequence[str],
    calibration_split: tuple[Sequence[int], Sequence[int]],
    test: Sequence[int],
    seed: int,
) -> dict[str, Floats]:
    """Return scores of the ``test`` images by detector, by the detector ensemble and by pixels.

    The ensemble is fitted to scores of the second side of ``calibration_split``, which a first fit leaves out.
    """
    rest, left_out = calibration_split
    levels = _fit_and_score(data, parts, rest, left_out, derive_seed(seed, "levels"))
    ensemble, train = fit_ensemble(levels), [*rest, *left_out]
    scores = with_ensemble(_fit_and_score(data, parts, train, test, seed), ensemble)
    autoencoder = train_pixel_autoencoder(data, train, derive_seed(seed, "pixels"), Stage(lambda _: None))
    scores["pixels"] = [error.mean for error in reconstruction_errors(autoencoder, data, test)]
    return {name: np.array(values) for name, values in scores.items()}


def _fit_and_score(
    data: TrainingData, parts: Sequence[str], train: Sequence[int], test: Sequence[int], seed: int
) -> dict[str, list[float]]:
    heads = fit_detectors(data, train, (), parts, seed)
    return {name: scores for name, (scores, _) in score_heads(heads, data, test).items()}


def auroc_by_type(values: Floats, kinds: NDArray[np.str_]) -> dict[str, float]:
    """Return the AUROC of all defects and of each type against the good parts."""
    good = kinds == ""
    areas = {"all types": auroc_value(values, (~good).astype(np.int64))}
    for kind in sorted(set(kinds[~good].tolist())):
        chosen = good | (kinds == kind)
        areas[kind] = auroc_value(values[chosen], (kinds[chosen] == kind).astype(np.int64))
    return areas
