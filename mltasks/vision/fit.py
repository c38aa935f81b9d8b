"""Samples in, a fitted version and its honest predictions out.

Below the config's limit of labels by cross-validation: every label both teaches and measures, in different rounds.
Above it by a holdout: the version served is the very one that was measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from mltasks.vision.backbones import WeightsSource, load_backbone
from mltasks.vision.companion import COMPANIONS, Companion
from mltasks.vision.compute import Compute, derive_seed
from mltasks.vision.data import part_keys
from mltasks.vision.features import STRIDE, Trunk
from mltasks.vision.fit_novelty import DETECTORS, wanted
from mltasks.vision.operating import KNOWN, PIXELS, HeldOut, Setting, settle
from mltasks.vision.predictions import Prediction, Protocol
from mltasks.vision.progress import Stage
from mltasks.vision.rounds import Lesson, Round, train_round
from mltasks.vision.run_time import looking_share
from mltasks.vision.thresholds import cost_threshold, review_band
from mltasks.vision.trunk_views import Material, see
from mltasks.vision.types import Sample, Thresholds, TrainConfig

HOLDOUT_SPLITS = ("train", "validation", "test")
FINAL, LAST = "final", "final training on all parts"
HEADS = ("dense", "pooled")
COUNTS = (
    *("max_epochs", "dense_epochs", "autoencoder_epochs", "batch_size"),
    *("oversampling", "draws_cap", "patience"),
)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A version before it is written. ``rounds`` are all trainings by name, ``final`` is the one to serve;
    ``predictions`` are of parts that the round which made them never saw."""

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
    seen = looking_share(len(learning), samples[0].split.startswith("fold-"), config)
    bank = see(samples, learning, trunk, config, compute, stage.part(0, seen, "looking at the parts"))
    material = Material(bank, np.array([sample.target for sample in samples]), config, compute)
    lesson = Lesson(samples, material, trunk, network.get_submodule("layer4"))
    protocol = cross_validate if samples[0].split.startswith("fold-") else hold_out
    return protocol(samples, lesson, weights, stage.part(seen, 1))


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
    low = [name for name in COUNTS if getattr(config, name) < 1] + ["views"] * (config.views < 0)
    if low or not 0 < config.novelty_quantile < 1:
        raise ValueError(
            f"{', '.join(low) or 'novelty_quantile'} can't train: use 1 or more, a quantile inside (0, 1)."
        )


def cross_validate(samples: Sequence[Sample], lesson: Lesson, weights: WeightsSource, stage: Stage) -> Fitted:
    """Train once without each fold and once with all; what decides about a fold comes from the other folds."""
    names = sorted({sample.split for sample in samples})
    rounds = _folds(lesson, [*names, FINAL], stage)
    held_out = {name: rounds[name] for name in names}
    setting, predictions = setting_of(list(held_out.values()), lesson), _cross_fit(held_out, lesson)
    seed = lesson.material.config.seed
    protocol = Protocol("cross-validation", len(names), len(samples), 0, len(samples), seed)
    return _fitted(lesson, weights, rounds, rounds[FINAL], setting, predictions, protocol)


def _folds(lesson: Lesson, names: Sequence[str], stage: Stage) -> dict[str, Round]:
    """A round without each of the named splits; without one that no sample carries, on all."""
    rounds: dict[str, Round] = {}
    for number, name in enumerate(names):
        inside = [index for index, sample in enumerate(lesson.samples) if sample.split != name]
        outside = [index for index, sample in enumerate(lesson.samples) if sample.split == name]
        title = f"fold {number + 1} of {len(names) - (FINAL in names)}" if name != FINAL else LAST
        part = stage.part(number / len(names), (number + 1) / len(names), title)
        rounds[name] = train_round(lesson, inside, outside, derive_seed(lesson.material.config.seed, name), part)
    return rounds


