"""Fit the detectors of novelty to good parts, as the frozen trunk and its companion see them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from mltasks.vision.classifier import Head
from mltasks.vision.compute import derive_seed
from mltasks.vision.feature_autoencoder import train_feature_autoencoder
from mltasks.vision.features import Seen, patches, second_patches
from mltasks.vision.operating import KNOWN
from mltasks.vision.patch_memory import PatchMemory, remember, strange_patches, with_known
from mltasks.vision.trunk_views import EVALUATION_BATCH, Material, batches
from mltasks.vision.types import TrainConfig
from mltasks.vision.whole import fit_whole

ROWS = 40_000
PATCH_DETECTORS: dict[str, Callable[[Tensor, int], Head]] = {"memory": remember, "features": train_feature_autoencoder}
# Detectors of whole parts, and the statistics that each looks at
WHOLE_DETECTORS = {"whole": "statistics", "second_whole": "second_statistics"}
SECOND_MEMORY = "second_memory"
DETECTORS = (*PATCH_DETECTORS, SECOND_MEMORY, *WHOLE_DETECTORS)
# What only a companion can see
SECOND = (SECOND_MEMORY, "second_whole")


def fit_detectors(material: Material, good: Sequence[int], defects: Sequence[int], seed: int) -> dict[str, Head]:
    """The config's detectors by name, each fitted to the good parts' indices; and beside a memory ``known``, which
    also remembers what the defective parts' indices show. Their order is that of the config."""
    if not material.config.detectors:
        return {}
    made = _fitted(material, good, seed)
    for head in made.values():
        head.to(material.compute.device)
    memory = made.get("memory")
    if isinstance(memory, PatchMemory) and defects:
        made[KNOWN] = with_known(memory, _strange(memory, material, defects), derive_seed(seed, KNOWN))
    return made


def wanted(config: TrainConfig) -> list[str]:
    """The config's detectors, without those that need a companion where there is none."""
    return [name for name in config.detectors if config.companion or name not in SECOND]


def _fitted(material: Material, good: Sequence[int], seed: int) -> dict[str, Head]:
    names, made = wanted(material.config), dict[str, Head]()
    if set(names) & set(PATCH_DETECTORS):
        rows = sample_patches(material, good, derive_seed(seed, "patches"), patches)
    for name in names:
        if name in PATCH_DETECTORS:
            made[name] = PATCH_DETECTORS[name](rows, derive_seed(seed, name))
        elif name == SECOND_MEMORY:
            seconds = sample_patches(material, good, derive_seed(seed, "second patches"), second_patches)
            made[name] = remember(seconds, derive_seed(seed, name), second=True)
        else:
            source = WHOLE_DETECTORS[name]
            statistics = getattr(material.bank.clean, source)[np.asarray(good)]
            made[name] = fit_whole(torch.from_numpy(statistics), source)
    return made


def _strange(memory: PatchMemory, material: Material, defects: Sequence[int]) -> Tensor:
    with torch.inference_mode():
        found = [
            strange_patches(memory, material.bank.clean_batch(batch, material.compute))
            for batch in batches(list(defects), EVALUATION_BATCH)
        ]
    return torch.cat(found).clone()


def sample_patches(
    material: Material, indices: Sequence[int], seed: int, patches_of: Callable[[Seen], Tensor]
) -> Tensor:
    """Up to 40,000 patches ``[n, channels]`` of these images as they are, equally many of each, on the processor."""
    generator = np.random.default_rng(seed)
    each = -(-ROWS // max(1, len(indices)))
    found = []
    with torch.inference_mode():
        for batch in batches(list(indices), EVALUATION_BATCH):
            for one in patches_of(material.bank.clean_batch(batch, material.compute)).cpu():
                flat = one.flatten(1).T
                found.append(flat[torch.from_numpy(generator.permutation(len(flat))[:each])])
    # Ordinary tensors: what is made of them must learn.
    return torch.cat(found).clone()
