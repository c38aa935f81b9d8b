"""One round of training: heads, detectors and an autoencoder from the same parts, asked about parts they never saw."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Self

from torch import nn

from mltasks.vision.data.splits import inner_split, part_keys
from mltasks.vision.evaluation.training_plots import Epoch
from mltasks.vision.heads.classifier import DenseHead, Head, SecondDenseHead
from mltasks.vision.heads.pixel_autoencoder import Autoencoder
from mltasks.vision.networks.compute import derive_seed
from mltasks.vision.networks.trunk import Trunk
from mltasks.vision.training.feature_bank import Material
from mltasks.vision.training.fine_tuning import train_stage
from mltasks.vision.training.fit_autoencoder import Errors, errors_of, train_autoencoder
from mltasks.vision.training.fit_dense_head import fit_texture, train_dense
from mltasks.vision.training.fit_detectors import fit_detectors
from mltasks.vision.training.fit_pooled_head import scores_by, train_head
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import DEFECT, GOOD, Sample, TrainConfig

# Of a round's time the share that each kind of classifier takes, and of what is left that of the detectors
CLASSIFIER_SHARE, DETECTORS_SHARE = {"dense": 0.3, "pooled": 0.8}, 0.2
COMPANION, LEARNS = "by the companion", "the companion learns"
# The round that leaves nothing out
FINAL, LAST = "final", "final training on all parts"


@dataclass(frozen=True, slots=True)
class Lesson:
    """What all rounds of a run share: the samples, the material, the frozen trunk and the last stage to start from."""

    samples: Sequence[Sample]
    material: Material
    trunk: Trunk
    layer4: nn.Module

    def by(self, config: TrainConfig) -> Self:
        """The same, taught by another config."""
        return replace(self, material=replace(self.material, config=config))

    def for_labels(self, count: int) -> Self:
        """The same for a training of so many labels: from few, no part of a network learns. All rounds that are weighed
        together ask this with one number, for they need the same voices."""
        config = self.material.config
        if count >= config.stage_labels or not config.stage_epochs:
            return self
        return self.by(replace(config, stage_epochs=0))


@dataclass(frozen=True, slots=True)
class Taught:
    """The heads that classify, by name, with the training curve and the epoch that was kept."""

    heads: dict[str, Head]
    curve: list[Epoch]
    best_epoch: int


@dataclass(frozen=True, slots=True)
class Round:
    """All networks, the training curve, and what they say of the held-out indices, in that order: each head's and
    detector's ``scores`` and highest cells (``peaks``) by name, and the autoencoder's ``errors``."""

    heads: dict[str, Head]
    autoencoder: Autoencoder
    held_out: list[int]
    scores: dict[str, list[float]]
    peaks: dict[str, list[float]]
    errors: list[Errors]
    curve: list[Epoch]
    best_epoch: int


def train_round(lesson: Lesson, inside: Sequence[int], held_out: Sequence[int], seed: int, stage: Stage) -> Round:
    """Teach the classifier from the indices ``inside``, and the detectors and the autoencoder from the good ones among
    them; then ask all about ``held_out``, which nothing was chosen by."""
    share = CLASSIFIER_SHARE[lesson.material.config.head]
    taught = teach(lesson, inside, held_out, seed, stage.part(0, share))
    return complete(lesson, taught, inside, held_out, seed, stage.part(share, 1))


def complete(
    lesson: Lesson, taught: Taught, inside: Sequence[int], held_out: Sequence[int], seed: int, stage: Stage
) -> Round:
    """The round around heads that were taught from the indices ``inside``: detectors, the autoencoder, and what all say
    of ``held_out``."""
    material = lesson.material
    good = [index for index in inside if material.targets[index] == GOOD]
    defects = [index for index in inside if material.targets[index] == DEFECT]
    stage.report(0, "remembering good parts")
    heads = {**taught.heads, **fit_detectors(material, good, defects, part_keys(lesson.samples), seed)}
    autoencoder = train_autoencoder(material, good, seed, stage.part(DETECTORS_SHARE, 1))
    asked = scores_by(heads, material, held_out)
    return Round(
        heads=heads,
        autoencoder=autoencoder,
        held_out=list(held_out),
        scores={name: scores for name, (scores, _) in asked.items()},
        peaks={name: peaks for name, (_, peaks) in asked.items()},
        errors=errors_of(autoencoder, material, held_out),
        curve=taught.curve,
        best_epoch=taught.best_epoch,
    )


def rounds_without(
    lesson: Lesson, names: Sequence[str], stage: Stage, known: Collection[int] | None = None
) -> dict[str, Round]:
    """A round without each of the named splits, asked about it; without ``FINAL``, which no sample carries, on all.
    Learned from the images ``known`` alone, where they are given."""
    lesson = lesson.for_labels(len(lesson.samples if known is None else known))
    seed = lesson.material.config.seed
    purpose = () if known is None else (len(known),)
    rounds: dict[str, Round] = {}
    for number, name in enumerate(names):
        inside = [
            index
            for index, sample in enumerate(lesson.samples)
            if sample.split != name and (known is None or index in known)
        ]
        title = f"fold {number + 1} of {len(names) - (FINAL in names)}" if name != FINAL else LAST
        part = stage.part(number / len(names), (number + 1) / len(names), title)
        outside = of_split(lesson.samples, name)
        rounds[name] = train_round(lesson, inside, outside, derive_seed(seed, name, *purpose), part)
    return rounds


def of_split(samples: Sequence[Sample], split: str, known: Collection[int] | None = None) -> list[int]:
    """The indices of a split's images; of those ``known`` alone, where they are given."""
    return [
        index for index, sample in enumerate(samples) if sample.split == split and (known is None or index in known)
    ]


def teach(lesson: Lesson, inside: Sequence[int], held_out: Sequence[int], seed: int, stage: Stage) -> Taught:
    """Teach the heads that classify from the indices ``inside``; ``held_out`` is only watched. The same arguments give
    the same weights."""
    material = lesson.material
    if material.config.head == "dense":
        companion = lesson.trunk.companion
        ends = (0.6, 1.0) if companion is None or not material.config.stage_epochs else (0.2, 0.35)
        dense, curve = train_dense(DenseHead, material, inside, held_out, seed, stage.part(0, ends[0]))
        heads: dict[str, Head] = {"dense": dense, "texture": fit_texture(material, inside)}
        if companion is not None:
            second, _ = train_dense(SecondDenseHead, material, inside, held_out, seed, stage.part(*ends, COMPANION))
            heads["second_dense"] = second
            heads["second_texture"] = fit_texture(material, inside, "second_statistics")
            if material.config.stage_epochs:
                heads["second_stage"] = train_stage(companion, material, inside, seed, stage.part(ends[1], 1, LEARNS))
        return Taught(heads, curve, len(curve))
    # The recipe of old stops early, by a fifth of what it may learn from.
    train, validation = inner_split([lesson.samples[index] for index in inside], derive_seed(seed, "inner"))
    pick = [[inside[position] for position in positions] for positions in (train, validation)]
    found = train_head(lesson.layer4, material, pick[0], pick[1], seed, stage)
    return Taught({"pooled": found.head}, found.curve, found.best_epoch)
