"""Localization benchmark: share of detected defects whose map maximum hits the defect.

Cross-validation keeps near-duplicates together. Each tested fold is scored by a version that took weights,
calibration and thresholds from the next fold and trained on the others. With one fold tested, that fold is a holdout.

Versions are exported and loaded as the product does. Maps are made, cropped to the part and stored as the product
does: evidence, anomaly, and the map that a person is shown. The shown map combines both stored maps; its value is the
opacity. A hit is a maximum on the defect's mask or within 2 % of the image's width of it. A shown map without any
value above 0 is no hit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from mltasks.vision.benchmarks.cross_validation import EQUAL_COSTS
from mltasks.vision.benchmarks.defect_masks import (
    MaskError,
    hits_mask,
    load_mask,
    mask_paths,
    nonempty_masks,
    peak_position,
)
from mltasks.vision.benchmarks.part_folder import PreparedParts, prepare_parts
from mltasks.vision.benchmarks.protocol import Bench
from mltasks.vision.benchmarks.repeated_figures import Proportion, Row, Table
from mltasks.vision.benchmarks.serving_speed.served_version import train_served_version
from mltasks.vision.data.decoding import load
from mltasks.vision.data.defect_masks import Mask
from mltasks.vision.data.splits import assign_splits, part_keys
from mltasks.vision.guarantees.thresholds import cost_threshold
from mltasks.vision.serving.heatmaps import (
    MAX_OPACITY,
    FloatMap,
    Heatmaps,
    decode_heatmaps,
    encode_heatmaps,
    opacities,
)
from mltasks.vision.serving.scorer import Scorer
from mltasks.vision.types import Costs, InputSize, Placement, Sample

FEATURES_SHARE = 0.3
MIN_FOLDS = 3
# Numbers of training defects whose masks are known
KNOWN_MASKS = (0, 30)
ALL_TYPES = "all types"


@dataclass(frozen=True, slots=True)
class LocalizedDefect:
    """Held-out defect: type, part, probability, and hits by map.

    A hit is True if the map's maximum is on the defect's mask.
    """

    defect_type: str
    part: str
    probability: float
    hits: Mapping[str, bool]


def measure_localization(samples: Sequence[Sample], masks: Path | None, bench: Bench) -> Table:
    """Measure the share of detected defects that each map hits, over all and by type.

    Each fold is trained without any mask, and with the masks of 30 training defects. ``repeats`` is the number of
    tested folds. Raises MaskError, and ValueError below three folds.
    """
    if masks is None:
        raise MaskError("The localisation protocol needs the folder of the defects' masks: add --masks DIR.")
    if bench.config.folds < MIN_FOLDS:
        raise ValueError(f"To train, calibrate and test, use {MIN_FOLDS} folds or more.")
    every = mask_paths(samples, masks)
    paths = nonempty_masks(every)
    masked = [replace(sample, mask=paths.get(sample.name)) for sample in samples]
    assigned = assign_splits(masked, replace(bench.config, cross_validate_below=len(samples) + 1))
    folds = sorted({sample.split for sample in assigned})
    parts = prepare_parts(assigned, range(len(assigned)), bench.for_substage(0, FEATURES_SHARE, "computing features"))
    tested = folds[: bench.repeats]
    localized: dict[int, list[LocalizedDefect]] = {count: [] for count in KNOWN_MASKS}
    names = [
        f"fold {number} of {len(tested)}, {count} masks" for number in range(1, len(tested) + 1) for count in localized
    ]
    runs = [(number, count) for number in range(len(tested)) for count in localized]
    for (number, count), stage in zip(runs, bench.for_substage(FEATURES_SHARE, 1).substages(names), strict=True):
        role = {tested[number]: "test", folds[(number + 1) % len(folds)]: "validation"}
        split = [replace(sample, split=role.get(sample.split, "train")) for sample in assigned]
        with TemporaryDirectory(prefix="second-look-") as folder:
            known = _with_masks_of(parts, split, count)
            scorer = train_served_version(known, split, bench.config.seed, Path(folder), stage.stage)
            found = localize_defects(scorer, split, paths)
        localized[count] += found
        stage.report_stage(_summary(found, bench.config.costs))
    size = parts.context.data.config
    protocol = (
        f"{len(samples)} images in {len(set(parts.groups))} groups of near-duplicates kept together, at {size.height} "
        f"× {size.width}; {len(tested)} of {len(folds)} folds tested, with {len(localized[0])} masked defects "
        f"({len(every) - len(paths)} of all masks mark nothing). Trained without masks, and with those of "
        f"{max(KNOWN_MASKS)} defects. Share of the detected defects whose map has its maximum on the mask or within "
        "2 % of the image's width of it; Wilson's 95 % interval on different parts."
    )
    return Table(
        protocol,
        [
            row
            for count, defects in localized.items()
            for costs in (bench.config.costs, EQUAL_COSTS)
            for row in cost_rows(defects, costs, f"{count} masks")
        ],
    )


def _with_masks_of(parts: PreparedParts, samples: Sequence[Sample], count: int) -> PreparedParts:
    """Return the parts with the masks of ``count`` training defects, spread over the order of the samples."""
    training = [index for index in parts.context.data.bank.places if samples[index].split == "train"]
    chosen = training[:: max(1, len(training) // count)][:count] if count else []
    bank = parts.context.data.bank
    data = replace(parts.context.data, bank=replace(bank, places={index: bank.places[index] for index in chosen}))
    return replace(parts, context=replace(parts.context, data=data))


def localize_defects(scorer: Scorer, samples: Sequence[Sample], masks: Mapping[str, Path]) -> list[LocalizedDefect]:
    """Score each defect with a mask in the split ``test``.

    Raises MaskError for a mask whose size differs from the image's.
    """
    defects = []
    for sample, key in zip(samples, part_keys(samples), strict=True):
        if sample.split == "test" and sample.name in masks:
            probability, hits = map_hits(scorer, sample, load_mask(masks[sample.name]))
            defects.append(LocalizedDefect(sample.defect_type, key, probability, hits))
    return defects


def map_hits(scorer: Scorer, sample: Sample, mask: Mask) -> tuple[float, dict[str, bool]]:
    """Return the part's probability and the hits by map, scored as a station's image."""
    size = scorer.input_size
    image = load(sample.path, size=size)
    if mask.shape != (image.height, image.width):
        raise MaskError(
            f"The mask of {sample.name} has another size, {mask.shape[1]} × {mask.shape[0]}, than the image."
        )
    scores, heatmaps, _ = scorer.predict(image.to_array(size))
    over = part_heatmaps(heatmaps, image.placement(size), size)
    return scores.defect_probability, {name: hits_mask(peak_position(values), mask) for name, values in over.items()}


def part_heatmaps(heatmaps: Heatmaps, inside: Placement, size: InputSize) -> dict[str, FloatMap]:
    """Return the maps over the part alone, each ``[inside.height, inside.width]``.

    The maps are evidence, anomaly and ``shown``, the opacity of both as stored.
    """
    over = heatmaps.crop_to(inside, size)
    stored = decode_heatmaps(encode_heatmaps(heatmaps, inside, size))
    shown = opacities(stored, inside.height, inside.width)
    return {
        "evidence": over.evidence,
        "anomaly": over.anomaly,
        "shown": np.float32(MAX_OPACITY) * np.maximum(shown["evidence"], shown["anomaly"]),
    }


def cost_rows(defects: Sequence[LocalizedDefect], costs: Costs, training: str) -> list[Row]:
    """Return the share detected at these costs, and each map's share of hits among these.

    Shares are over all types and by type.
    """
    level, title = cost_threshold(costs), f"{costs.fn:g} : {costs.fp:g}, {training}"
    detected = [defect for defect in defects if defect.probability >= level]
    shares = _by_type(defects, [defect.probability >= level for defect in defects])
    maps = defects[0].hits if defects else ()
    hits = {name: _by_type(detected, [defect.hits[name] for defect in detected]) for name in maps}
    return [
        Row(f"detected at {title}", shares),
        *(Row(f"{name} map hits, {title}", figures) for name, figures in hits.items()),
    ]


def _by_type(defects: Sequence[LocalizedDefect], hits: Sequence[bool]) -> dict[str, Proportion]:
    shares = {}
    for kind in (ALL_TYPES, *sorted({defect.defect_type for defect in defects})):
        members = [kind in (ALL_TYPES, defect.defect_type) for defect in defects]
        parts = [defect.part for defect in defects]
        shares[kind] = Proportion.from_hits(list(compress(hits, members)), list(compress(parts, members)))
    return shares


def _summary(defects: Sequence[LocalizedDefect], costs: Costs) -> dict[str, float]:
    detected = [defect for defect in defects if defect.probability >= cost_threshold(costs)]
    counts = {"defects": float(len(defects)), "detected": float(len(detected))}
    maps = detected[0].hits if detected else ()
    return counts | {name: sum(defect.hits[name] for defect in detected) / len(detected) for name in maps}
