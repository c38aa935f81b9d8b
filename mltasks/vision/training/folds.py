"""Folds: heads, detectors and autoencoder trained on some parts and scored on others."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from mltasks.vision.calibration.operating_point import SEGMENTATION
from mltasks.vision.data.splits import inner_split, part_keys
from mltasks.vision.heads.classifier import Head
from mltasks.vision.heads.pixel_autoencoder import PixelAutoencoder
from mltasks.vision.networks.compute import derive_seed
from mltasks.vision.networks.trunk import Trunk
from mltasks.vision.train_config import SEGMENTATION_RECIPE, TrainConfig
from mltasks.vision.training.features.feature_bank import TrainingData
from mltasks.vision.training.fine_tuning import fine_tune_blocks
from mltasks.vision.training.fit_autoencoder import ReconstructionError, reconstruction_errors, train_pixel_autoencoder
from mltasks.vision.training.fit_detectors import fit_detectors
from mltasks.vision.training.fit_pooled_head import FoldModels, score_heads, train_pooled_head
from mltasks.vision.training.fit_segmentation import train_segmentation
from mltasks.vision.training.fit_statistics_head import fit_statistics_head
from mltasks.vision.training.localization import localized_defects
from mltasks.vision.training.progress import Epoch, Stage
from mltasks.vision.types import DEFECT, GOOD, Sample

# Share of a fold's time for each kind of classifier, and share of the rest for the detectors
CLASSIFIER_SHARE, DETECTORS_SHARE = {SEGMENTATION_RECIPE: 0.75, "pooled": 0.8}, 0.5
# Share of the segmentation head in the time of the classifiers, if blocks are fine-tuned
SEGMENTATION_SHARE = 0.35
FINE_TUNING_TITLE = "fine-tuning the auxiliary backbone"
# Classifiers besides the segmentation head, which ``left_out_scores`` may name
OPTIONAL_HEADS = ("texture", "second_texture", "second_stage")
# The fold that leaves nothing out
FINAL, FINAL_TITLE = "final", "final training on all parts"
# Name of the only training of a holdout
HOLDOUT_FOLD = "holdout"


@dataclass(frozen=True, slots=True)
class TrainingContext:
    """Samples, training data and frozen trunk that all folds of a run share."""

    samples: Sequence[Sample]
    data: TrainingData
    trunk: Trunk

    def with_config(self, config: TrainConfig) -> Self:
        """Return this context with another config."""
        return replace(self, data=replace(self.data, config=config))

    def for_label_count(self, count: int) -> Self:
        """Return this context for a training of ``count`` labels: few labels switch off fine-tuning.

        Folds that are fused together must use the same number, because they need the same heads."""
        config = self.data.config
        if count >= config.stage_labels or not config.stage_epochs:
            return self
        return self.with_config(replace(config, stage_epochs=0))


@dataclass(frozen=True, slots=True)
class Fold:
    """All networks of one training, its curve, and its scores of the held-out indices.

    ``scores`` and ``peaks`` (highest cells) are by head or detector name, ``errors`` are the autoencoder's. All are in
    the order of ``held_out``. ``localized`` says for each held-out index with a mask or marks if the evidence map's
    maximum lies there."""

    heads: dict[str, Head]
    autoencoder: PixelAutoencoder
    held_out: list[int]
    scores: dict[str, list[float]]
    peaks: dict[str, list[float]]
    errors: list[ReconstructionError]
    curve: list[Epoch]
    best_epoch: int
    localized: dict[int, bool] = field(default_factory=dict)


def train_fold(
    context: TrainingContext, train: Sequence[int], held_out: Sequence[int], seed: int, stage: Stage
) -> Fold:
    """Train on the indices in ``train``, then score ``held_out``, which is not used in training.

    The classifiers use all of ``train``, the autoencoder only its good parts. The detectors use the good parts too; the
    memory ``known`` adds patches of the defects."""
    share = CLASSIFIER_SHARE[context.data.config.head]
    models = train_classifiers(context, train, held_out, seed, stage.substage(0, share))
    return complete_fold(context, models, train, held_out, seed, stage.substage(share, 1))


def complete_fold(
    context: TrainingContext, models: FoldModels, train: Sequence[int], held_out: Sequence[int], seed: int, stage: Stage
) -> Fold:
    """Add detectors, autoencoder and scores of ``held_out`` to heads trained on ``train``."""
    data = context.data
    good, defects = ([index for index in train if data.targets[index] == target] for target in (GOOD, DEFECT))
    stage.report(0, "fitting novelty detectors")
    heads = {**models.heads, **fit_detectors(data, good, defects, part_keys(context.samples), seed)}
    autoencoder = train_pixel_autoencoder(data, good, seed, stage.substage(DETECTORS_SHARE, 1))
    results = score_heads(heads, data, held_out)
    return Fold(
        heads=heads,
        autoencoder=autoencoder,
        held_out=list(held_out),
        scores={name: scores for name, (scores, _) in results.items()},
        peaks={name: peaks for name, (_, peaks) in results.items()},
        errors=reconstruction_errors(autoencoder, data, held_out),
        curve=models.curve,
        best_epoch=models.best_epoch,
        localized=localized_defects(heads.get(SEGMENTATION), data, held_out),
    )


def train_folds(
    context: TrainingContext, names: Sequence[str], stage: Stage, labeled: Collection[int] | None = None
) -> dict[str, Fold]:
    """Train without each named split and score that split; ``FINAL`` trains on all samples.

    If ``labeled`` is given, only these images are used for training."""
    context = context.for_label_count(len(context.samples if labeled is None else labeled))
    seed = context.data.config.seed
    purpose = () if labeled is None else (len(labeled),)
    folds: dict[str, Fold] = {}
    for number, name in enumerate(names):
        inside = [
            index
            for index, sample in enumerate(context.samples)
            if sample.split != name and (labeled is None or index in labeled)
        ]
        title = f"fold {number + 1} of {len(names) - (FINAL in names)}" if name != FINAL else FINAL_TITLE
        part = stage.substage(number / len(names), (number + 1) / len(names), title)
        outside = split_indices(context.samples, name)
        folds[name] = train_fold(context, inside, outside, derive_seed(seed, name, *purpose), part)
    return folds


def split_indices(samples: Sequence[Sample], split: str, labeled: Collection[int] | None = None) -> list[int]:
    """Return the indices of a split's images, limited to ``labeled`` if given."""
    return [
        index for index, sample in enumerate(samples) if sample.split == split and (labeled is None or index in labeled)
    ]


