"""Samples in, a fitted version and its honest predictions out.

Below the config's limit of labels by cross-validation: every label both teaches and measures, in different rounds.
Above it by a holdout: the version served is the very one that was measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from mltasks.vision.backbones import WeightsSource, load_backbone
from mltasks.vision.calibration import Calibrator, anomaly_threshold, fit_platt
from mltasks.vision.classifier import STRIDE, Trunk
from mltasks.vision.compute import Compute, derive_seed
from mltasks.vision.data import inner_split, part_keys
from mltasks.vision.predictions import Prediction, Protocol
from mltasks.vision.progress import Stage
from mltasks.vision.rounds import Lesson, Round, train_round
from mltasks.vision.thresholds import cost_threshold
from mltasks.vision.trunk_views import Material, see
from mltasks.vision.types import GOOD, Sample, Thresholds, TrainConfig

HOLDOUT_SPLITS = ("train", "validation", "test")
# What seeing one view costs, in units of one draw of training, and the epochs that early stopping leaves, by experience
VIEW_COST, EPOCHS_LEFT = 1.7, 0.6
# On the map, 0.5 is what the worst cell of so many held-out good parts stays below.
MAP_QUANTILE = 0.95


@dataclass(frozen=True, slots=True)
class Setting:
    """What turns scores into decisions: from held-out parts only."""

    calibrator: Calibrator
    anomaly: float
    anomaly_map_scale: float


@dataclass(frozen=True, slots=True)
class Fitted:
    """A version before it is written. ``rounds`` are all trainings by name, ``final`` is the one to serve;
    ``predictions`` are of parts that the round which made them never saw."""

    config: TrainConfig
    weights: WeightsSource
    rounds: dict[str, Round]
    final: Round
    setting: Setting
    predictions: list[Prediction]
    protocol: Protocol
    views: int
    compute: dict[str, str | int]

    @property
    def thresholds(self) -> Thresholds:
        """The version's operating point."""
        return Thresholds(cost_threshold(self.config.costs), self.setting.anomaly)


def fit(samples: Sequence[Sample], config: TrainConfig, compute: Compute, stage: Stage) -> Fitted:
    """Train on samples whose splits are set, inside ``compute.reproducible``. Raises ValueError for splits or sizes
    that can't work, and UnreadableSample, which names the image."""
    check(samples, config)
    torch.manual_seed(derive_seed(config.seed, "backbone"))
    network, weights = load_backbone(config.backbone, config.backbone_weights)
    trunk = Trunk(network)
    learning = {index for index, sample in enumerate(samples) if sample.split not in ("validation", "test")}
    seen = views_share(len(learning), samples[0].split.startswith("fold-"), config)
    bank = see(samples, learning, trunk, config, compute, stage.part(0, seen, "looking at the parts"))
    material = Material(bank, np.array([sample.target for sample in samples]), config, compute)
    lesson = Lesson(material, trunk, network.get_submodule("layer4"))
    protocol = cross_validate if samples[0].split.startswith("fold-") else hold_out
    return protocol(samples, lesson, weights, stage.part(seen, 1))


def views_share(learning: int, folds: bool, config: TrainConfig) -> float:
    """The share of the run's time that seeing the parts takes, roughly: for a progress bar that moves evenly."""
    draws = min(config.oversampling * learning, config.draws_cap) * (config.folds + 1 if folds else 1)
    looking, teaching = VIEW_COST * learning * config.views, EPOCHS_LEFT * config.max_epochs * draws
    return looking / (looking + teaching)


def check(samples: Sequence[Sample], config: TrainConfig) -> None:
    """Raise ValueError unless the splits are all folds or all of a holdout, and the settings suit the networks."""
    splits = {sample.split for sample in samples}
    folds = {split for split in splits if split.startswith("fold-")}
    if not (splits == folds and len(folds) > 1) and splits != set(HOLDOUT_SPLITS):
        raise ValueError(f"Samples need splits fold-0, fold-1, … or train, validation and test, not {sorted(splits)}.")
    if config.height % STRIDE or config.width % STRIDE or min(config.height, config.width) < STRIDE:
        raise ValueError(f"The input size must be multiples of {STRIDE}, not {config.height} × {config.width}.")
    counts = ("max_epochs", "autoencoder_epochs", "batch_size", "views", "oversampling", "draws_cap", "patience")
    low = [name for name in counts if getattr(config, name) < 1]
    if low or not 0 < config.novelty_quantile < 1:
        raise ValueError(
            f"{', '.join(low) or 'novelty_quantile'} can't train: use 1 or more, a quantile inside (0, 1)."
        )


