"""Samples in, a fitted version and its honest predictions out.

Below the config's limit of labels by cross-validation: every label both teaches and measures, in different rounds.
Above it by a holdout: the version served is the very one that was measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import nn

from mltasks.vision.calibration.operating_point import PIXELS, Setting
from mltasks.vision.evaluation.learning_curve import Asked
from mltasks.vision.evaluation.predictions import Prediction, Protocol
from mltasks.vision.networks.auxiliary_backbone import COMPANIONS, Companion
from mltasks.vision.networks.backbones import WeightsSource, load_backbone
from mltasks.vision.networks.compute import Compute, derive_seed
from mltasks.vision.networks.trunk import STRIDE, Trunk
from mltasks.vision.serving.thresholds import cost_threshold
from mltasks.vision.training.feature_bank import Material, see
from mltasks.vision.training.fit_detectors import DETECTORS
from mltasks.vision.training.folds import FINAL, Lesson, Round, of_split, rounds_without
from mltasks.vision.training.learning_curve_trials import planned, try_fewer
from mltasks.vision.training.out_of_fold import ask_held_out, cross_fit, setting_of
from mltasks.vision.training.progress import Stage
from mltasks.vision.training.time_estimate import stage_ends
from mltasks.vision.types import Sample, Thresholds, TrainConfig

HOLDOUT_SPLITS = ("train", "validation", "test")
HEADS = ("dense", "pooled")
AUTO, F32 = PRECISIONS = ("auto", "f32")
COUNTS = (
    *("max_epochs", "dense_epochs", "autoencoder_epochs", "batch_size"),
    *("oversampling", "draws_cap", "patience"),
)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A version before it is written. ``rounds`` are all trainings by name, ``final`` is the one to serve;
    ``predictions`` are of parts that the round which made them never saw; ``asked`` what the recipe says of them with
    fewer labels, and last with all (empty without a learning curve)."""

    config: TrainConfig
    weights: WeightsSource
    trunk: Trunk
    rounds: dict[str, Round]
    final: Round
    setting: Setting
    predictions: list[Prediction]
    protocol: Protocol
    views: int
    compute: dict[str, str | int]
    asked: list[Asked] = field(default_factory=list)

    @property
    def thresholds(self) -> Thresholds:
        """The version's operating point."""
        return Thresholds(cost_threshold(self.config.costs), self.setting.thresholds[PIXELS])


def fit(samples: Sequence[Sample], config: TrainConfig, compute: Compute, stage: Stage) -> Fitted:
    """Train on samples whose splits are set, inside ``compute.reproducible``. Raises ValueError for splits or sizes
    that can't work, and UnreadableSample, which names the image."""
    check(samples, config)
    torch.manual_seed(derive_seed(config.seed, "backbone"))
    network, weights = load_backbone(config.backbone, config.backbone_weights)
    trunk = trunk_of(network, config)
    learning = {index for index, sample in enumerate(samples) if sample.split not in ("validation", "test")}
    folds, trials = samples[0].split.startswith("fold-"), planned(samples, config)
    seen, taught = stage_ends(len(learning), folds, config, [(len(one.known), one.rounds) for one in trials])
    bank = see(samples, learning, trunk, config, compute, stage.part(0, seen, "looking at the parts"))
    material = Material(bank, np.array([sample.target for sample in samples]), config, compute)
    lesson = Lesson(samples, material, trunk, network.get_submodule("layer4"))
    protocol = cross_validate if folds else hold_out
    fitted = protocol(samples, lesson, weights, stage.part(seen, taught))
    rest = stage.part(taught, 1).without_metrics()
    return replace(fitted, asked=try_fewer(trials, lesson, fitted.rounds, fitted.predictions, rest))


def trunk_of(network: nn.Module, config: TrainConfig) -> Trunk:
    """The frozen trunk around a backbone, with the config's companion."""
    return Trunk(network, Companion() if config.companion else None)