def train_classifiers(
    context: TrainingContext, train_indices: Sequence[int], held_out: Sequence[int], seed: int, stage: Stage
) -> FoldModels:
    """Train the classifier heads on ``train_indices``; ``held_out`` is only monitored.

    The same arguments give the same weights."""
    data = context.data
    if data.config.head == SEGMENTATION_RECIPE:
        auxiliary = context.trunk.companion
        absent = data.config.left_out_scores
        tuned = auxiliary is not None and data.config.stage_epochs > 0 and "second_stage" not in absent
        end = SEGMENTATION_SHARE if tuned else 1.0
        segmentation, curve = train_segmentation(data, train_indices, held_out, seed, stage.substage(0, end))
        heads: dict[str, Head] = {SEGMENTATION: segmentation}
        sources = {"texture": "statistics"} | ({} if auxiliary is None else {"second_texture": "aux_statistics"})
        for name, source in sources.items():
            if name not in absent:
                heads[name] = fit_statistics_head(data, train_indices, source)
        if auxiliary is not None and tuned:
            part = stage.substage(end, 1, FINE_TUNING_TITLE)
            heads["second_stage"] = fine_tune_blocks(auxiliary, data, train_indices, seed, part)
        return FoldModels(heads, curve, len(curve))
    # The pooled head stops early, on a fifth of the training parts.
    train, validation = inner_split([context.samples[index] for index in train_indices], derive_seed(seed, "inner"))
    pick = [[train_indices[position] for position in positions] for positions in (train, validation)]
    return train_pooled_head(context.trunk.layer4, data, pick[0], pick[1], seed, stage)
