"""Fit the detectors of novelty to good parts: their patches, as the frozen trunk sees them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from mltasks.vision.classifier import Head
from mltasks.vision.compute import derive_seed
from mltasks.vision.feature_autoencoder import train_feature_autoencoder
from mltasks.vision.features import patches
from mltasks.vision.operating import KNOWN
from mltasks.vision.patch_memory import PatchMemory, remember, strange_patches, with_known
from mltasks.vision.trunk_views import EVALUATION_BATCH, Material, batches

ROWS = 40_000
DETECTORS: dict[str, Callable[[Tensor, int], Head]] = {"memory": remember, "features": train_feature_autoencoder}


def fit_detectors(material: Material, good: Sequence[int], defects: Sequence[int], seed: int) -> dict[str, Head]:
    """The config's detectors by name, each fitted to the good parts' indices; and beside a memory ``known``, which
    also remembers what the defective parts' indices show. Their order is that of the config."""
    if not material.config.detectors:
        return {}
    rows = sample_patches(material, good, derive_seed(seed, "patches"))
    made = {name: DETECTORS[name](rows, derive_seed(seed, name)) for name in material.config.detectors}
    for head in made.values():
        head.to(material.compute.device)
    memory = made.get("memory")
    if isinstance(memory, PatchMemory) and defects:
        made[KNOWN] = with_known(memory, _strange(memory, material, defects), derive_seed(seed, KNOWN))
    return made


def _strange(memory: PatchMemory, material: Material, defects: Sequence[int]) -> Tensor:
    with torch.inference_mode():
        found = [
            strange_patches(memory, material.bank.clean_batch(batch, material.compute))
            for batch in batches(list(defects), EVALUATION_BATCH)
        ]
    return torch.cat(found).clone()


def sample_patches(material: Material, indices: Sequence[int], seed: int) -> Tensor:
    """Up to 40,000 patches ``[n, 384]`` of these images as they are, equally many of each, on the processor."""
    generator = np.random.default_rng(seed)
    each = -(-ROWS // max(1, len(indices)))
    found = []
    with torch.inference_mode():
        for batch in batches(list(indices), EVALUATION_BATCH):
            for one in patches(material.bank.clean_batch(batch, material.compute)).cpu():
                flat = one.flatten(1).T
                found.append(flat[torch.from_numpy(generator.permutation(len(flat))[:each])])
    # Ordinary tensors: what is made of them must learn.
    return torch.cat(found).clone()
