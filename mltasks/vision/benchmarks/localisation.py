"""Does a map point at the defect? Of each held-out defect that is called one, the loudest place of each map.

Cross-validation that keeps near-duplicates together: each fold is tested once, by a version that chose its weights,
calibration and thresholds on the next fold and learned from the others; the first fold alone is a holdout. Versions are
exported and loaded as the product does, and maps are made, cut to the part and stored as it does: the evidence, the
anomaly, and what a person is shown, both in one as they are stored, where a place counts as loud as it is opaque. A hit
is a maximum on the defect's mask or within 2 % of the image's width of it. A shown map that stays silent is no hit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from mltasks.vision.benchmarks.cross_validation import EQUAL
from mltasks.vision.benchmarks.defect_masks import Mask, NoMask, lies_on, loudest, marked, mask_paths, read_mask
from mltasks.vision.benchmarks.part_folder import look
from mltasks.vision.benchmarks.protocol import Bench
from mltasks.vision.benchmarks.repeated_figures import Row, Share, Table
from mltasks.vision.benchmarks.serving_speed.served_version import served
from mltasks.vision.data.decoding import load
from mltasks.vision.data.splits import assign_splits, part_keys
from mltasks.vision.serving.heatmaps import MOST_OPAQUE, FloatMap, Maps, enlarge, loudness, pack, unpack
from mltasks.vision.serving.scorer import Scorer
from mltasks.vision.serving.thresholds import cost_threshold
from mltasks.vision.types import Costs, InputSize, Placement, Sample

LOOKING = 0.3
LEAST_FOLDS = 3
ALL = "all types"


@dataclass(frozen=True, slots=True)
class Sighting:
    """A held-out defect: its type and part, its probability, and by map whether the maximum lies on its mask."""

    kind: str
    part: str
    probability: float
    hits: Mapping[str, bool]


def localisation(samples: Sequence[Sample], masks: Path | None, bench: Bench) -> Table:
    """The share of detected defects that each map points at, over all and by type; see above. ``repeats`` is how many
    of the folds are tested. Raises NoMask, and ValueError below three folds."""
    if masks is None:
        raise NoMask("Localisation needs the folder of the defects' masks as well.")
    if bench.config.folds < LEAST_FOLDS:
        raise ValueError(f"To learn, to choose and to test takes {LEAST_FOLDS} folds or more.")
    every = mask_paths(samples, masks)
    paths = marked(every)
    dealt = assign_splits(samples, replace(bench.config, cross_validate_below=len(samples) + 1))
    folds = sorted({sample.split for sample in dealt})
    parts = look(dealt, range(len(dealt)), bench.part(0, LOOKING, "looking at the parts"))
    tested, found = folds[: bench.repeats], list[Sighting]()
    for number, fold in enumerate(tested):
        at, step = LOOKING + (1 - LOOKING) * number / len(tested), (1 - LOOKING) / len(tested)
        part = bench.part(at, at + step, f"fold {number + 1} of {len(tested)}")
        role = {fold: "test", folds[(number + 1) % len(folds)]: "validation"}
        ready = [replace(sample, split=role.get(sample.split, "train")) for sample in dealt]
        with TemporaryDirectory(prefix="second-look-") as folder:
            version = served(parts, ready, bench.config.seed, Path(folder), part.stage)
            seen = sightings(version.scorer, ready, paths)
        found += seen
        part.tell(part.stage.name, _in_short(seen, bench.config.costs))
    size = parts.lesson.material.config
    words = (
        f"{len(samples)} images in {len(set(parts.groups))} groups of near-duplicates kept together, at {size.height} "
        f"× {size.width}; {len(tested)} of {len(folds)} folds tested, {len(found)} defects with a mask in them "
        f"({len(every) - len(paths)} of all masks mark nothing). Of the detected ones the share whose map has its "
        "maximum on the mask or within 2 % of the image's width of it; Wilson's 95 % interval on different parts."
    )
    return Table(words, [row for costs in (bench.config.costs, EQUAL) for row in rows_at(found, costs)])


def sightings(scorer: Scorer, samples: Sequence[Sample], masks: Mapping[str, Path]) -> list[Sighting]:
    """What a version makes of each defect of the split ``test`` that has a mask. Raises NoMask for one of another size
    than its image."""
    keys = part_keys(samples)
    found = []
    for sample, key in zip(samples, keys, strict=True):
        if sample.split == "test" and sample.name in masks:
            probability, hits = pointed(scorer, sample, read_mask(masks[sample.name]))
            found.append(Sighting(sample.defect_type, key, probability, hits))
    return found


def pointed(scorer: Scorer, sample: Sample, mask: Mask) -> tuple[float, dict[str, bool]]:
    """The part's probability, and by map whether the maximum lies on the mask: scored as a station's part is."""
    size = scorer.input_size
    loaded = load(sample.path, size=size)
    if mask.shape != (loaded.height, loaded.width):
        raise NoMask(f"The mask of {sample.name} has another size, {mask.shape[1]} × {mask.shape[0]}, than the image.")
    scores, found, _ = scorer.look(loaded.array(size))
    over = layers(found, loaded.placement(size), size)
    return scores.defect_probability, {name: lies_on(loudest(values), mask) for name, values in over.items()}


def layers(found: Maps, inside: Placement, size: InputSize) -> dict[str, FloatMap]:
    """The maps over the part alone, each ``[inside.height, inside.width]``: evidence, anomaly, and what is shown, the
    opacity of both as they are stored."""
    over = found.within(inside, size)
    stored = unpack(pack(found, inside, size))
    loud = [loudness(enlarge(one, inside.height, inside.width)) for one in (stored.evidence, stored.anomaly)]
    return {
        "evidence": over.evidence,
        "anomaly": over.anomaly,
        "shown": (MOST_OPAQUE * np.maximum(*loud)).astype("float32"),
    }


def rows_at(found: Sequence[Sighting], costs: Costs) -> list[Row]:
    """The share that is detected at these costs, and of those the share that each map points at, by type."""
    level, title = cost_threshold(costs), f"{costs.fn:g} : {costs.fp:g}"
    seen = [one for one in found if one.probability >= level]
    detected = Row(f"detected at {title}", _by_type(found, [one.probability >= level for one in found]))
    maps = found[0].hits if found else ()
    points = {name: _by_type(seen, [one.hits[name] for one in seen]) for name in maps}
    return [detected, *(Row(f"{name} map points at it, {title}", shares) for name, shares in points.items())]


def _by_type(found: Sequence[Sighting], hits: Sequence[bool]) -> dict[str, Share]:
    pairs = list(zip(found, hits, strict=True))
    shares = {}
    for kind in (ALL, *sorted({one.kind for one in found})):
        chosen = [(hit, one.part) for one, hit in pairs if kind in (ALL, one.kind)]
        shares[kind] = Share.of([hit for hit, _ in chosen], [part for _, part in chosen])
    return shares


def _in_short(found: Sequence[Sighting], costs: Costs) -> dict[str, float]:
    seen = [one for one in found if one.probability >= cost_threshold(costs)]
    short = {"defects": float(len(found)), "detected": float(len(seen))}
    return short | {name: sum(one.hits[name] for one in seen) / len(seen) for name in (seen[0].hits if seen else ())}