def _cross_fit(rounds: Mapping[str, Round], lesson: Lesson) -> list[Prediction]:
    """What decides about a fold comes from the answers about the other folds."""
    predictions: list[Prediction] = []
    for name, one in rounds.items():
        others = setting_of([other for also, other in rounds.items() if also != name], lesson)
        predictions += _predict(lesson, one, others)
    return predictions


def cross_fitted(lesson: Lesson, stage: Stage) -> list[Prediction]:
    """Only the honest predictions of a cross-validation, of samples that carry folds: no version comes of it."""
    names = sorted({sample.split for sample in lesson.samples})
    return _cross_fit(_folds(lesson, names, stage), lesson)


def hold_out(samples: Sequence[Sample], lesson: Lesson, weights: WeightsSource, stage: Stage) -> Fitted:
    """Train on ``train``; weigh, calibrate and set thresholds on ``validation``; predict ``test``."""
    config = lesson.material.config
    train, validation, test = (
        [index for index, sample in enumerate(samples) if sample.split == split] for split in HOLDOUT_SPLITS
    )
    one = train_round(lesson, train, validation + test, derive_seed(config.seed, "holdout"), stage)
    seen = len(validation)
    setting = setting_of([only(one, slice(seen))], lesson)
    predictions = _predict(lesson, only(one, slice(seen, None)), setting)
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
        trunk=lesson.trunk,
        rounds=rounds,
        final=final,
        setting=setting,
        predictions=predictions,
        protocol=protocol,
        views=material.bank.views,
        compute=material.compute.describe(),
    )


def held_out_of(rounds: Sequence[Round], lesson: Lesson) -> HeldOut:
    """What several rounds say of the parts that each had not learned from, as one set."""
    indices = [index for one in rounds for index in one.held_out]
    names = list(rounds[0].scores)
    keys = part_keys(lesson.samples)
    scores = {name: [value for one in rounds for value in one.scores[name]] for name in names}
    peaks = {name: [value for one in rounds for value in one.peaks[name]] for name in names}
    scores[PIXELS] = [error.mean for one in rounds for error in one.errors]
    peaks[PIXELS] = [error.worst_cell for one in rounds for error in one.errors]
    targets = [int(lesson.material.targets[index]) for index in indices]
    return HeldOut(scores, peaks, targets, [keys[index] for index in indices])


def setting_of(rounds: Sequence[Round], lesson: Lesson) -> Setting:
    """The weights, calibration, thresholds and deciding detector that these rounds' held-out answers give."""
    config = lesson.material.config
    least, _ = review_band(config.costs)
    return settle(held_out_of(rounds, lesson), wanted(config), config.novelty_quantile, config.seed, least)


def _predict(lesson: Lesson, one: Round, setting: Setting) -> list[Prediction]:
    found = held_out_of([one], lesson)
    logits = setting.fusion.logits(found.scores)
    probabilities = setting.calibrator.probability(logits)
    novelty = setting.novelty(found.scores)
    fails_from = cost_threshold(lesson.material.config.costs)
    return [
        Prediction(
            name=sample.name,
            sha256=sample.sha256,
            path=sample.path,
            roi=sample.roi,
            part=found.parts[at],
            target=sample.target,
            defect_type=sample.defect_type,
            split=sample.split,
            logit=float(logits[at]),
            probability=float(probabilities[at]),
            reconstruction_error=found.scores[PIXELS][at],
            anomaly_threshold=setting.thresholds[PIXELS],
            detector=setting.detector,
            detectors={name: values[at] for name, values in novelty.items()},
            known=found.scores[KNOWN][at] / setting.known_threshold
            if setting.known_threshold and probabilities[at] >= fails_from
            else None,
        )
        for at, sample in enumerate(lesson.samples[index] for index in one.held_out)
    ]


def only(one: Round, positions: slice) -> Round:
    """A round's answers about some of its held-out images."""
    return replace(
        one,
        held_out=one.held_out[positions],
        scores={name: values[positions] for name, values in one.scores.items()},
        peaks={name: values[positions] for name, values in one.peaks.items()},
        errors=one.errors[positions],
    )