def cross_validate(samples: Sequence[Sample], lesson: Lesson, weights: WeightsSource, stage: Stage) -> Fitted:
    """Train once without each fold and once with all; thresholds for a fold come from the other folds."""
    config, names = lesson.material.config, sorted({sample.split for sample in samples})
    rounds: dict[str, Round] = {}
    for number, name in enumerate([*names, "final"]):
        inside = [index for index, sample in enumerate(samples) if sample.split != name]
        outside = [index for index, sample in enumerate(samples) if sample.split == name]
        seed = derive_seed(config.seed, name)
        train, validation = inner_split([samples[index] for index in inside], seed)
        part = stage.part(number / (len(names) + 1), (number + 1) / (len(names) + 1), _title(number, len(names)))
        rounds[name] = train_round(lesson, _pick(inside, train), _pick(inside, validation), outside, seed, part)
    held_out = [rounds[name] for name in names]
    predictions: list[Prediction] = []
    for name in names:
        # Cross-fitted: what decides about a fold has not seen that fold.
        others = _setting([rounds[other] for other in names if other != name], lesson.material)
        predictions += _predict(samples, rounds[name], others)
    protocol = Protocol("cross-validation", len(names), len(samples), 0, len(samples), config.seed)
    setting = _setting(held_out, lesson.material)
    return _fitted(lesson, weights, rounds, rounds["final"], setting, predictions, protocol)


def hold_out(samples: Sequence[Sample], lesson: Lesson, weights: WeightsSource, stage: Stage) -> Fitted:
    """Train on ``train``; stop early, calibrate and set the anomaly threshold on ``validation``; predict ``test``."""
    config = lesson.material.config
    train, validation, test = (
        [index for index, sample in enumerate(samples) if sample.split == split] for split in HOLDOUT_SPLITS
    )
    one = train_round(lesson, train, validation, validation + test, derive_seed(config.seed, "holdout"), stage)
    seen = len(validation)
    setting = _setting([_only(one, slice(seen))], lesson.material)
    predictions = _predict(samples, _only(one, slice(seen, None)), setting)
    protocol = Protocol("holdout", 0, len(train), len(validation), len(test), config.seed)
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
        rounds=rounds,
        final=final,
        setting=setting,
        predictions=predictions,
        protocol=protocol,
        views=material.bank.views,
        compute=material.compute.describe(),
    )


def _setting(rounds: Sequence[Round], material: Material) -> Setting:
    held_out = [index for one in rounds for index in one.held_out]
    targets = [int(material.targets[index]) for index in held_out]
    errors = [error for one in rounds for error in one.errors]
    good = [error for error, target in zip(errors, targets, strict=True) if target == GOOD]
    return Setting(
        calibrator=fit_platt([logit for one in rounds for logit in one.logits], targets),
        anomaly=anomaly_threshold([error.mean for error in good], material.config.novelty_quantile),
        anomaly_map_scale=anomaly_threshold([error.worst_cell for error in good], MAP_QUANTILE),
    )


def _predict(samples: Sequence[Sample], one: Round, setting: Setting) -> list[Prediction]:
    parts = part_keys(samples)
    probabilities = setting.calibrator.probability(one.logits)
    return [
        Prediction(
            name=samples[index].name,
            path=samples[index].path,
            roi=samples[index].roi,
            part=parts[index],
            target=samples[index].target,
            defect_type=samples[index].defect_type,
            split=samples[index].split,
            logit=logit,
            probability=float(probability),
            reconstruction_error=error.mean,
            anomaly_threshold=setting.anomaly,
        )
        for index, logit, probability, error in zip(one.held_out, one.logits, probabilities, one.errors, strict=True)
    ]


def _only(one: Round, part: slice) -> Round:
    return replace(one, held_out=one.held_out[part], logits=one.logits[part], errors=one.errors[part])


def _pick(indices: Sequence[int], positions: Sequence[int]) -> list[int]:
    return [indices[position] for position in positions]


def _title(number: int, folds: int) -> str:
    return f"fold {number + 1} of {folds}" if number < folds else "final training on all parts"
