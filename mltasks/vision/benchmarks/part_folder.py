"""Folder of labeled parts as samples with trunk features, computed once for all repeats."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.benchmarks.protocol import Bench
from mltasks.vision.data.duplicate_groups import file_group, group_samples
from mltasks.vision.networks.backbones import WeightsSource
from mltasks.vision.networks.input_size import resolve_input_size
from mltasks.vision.training.features.feature_bank import TrainingData, build_feature_bank
from mltasks.vision.training.fit import build_trunk, check_config
from mltasks.vision.training.folds import TrainingContext
from mltasks.vision.types import DEFECT, GOOD, GOOD_FOLDERS, IMAGE_SUFFIXES, Sample

SKIPPED_FOLDERS = frozenset({"raw"})


class NoPartsError(ValueError):
    """Error for a folder without parts to measure; the message says which layout is expected."""


@dataclass(frozen=True, slots=True)
class PreparedParts:
    """Samples, their training context, and the source of the trunk's weights."""

    samples: list[Sample]
    context: TrainingContext
    weights: WeightsSource

    @property
    def targets(self) -> NDArray[np.int64]:
        """Return targets, 0 good and 1 defect, ``[n]``."""
        return self.context.data.targets

    @property
    def kinds(self) -> NDArray[np.str_]:
        """Return the defect type by image, empty for good parts, ``[n]``."""
        return np.array([sample.defect_type for sample in self.samples])

    @property
    def groups(self) -> NDArray[np.str_]:
        """Return the part that each image shows, ``[n]``."""
        return np.array([sample.group for sample in self.samples])

    def with_seed(self, seed: int) -> TrainingContext:
        """Return the training context under another seed: other draws, the same views."""
        return self.context.with_config(replace(self.context.data.config, seed=seed))


def read_folder(directory: Path, *, grouped: bool) -> list[Sample]:
    """Return every image of an ImageFolder layout as a sample.

    ``good``, ``ok`` and ``pass`` hold good parts; any other folder name is a defect type. ``grouped`` puts
    near-duplicates into one group. Raises NoPartsError unless both classes are there.
    """
    samples = []
    for path in sorted(directory.glob("*/*")):
        folder = path.parent.name
        if path.suffix.lower() not in IMAGE_SUFFIXES or folder in SKIPPED_FOLDERS:
            continue
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        good = folder.lower() in GOOD_FOLDERS
        sample = Sample(f"{folder}/{path.name}", sha256, path, GOOD if good else DEFECT, file_group(sha256))
        samples.append(replace(sample, defect_type="" if good else folder))
    if len({sample.target for sample in samples}) < 2:
        raise NoPartsError(f"{directory} needs images in folders by class: good, and at least one kind of defect.")
    samples.sort(key=lambda sample: (sample.sha256, sample.name))
    return group_samples(samples, [False] * len(samples)) if grouped else samples


def prepare_parts(samples: Sequence[Sample], augmented: Collection[int], bench: Bench) -> PreparedParts:
    """Decode all samples and run the trunk over them and over random views of ``augmented``.

    One call serves all trainings of a protocol.
    """
    config = resolve_input_size(bench.config, samples)
    check_config(config)
    trunk, weights = build_trunk(config)
    bank = build_feature_bank(samples, augmented, trunk, config, bench.compute, bench.stage)
    data = TrainingData(bank, np.array([sample.target for sample in samples]), config, bench.compute)
    return PreparedParts(list(samples), TrainingContext(samples, data, trunk), weights)