def check(samples: Sequence[Sample], config: TrainConfig) -> None:
    """Raise ValueError unless the splits are all folds or all of a holdout, and as ``check_settings`` does."""
    splits = {sample.split for sample in samples}
    folds = {split for split in splits if split.startswith("fold-")}
    if not (splits == folds and len(folds) > 1) and splits != set(HOLDOUT_SPLITS):
        raise ValueError(f"Samples need splits fold-0, fold-1, … or train, validation and test, not {sorted(splits)}.")
    check_settings(config)


def check_settings(config: TrainConfig) -> None:
    """Raise ValueError unless the settings suit the networks; their size is chosen by now."""
    if config.height % STRIDE or config.width % STRIDE or min(config.height, config.width) < STRIDE:
        raise ValueError(f"The input size must be multiples of {STRIDE}, not {config.height} × {config.width}.")
    if config.head not in HEADS or not set(config.detectors) <= set(DETECTORS):
        raise ValueError(f"head is one of {', '.join(HEADS)}; detectors are some of {', '.join(DETECTORS)}.")
    if config.companion not in COMPANIONS:
        raise ValueError(f"companion is {COMPANIONS[-1]} or empty, not {config.companion!r}.")
    if not all(0 < share < 1 for share in config.curve_shares):
        raise ValueError(f"curve_shares lie between 0 and 1, not {config.curve_shares}.")
    if config.precision not in PRECISIONS:
        raise ValueError(f"precision is {' or '.join(PRECISIONS)}, not {config.precision!r}.")
    low = [name for name in COUNTS if getattr(config, name) < 1]
    low += [name for name in ("views", "stage_epochs") if getattr(config, name) < 0]
    if low or not 0 < config.novelty_quantile < 1:
        raise ValueError(
            f"{', '.join(low) or 'novelty_quantile'} can't train: use 1 or more, a quantile inside (0, 1)."
        )


def cross_validate(samples: Sequence[Sample], lesson: Lesson, weights: WeightsSource, stage: Stage) -> Fitted:
    """Train once without each fold and once with all; what decides about a fold comes from the other folds."""
    names = sorted({sample.split for sample in samples})
    rounds = rounds_without(lesson, [*names, FINAL], stage)
    held_out = {name: rounds[name] for name in names}
    setting, predictions = setting_of(list(held_out.values()), lesson), cross_fit(held_out, lesson)
    seed = lesson.material.config.seed
    protocol = Protocol("cross-validation", len(names), len(samples), 0, len(samples), seed)
    return _fitted(lesson, weights, rounds, rounds[FINAL], setting, predictions, protocol)


def cross_fitted(lesson: Lesson, stage: Stage) -> list[Prediction]:
    """Only the honest predictions of a cross-validation, of samples that carry folds: no version comes of it."""
    names = sorted({sample.split for sample in lesson.samples})
    return cross_fit(rounds_without(lesson, names, stage), lesson)


def hold_out(samples: Sequence[Sample], lesson: Lesson, weights: WeightsSource, stage: Stage) -> Fitted:
    """Train on ``train``; weigh, calibrate and set thresholds on ``validation``; predict ``test``."""
    one, setting, predictions = ask_held_out(lesson, stage)
    train, validation, test = (len(of_split(samples, split)) for split in HOLDOUT_SPLITS)
    protocol = Protocol("holdout", 0, train, validation, test, lesson.material.config.seed)
    return _fitted(lesson, weights, {"holdout": one}, one, setting, predictions, protocol)


def _fitted(
    lesson: Lesson,
    weights: WeightsSource,
    rounds: dict[str, Round],
    final: Round,
    setting: Setting,
    predictions: list[Prediction],
    protocol: Protocol,
) -> Fitted:
    material = lesson.material
    return Fitted(
        config=material.config,
        weights=weights,
        trunk=lesson.trunk,
        rounds=rounds,
        final=final,
        setting=setting,
        predictions=predictions,
        protocol=protocol,
        views=material.bank.views,
        compute=material.compute.describe(),
    )
