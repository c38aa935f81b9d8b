"""No defect ever seen: detectors that learned from good parts alone, asked about good parts and every defect."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.benchmarks.part_folder import Parts, look
from mltasks.vision.benchmarks.protocol import Bench
from mltasks.vision.benchmarks.repeated_figures import Row, Table, area
from mltasks.vision.calibration.detector_ensemble import fit_together
from mltasks.vision.calibration.operating_point import with_together
from mltasks.vision.data.splits import deal, part_keys, parts_of
from mltasks.vision.networks.compute import derive_seed
from mltasks.vision.training.feature_bank import Material
from mltasks.vision.training.fit_autoencoder import errors_of, train_autoencoder
from mltasks.vision.training.fit_detectors import fit_detectors
from mltasks.vision.training.fit_pooled_head import scores_by
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import GOOD, Sample

TRAIN_SHARE = 0.8
Floats = NDArray[np.float64]


def novelty(random: Sequence[Sample], grouped: Sequence[Sample], bench: Bench) -> Table:
    """Train on 80 % of the good parts; test on the rest and all defects. The same images twice: each its own part as
    published figures have it, and near-duplicates kept together, which is the truth."""
    parts = look(grouped, (), bench.part(0, 0.4, "looking at the parts"))
    rows: list[Row] = []
    for name, samples in (("grouped", grouped), ("random", random)):
        runs = [_run(parts, samples, seed, bench, name) for seed in range(bench.repeats)]
        rows += [Row.of(f"{name}: {detector}", [run[detector] for run in runs]) for detector in runs[0]]
    size = parts.lesson.material.config
    words = (
        f"Trained on {TRAIN_SHARE:.0%} of the good parts only, tested on the rest and every defect; AUROC by image, "
        f"{bench.repeats} seeds, {len(grouped)} images at {size.height} × {size.width}. `grouped` keeps "
        f"{len(set(parts.groups))} groups of near-duplicates together."
    )
    return Table(words, rows)


def _run(parts: Parts, samples: Sequence[Sample], seed: int, bench: Bench, how: str) -> dict[str, dict[str, float]]:
    bench.stage.report(0.4 + 0.6 * seed / bench.repeats, f"{how}, seed {seed + 1} of {bench.repeats}")
    train, test = split_good(samples, range(len(samples)), seed)
    asked = [*test, *np.flatnonzero(parts.targets != GOOD).tolist()]
    lesson = parts.with_seed(seed)
    settling = split_good(samples, train, derive_seed(seed, "settling"))
    found = scores(lesson.material, part_keys(samples), settling, asked, seed)
    kinds = parts.kinds[asked]
    areas = {name: by_type(values, kinds) for name, values in found.items()}
    for name, figures in areas.items():
        bench.tell(f"{how}: {name}, seed {seed + 1} of {bench.repeats}", figures)
    return areas


def split_good(samples: Sequence[Sample], indices: Sequence[int], seed: int) -> tuple[list[int], list[int]]:
    """The good ones among the indices: four fifths to learn from and a fifth to test on, by group."""
    good = [index for index in indices if samples[index].target == GOOD]
    shares = {"train": TRAIN_SHARE, "test": 1 - TRAIN_SHARE}
    split_of = deal(parts_of([samples[index] for index in good]), shares, seed)
    side = {index: split_of[samples[index].sha256, samples[index].group] for index in good}
    return [at for at in good if side[at] == "train"], [at for at in good if side[at] == "test"]


def scores(
    material: Material,
    parts: Sequence[str],
    settling: tuple[Sequence[int], Sequence[int]],
    asked: Sequence[int],
    seed: int,
) -> dict[str, Floats]:
    """Scores of the images ``asked`` by each detector fitted to good ones, by all together, and by pixels. What good
    parts score is learned from the second side of ``settling``, which a first fit leaves out."""
    rest, left_out = settling
    levels = _asked(material, parts, rest, left_out, derive_seed(seed, "levels"))
    together = fit_together(levels)
    train = [*rest, *left_out]
    first = _asked(material, parts, train, asked, seed)
    found = {name: np.array(values) for name, values in with_together(first, together).items()}
    autoencoder = train_autoencoder(material, train, derive_seed(seed, "pixels"), Stage(lambda _: None))
    found["pixels"] = np.array([error.mean for error in errors_of(autoencoder, material, asked)])
    return found


def _asked(
    material: Material, parts: Sequence[str], train: Sequence[int], asked: Sequence[int], seed: int
) -> dict[str, list[float]]:
    heads = fit_detectors(material, train, (), parts, seed)
    return {name: scores for name, (scores, _) in scores_by(heads, material, asked).items()}


def by_type(values: Floats, kinds: NDArray[np.str_]) -> dict[str, float]:
    """AUROC of all defects and of each type against the good ones."""
    good = kinds == ""
    found = {"all types": area(values, (~good).astype(np.int64))}
    for kind in sorted(set(kinds[~good].tolist())):
        chosen = good | (kinds == kind)
        found[kind] = area(values[chosen], (kinds[chosen] == kind).astype(np.int64))
    return found
