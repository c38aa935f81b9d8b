"""Fitting of the novelty detectors to good parts' features."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from mltasks.vision.calibration.operating_point import LABELED_MEMORY
from mltasks.vision.heads.classifier import Head
from mltasks.vision.heads.feature_autoencoder import autoencoder_patches, train_feature_autoencoder
from mltasks.vision.heads.global_statistics import fit_global_statistics
from mltasks.vision.heads.patch_memory import (
    PATCH_SOURCES,
    SOURCE_FIELDS,
    MultiScaleMemory,
    PatchMemory,
    add_defect_patches,
    build_memory,
    farthest_patches,
)
from mltasks.vision.heads.positional_norm import PositionalNorm, fit_positional_norm
from mltasks.vision.networks.compute import derive_seed
from mltasks.vision.networks.trunk import FeatureMaps
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.training.features.feature_bank import EVALUATION_BATCH, TrainingData, batches

MAX_PATCHES = 40_000
# Good parts per positional norm, and how many are compared at a time
NORM_IMAGES, NORM_BATCH = 200, 16
# Patch source of each memory
PATCH_MEMORIES = {"memory": "patches", "second_memory": "second_patches", "coarse": "coarse", "detail": "detail"}
# Combination of memories, the broad one first: of the auxiliary backbone if there is one, else of the backbone
MULTI_SCALE_MEMORY = "places"
AUX_SCALES, BACKBONE_SCALES = ("second_memory", "coarse", "detail"), ("memory", "detail")
FEATURE_AUTOENCODER = "features"
# Detectors of whole parts, and the statistics that each uses
GLOBAL_DETECTORS = {"whole": "statistics", "second_whole": "aux_statistics"}
# Patches by source, with the fields of ``FeatureMaps`` that they need
PATCHES: dict[str, tuple[Callable[[FeatureMaps], Tensor], Collection[str]]] = {
    **{source: (take, SOURCE_FIELDS[source]) for source, take in PATCH_SOURCES.items()},
    FEATURE_AUTOENCODER: (autoencoder_patches, ("layer2", "layer3", "fine", "aux_maps")),
}
DETECTORS = (*PATCH_MEMORIES, MULTI_SCALE_MEMORY, FEATURE_AUTOENCODER, *GLOBAL_DETECTORS)
# Detectors that need an auxiliary backbone
AUX_DETECTORS = ("second_memory", "coarse", "second_whole")


def fit_detectors(
    data: TrainingData, good: Sequence[int], defects: Sequence[int], parts: Sequence[str], seed: int
) -> dict[str, Head]:
    """Fit the config's detectors to the good parts' indices; return them in config order.

    If the config has a memory and there are defects, the result includes ``known``: the broadest memory's first patches
    with those of the indices in ``defects`` added. ``parts`` holds the part key of each image."""
    detectors = {
        name: _fit_detector(name, data, good, parts, derive_seed(seed, name)) for name in enabled_detectors(data.config)
    }
    for head in detectors.values():
        head.to(data.compute.device)
    memory = _broad_memory(detectors)
    if memory is not None and defects:
        patches = _defect_patches(memory, data, defects)
        detectors[LABELED_MEMORY] = add_defect_patches(memory, patches, derive_seed(seed, LABELED_MEMORY))
    return detectors


def _broad_memory(detectors: Mapping[str, Head]) -> PatchMemory | None:
    """Return the memory of broad patches among the detectors; None without one."""
    joined = detectors.get(MULTI_SCALE_MEMORY)
    if isinstance(joined, MultiScaleMemory):
        return joined.broad
    alone = (detectors.get(name) for name in ("second_memory", "memory"))
    return next((memory for memory in alone if isinstance(memory, PatchMemory)), None)


def enabled_detectors(config: TrainConfig) -> list[str]:
    """Return the config's detectors that work with its backbones and are not in its ``left_out_scores``.

    Without an auxiliary backbone, the detectors that need one are left out."""
    absent = {*config.left_out_scores, *(() if config.companion else AUX_DETECTORS)}
    return [name for name in config.detectors if name not in absent]


def _fit_detector(name: str, data: TrainingData, good: Sequence[int], parts: Sequence[str], seed: int) -> Head:
    if name in GLOBAL_DETECTORS:
        source = GLOBAL_DETECTORS[name]
        statistics = data.bank.clean.arrays[source][np.asarray(good)]
        return fit_global_statistics(torch.from_numpy(statistics), source)
    if name == FEATURE_AUTOENCODER:
        rows, _ = sample_patches(data, good, derive_seed(seed, "patches"), FEATURE_AUTOENCODER)
        return train_feature_autoencoder(rows.to(data.compute.device), seed)
    if name == MULTI_SCALE_MEMORY:
        scales = AUX_SCALES if data.config.companion else BACKBONE_SCALES
        memories = [_fit_memory(scale, data, good, parts, derive_seed(seed, scale)) for scale in scales]
        return MultiScaleMemory(memories).eval()
    return _fit_memory(name, data, good, parts, seed)


def _fit_memory(name: str, data: TrainingData, good: Sequence[int], parts: Sequence[str], seed: int) -> PatchMemory:
    source = PATCH_MEMORIES[name]
    rows, images = sample_patches(data, good, derive_seed(seed, "patches"), source)
    memory, chosen = build_memory(rows.to(data.compute.device), seed, source=source)
    norm = fit_memory_norm(memory, images[chosen], data, good, parts, derive_seed(seed, "usual"))
    return PatchMemory(memory.mean, memory.deviation, memory.memory, norm, source=source).eval()


def fit_memory_norm(
    memory: PatchMemory, patch_images: Tensor, data: TrainingData, good: Sequence[int], parts: Sequence[str], seed: int
) -> PositionalNorm:
    """Fit the positional norm of a memory on up to 200 good parts.

    ``patch_images`` ``[m]`` holds the image index of each memory patch. A part is not compared with its own patches,
    unless the memory holds patches of a single part only."""
    drawn = np.random.default_rng(seed).permutation(np.asarray(good))[:NORM_IMAGES].tolist()
    names = [parts[index] for index in patch_images.tolist()]
    apart = len(set(names)) > 1
    memory.to(data.compute.device)
    distances: list[Tensor] = []
    with torch.inference_mode():
        for batch in batches(drawn, NORM_BATCH):
            same = torch.tensor([[apart and name == parts[index] for name in names] for index in batch])
            features = data.bank.clean_batch(batch, data.compute, SOURCE_FIELDS[memory.source])
            distances += memory.distances(features, same.to(memory.memory.device)).cpu()
    return fit_positional_norm(distances)


def _defect_patches(memory: PatchMemory, data: TrainingData, defects: Sequence[int]) -> Tensor:
    with torch.inference_mode():
        patches = [
            farthest_patches(memory, data.bank.clean_batch(batch, data.compute, SOURCE_FIELDS[memory.source]))
            for batch in batches(list(defects), EVALUATION_BATCH)
        ]
    return torch.cat(patches).clone()


def sample_patches(data: TrainingData, indices: Sequence[int], seed: int, source: str) -> tuple[Tensor, Tensor]:
    """Return up to 40,000 patches ``[n, channels]`` on the CPU, and their image indices ``[n]``.

    The patches come from the original images, equally many per image."""
    generator = np.random.default_rng(seed)
    take, fields = PATCHES[source]
    each = -(-MAX_PATCHES // max(1, len(indices)))
    patches, images = list[Tensor](), list[Tensor]()
    with torch.inference_mode():
        for batch in batches(list(indices), EVALUATION_BATCH):
            maps = take(data.bank.clean_batch(batch, data.compute, fields)).cpu()
            for index, features in zip(batch, maps, strict=True):
                flat = features.flatten(1).T
                patches.append(flat[torch.from_numpy(generator.permutation(len(flat))[:each])])
                images.append(torch.full((len(patches[-1]),), index))
    # Cloned, because inference tensors cannot be used in training.
    return torch.cat(patches).clone(), torch.cat(images).clone()
