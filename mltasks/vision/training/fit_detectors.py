"""Fit the detectors of novelty to good parts, as the frozen trunk and its companion see them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mltasks.vision.calibration.operating_point import KNOWN
from mltasks.vision.heads.classifier import Head
from mltasks.vision.heads.feature_autoencoder import train_feature_autoencoder
from mltasks.vision.heads.global_statistics import fit_whole
from mltasks.vision.heads.patch_memory import (
    MADE_OF,
    PATCHES,
    PatchMemory,
    Places,
    remember,
    strange_patches,
    with_known,
)
from mltasks.vision.heads.positional_norm import Usual, usual_of
from mltasks.vision.networks.compute import derive_seed
from mltasks.vision.training.feature_bank import EVALUATION_BATCH, Material, batches
from mltasks.vision.types import TrainConfig

ROWS = 40_000
# Good parts that say what is usual at each place, and how many are asked at a time
ASKED, AT_A_TIME = 200, 16
# Memories, and what each compares
MEMORIES = {"memory": "patches", "second_memory": "second_patches", "detail": "detail"}
# Two memories as one: the broad one is the companion's where there is one
PLACES = "places"
FEATURES = "features"
# Detectors of whole parts, and the statistics that each looks at
WHOLE_DETECTORS = {"whole": "statistics", "second_whole": "second_statistics"}
DETECTORS = (*MEMORIES, PLACES, FEATURES, *WHOLE_DETECTORS)
# What only a companion can see
SECOND = ("second_memory", "second_whole")


def fit_detectors(
    material: Material, good: Sequence[int], defects: Sequence[int], parts: Sequence[str], seed: int
) -> dict[str, Head]:
    """The config's detectors by name, each fitted to the good parts' indices; and beside a memory ``known``, which
    also remembers what the defective parts' indices show. ``parts`` names the part that each image of the material
    shows. Their order is that of the config."""
    if not material.config.detectors:
        return {}
    made = {name: _fitted(name, material, good, parts, derive_seed(seed, name)) for name in wanted(material.config)}
    for head in made.values():
        head.to(material.compute.device)
    memory = made.get("memory")
    if isinstance(memory, PatchMemory) and defects:
        made[KNOWN] = with_known(memory, _strange(memory, material, defects), derive_seed(seed, KNOWN))
    return made


def wanted(config: TrainConfig) -> list[str]:
    """The config's detectors, without those that need a companion where there is none."""
    return [name for name in config.detectors if config.companion or name not in SECOND]


def _fitted(name: str, material: Material, good: Sequence[int], parts: Sequence[str], seed: int) -> Head:
    if name in WHOLE_DETECTORS:
        source = WHOLE_DETECTORS[name]
        statistics = getattr(material.bank.clean, source)[np.asarray(good)]
        return fit_whole(torch.from_numpy(statistics), source)
    if name == FEATURES:
        rows, _ = sample_patches(material, good, derive_seed(seed, "patches"), "patches")
        return train_feature_autoencoder(rows.to(material.compute.device), seed)
    if name == PLACES:
        both = ("second_memory" if material.config.companion else "memory", "detail")
        return Places(*(_memory(one, material, good, parts, derive_seed(seed, one)) for one in both)).eval()
    return _memory(name, material, good, parts, seed)


def _memory(name: str, material: Material, good: Sequence[int], parts: Sequence[str], seed: int) -> PatchMemory:
    source = MEMORIES[name]
    rows, images = sample_patches(material, good, derive_seed(seed, "patches"), source)
    memory, chosen = remember(rows.to(material.compute.device), seed, source=source)
    usual = learn_usual(memory, images[chosen], material, good, parts, derive_seed(seed, "usual"))
    return PatchMemory(memory.mean, memory.deviation, memory.memory, usual, source=source).eval()


def learn_usual(
    memory: PatchMemory, origin: Tensor, material: Material, good: Sequence[int], parts: Sequence[str], seed: int
) -> Usual:
    """What is usual at each place, from up to 200 of the good parts, none held against what the memory has of the same
    part: ``origin`` ``[m]`` is the image that each of its patches is from. With a memory of a single part there is
    nothing else to compare, so that the part is held against itself."""
    drawn = np.random.default_rng(seed).permutation(np.asarray(good))[:ASKED].tolist()
    names = [parts[index] for index in origin.tolist()]
    apart = len(set(names)) > 1
    memory.to(material.compute.device)
    found: list[Tensor] = []
    with torch.inference_mode():
        for batch in batches(drawn, AT_A_TIME):
            same = torch.tensor([[apart and name == parts[index] for name in names] for index in batch])
            seen = material.bank.clean_batch(batch, material.compute, MADE_OF[memory.source])
            found += memory.distances(seen, same.to(memory.memory.device)).cpu()
    return usual_of(found)


def _strange(memory: PatchMemory, material: Material, defects: Sequence[int]) -> Tensor:
    with torch.inference_mode():
        found = [
            strange_patches(memory, material.bank.clean_batch(batch, material.compute, MADE_OF[memory.source]))
            for batch in batches(list(defects), EVALUATION_BATCH)
        ]
    return torch.cat(found).clone()


def sample_patches(material: Material, indices: Sequence[int], seed: int, source: str) -> tuple[Tensor, Tensor]:
    """Up to 40,000 patches ``[n, channels]`` of these images as they are, equally many of each, on the processor; and
    the image that each is from, ``[n]``."""
    generator = np.random.default_rng(seed)
    each = -(-ROWS // max(1, len(indices)))
    found, images = list[Tensor](), list[Tensor]()
    with torch.inference_mode():
        for batch in batches(list(indices), EVALUATION_BATCH):
            maps = PATCHES[source](material.bank.clean_batch(batch, material.compute, MADE_OF[source])).cpu()
            for index, one in zip(batch, maps, strict=True):
                flat = one.flatten(1).T
                found.append(flat[torch.from_numpy(generator.permutation(len(flat))[:each])])
                images.append(torch.full((len(found[-1]),), index))
    # Ordinary tensors: what is made of them must learn.
    return torch.cat(found).clone(), torch.cat(images).clone()
