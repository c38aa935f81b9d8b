"""A folder of labeled parts, as samples, and what the trunk sees of them: read once for all repeats of a protocol."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mltasks.vision.benchmarks.protocol import Bench
from mltasks.vision.data.duplicate_groups import file_group, group_samples
from mltasks.vision.networks.backbones import WeightsSource, load_backbone
from mltasks.vision.networks.compute import derive_seed
from mltasks.vision.networks.input_size import resolve_input_size
from mltasks.vision.training.feature_bank import TrainingData, build_feature_bank
from mltasks.vision.training.fit import build_trunk, check_config
from mltasks.vision.training.folds import TrainingContext
from mltasks.vision.types import DEFECT, GOOD, GOOD_FOLDERS, IMAGE_SUFFIXES, Sample, TrainConfig

SKIPPED_FOLDERS = frozenset({"raw"})


class NoPartsError(ValueError):
    """The folder holds nothing to measure on. The message says what it should hold."""


@dataclass(frozen=True, slots=True)
class PreparedParts:
    """Samples with what the trunk sees of them; ``context`` is what a round of training takes, ``weights`` where the
    trunk's came from."""

    samples: list[Sample]
    context: TrainingContext
    weights: WeightsSource

    @property
    def targets(self) -> NDArray[np.int64]:
        """0 good, 1 defect, ``[n]``."""
        return self.context.data.targets

    @property
    def kinds(self) -> NDArray[np.str_]:
        """Defect type by image, empty for good ones, ``[n]``."""
        return np.array([sample.defect_type for sample in self.samples])

    @property
    def groups(self) -> NDArray[np.str_]:
        """The part that each image shows, ``[n]``."""
        return np.array([sample.group for sample in self.samples])

    def with_seed(self, seed: int) -> TrainingContext:
        """The same parts under another seed: other draws, the same views."""
        return self.context.with_config(replace(self.context.data.config, seed=seed))


def read_folder(directory: Path, *, grouped: bool) -> list[Sample]:
    """Every image of an ImageFolder layout as a sample; ``good``, ``ok`` and ``pass`` hold good parts, any other name
    is a defect type. ``grouped`` puts near-duplicates into one group. Raises NoParts unless there are both kinds."""
    found = []
    for path in sorted(directory.glob("*/*")):
        folder = path.parent.name
        if path.suffix.lower() not in IMAGE_SUFFIXES or folder in SKIPPED_FOLDERS:
            continue
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        good = folder.lower() in GOOD_FOLDERS
        sample = Sample(f"{folder}/{path.name}", sha256, path, GOOD if good else DEFECT, file_group(sha256))
        found.append(replace(sample, defect_type="" if good else folder))
    if len({sample.target for sample in found}) < 2:
        raise NoPartsError(f"{directory} needs images in folders by kind: good, and at least one kind of defect.")
    found.sort(key=lambda sample: (sample.sha256, sample.name))
    return group_samples(found, [False] * len(found)) if grouped else found


def baseline_recipe(config: TrainConfig) -> TrainConfig:
    """The recipe the project grew from: the part squashed to a square, global average pooling, pixels rebuilt."""
    return replace(config, height=224, width=224, keep_shape=False, head="pooled", companion="", detectors=())


def prepare_parts(samples: Sequence[Sample], augmented: Collection[int], bench: Bench) -> PreparedParts:
    """Decode all samples and run the trunk over them, and over random views of those in ``augmented``: once for all
    that a protocol trains on them."""
    config = resolve_input_size(bench.config, samples)
    check_config(config)
    torch.manual_seed(derive_seed(config.seed, "backbone"))
    network, weights = load_backbone(config.backbone, config.backbone_weights)
    trunk = build_trunk(network, config)
    bank = build_feature_bank(samples, augmented, trunk, config, bench.compute, bench.stage)
    material = TrainingData(bank, np.array([sample.target for sample in samples]), config, bench.compute)
    layer4: nn.Module = network.get_submodule("layer4")
    return PreparedParts(list(samples), TrainingContext(samples, material, trunk, layer4), weights)
