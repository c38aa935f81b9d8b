"""Learning curve: the recipe repeated with a half and a quarter of the labels.

A trial trains, fuses and calibrates with its smaller label set only. It is measured on the same parts as the version
itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import floor

import numpy as np

from mltasks.vision.data.splits import MIN_PARTS_PER_CLASS, collect_parts
from mltasks.vision.evaluation.learning_curve import CurvePrediction
from mltasks.vision.evaluation.predictions import Prediction
from mltasks.vision.networks.compute import derive_seed
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.training.folds import Fold, TrainingContext, split_indices, train_folds
from mltasks.vision.training.out_of_fold import cross_fit, predict_holdout
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import DEFECT, GOOD, Sample

# Above ALL_FOLDS_MAX_IMAGES a trial scores only REDUCED_FOLDS folds. Above ALL_SHARES_MAX_IMAGES it scores only
# FEWEST_FOLDS, and only the largest share is tried. The curve then costs a fourth of the time and is precise enough.
ALL_FOLDS_MAX_IMAGES, REDUCED_FOLDS = 500, 3
ALL_SHARES_MAX_IMAGES, FEWEST_FOLDS = 1000, 2
# The pixel autoencoder does not affect the ranking.
MAX_AUTOENCODER_EPOCHS = 1


@dataclass(frozen=True, slots=True)
class Trial:
    """Indices of the labeled images, and the folds to score; no folds for a holdout."""

    labeled: frozenset[int]
    folds: tuple[str, ...]


def plan_trials(samples: Sequence[Sample], config: TrainConfig) -> list[Trial]:
    """Return a trial per label share of the config, fewest labels first.

    Each label set contains the smaller sets. A share is left out if a training or calibration set would have fewer than
    four parts of a class."""
    folds = sorted({sample.split for sample in samples if sample.split.startswith("fold-")})
    scored = tuple(folds[: _fold_limit(len(samples))])
    labeled = [index for index, sample in enumerate(samples) if sample.split != "test"]
    trials: list[Trial] = []
    before = 1.0
    shares = sorted(config.curve_shares, reverse=True)
    for share in shares if len(samples) <= ALL_SHARES_MAX_IMAGES else shares[:1]:
        ratio, before = share / before, share
        seed = derive_seed(config.seed, f"{share} of the labels")
        labeled = _subsample_parts(samples, labeled, ratio, seed)
        trial = Trial(frozenset(labeled), scored)
        if all(_has_enough_parts([samples[index] for index in side]) for side in _training_sets(trial, samples)):
            trials.append(trial)
    return trials[::-1]


def _fold_limit(images: int) -> int | None:
    if images <= ALL_FOLDS_MAX_IMAGES:
        return None
    return REDUCED_FOLDS if images <= ALL_SHARES_MAX_IMAGES else FEWEST_FOLDS


def trial_config(config: TrainConfig) -> TrainConfig:
    """Return the config for the trainings of a trial."""
    return replace(config, autoencoder_epochs=min(config.autoencoder_epochs, MAX_AUTOENCODER_EPOCHS))


def run_trials(
    trials: Sequence[Trial],
    context: TrainingContext,
    folds: Mapping[str, Fold],
    predictions: Sequence[Prediction],
    stage: Stage,
) -> list[CurvePrediction]:
    """Predict the measured parts with each trial's labels, and last with all labels.

    The last entry uses the version's own ``predictions`` if the trials score all folds. Otherwise it is cross-fitted on
    the same ``folds`` as the trials. Returns an empty list without trials."""
    if not trials:
        return []
    everything = list(predictions)
    if 0 < len(trials[0].folds) < len({sample.split for sample in context.samples}):
        everything = cross_fit({fold: folds[fold] for fold in trials[0].folds}, context)
    labels = sum(sample.split != "test" for sample in context.samples)
    steps = [stage.substage(number / len(trials), (number + 1) / len(trials)) for number in range(len(trials))]
    fewer = [_run_trial(trial, context, step) for trial, step in zip(trials, steps, strict=True)]
    return [*fewer, CurvePrediction(labels, everything)]


def _run_trial(trial: Trial, context: TrainingContext, stage: Stage) -> CurvePrediction:
    """Train with the trial's labels only and predict the measured parts."""
    context = context.with_config(trial_config(context.data.config))
    stage = stage.substage(0, 1, f"learning curve with {len(trial.labeled)} labels")
    if trial.folds:
        predictions = cross_fit(train_folds(context, trial.folds, stage, trial.labeled), context, trial.labeled)
    else:
        _, _, predictions = predict_holdout(context, stage, trial.labeled)
    return CurvePrediction(len(trial.labeled), predictions)


def _subsample_parts(samples: Sequence[Sample], indices: Sequence[int], share: float, seed: int) -> list[int]:
    """Return a share of each class's parts, spread evenly over defect types and splits.

    Systematic sampling: Madow and Madow, Annals of Mathematical Statistics 15, 1944."""
    parts = collect_parts([samples[index] for index in indices])
    mixed = np.random.default_rng(seed).permutation(len(parts)).tolist()
    kept: set[tuple[str, str]] = set()
    for target in (GOOD, DEFECT):
        rows = [(part.stratum, part.samples[0].split, at, part) for at, part in zip(mixed, parts, strict=True)]
        ordered = sorted((row for row in rows if row[-1].target == target), key=lambda row: row[:-1])
        for number, (*_, part) in enumerate(ordered):
            if floor((number + 1) * share + 0.5) > floor(number * share + 0.5):
                kept.update((sample.sha256, sample.group) for sample in part.samples)
    return [index for index in indices if (samples[index].sha256, samples[index].group) in kept]


def _training_sets(trial: Trial, samples: Sequence[Sample]) -> Iterable[list[int]]:
    """Yield every training set and every calibration set of a trial."""
    if not trial.folds:
        yield from (split_indices(samples, split, trial.labeled) for split in ("train", "validation"))
    for fold in trial.folds:
        yield [index for index in trial.labeled if samples[index].split != fold]
        yield [index for index in trial.labeled if samples[index].split in trial.folds and samples[index].split != fold]


def _has_enough_parts(samples: Sequence[Sample]) -> bool:
    count = Counter(part.target for part in collect_parts(samples))
    return min(count[GOOD], count[DEFECT]) >= MIN_PARTS_PER_CLASS
