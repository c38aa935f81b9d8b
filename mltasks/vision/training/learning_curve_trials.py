"""The recipe again with a half and a quarter of the labels: what a report's learning curve stands on.

A smaller set's labels are all that a trial knows: it learns, weighs and calibrates by them. It is asked about the very
parts that the version itself is measured on.
"""

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
from mltasks.vision.training.folds import Fold, TrainingContext, split_indices, train_folds
from mltasks.vision.training.out_of_fold import cross_fit, predict_holdout
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import DEFECT, GOOD, Sample, TrainConfig

# Of more images only so many folds are asked, and of still more only the largest share is tried: there the curve costs
# a quarter of the time, and is sure enough.
ALL_FOLDS_MAX_IMAGES, REDUCED_FOLDS = 500, 3
ALL_SHARES_MAX_IMAGES = 1000
# The pixel autoencoder has no say in a ranking.
MAX_AUTOENCODER_EPOCHS = 1


@dataclass(frozen=True, slots=True)
class Trial:
    """The images whose labels are known, as indices, and the folds to ask about; none of a holdout."""

    labeled: frozenset[int]
    folds: tuple[str, ...]

    @property
    def fold_count(self) -> int:
        """How many trainings it takes."""
        return len(self.folds) or 1


def plan_trials(samples: Sequence[Sample], config: TrainConfig) -> list[Trial]:
    """A trial for each of the config's shares, of samples whose splits are set; the fewest labels first, all of which
    the next has too. A share that leaves some training or weighing fewer than four parts of a kind is left out."""
    folds = sorted({sample.split for sample in samples if sample.split.startswith("fold-")})
    asked = tuple(folds if len(samples) <= ALL_FOLDS_MAX_IMAGES else folds[:REDUCED_FOLDS])
    known = [index for index, sample in enumerate(samples) if sample.split != "test"]
    trials: list[Trial] = []
    before = 1.0
    shares = sorted(config.curve_shares, reverse=True)
    for share in shares if len(samples) <= ALL_SHARES_MAX_IMAGES else shares[:1]:
        ratio, before = share / before, share
        seed = derive_seed(config.seed, f"{share} of the labels")
        known = _subsample_parts(samples, known, ratio, seed)
        trial = Trial(frozenset(known), asked)
        if all(_has_enough_parts([samples[index] for index in side]) for side in _training_sets(trial, samples)):
            trials.append(trial)
    return trials[::-1]


def trial_config(config: TrainConfig) -> TrainConfig:
    """The config that a trial trains by."""
    return replace(config, autoencoder_epochs=min(config.autoencoder_epochs, MAX_AUTOENCODER_EPOCHS))


def run_trials(
    trials: Sequence[Trial],
    context: TrainingContext,
    folds: Mapping[str, Fold],
    predictions: Sequence[Prediction],
    stage: Stage,
) -> list[CurvePrediction]:
    """What is said of the same parts with each trial's labels, and last with all of them: by the version's own
    ``fold_count``, weighed on the same folds as a trial's are, or in its own ``predictions`` where all folds are asked.
    Empty without trials."""
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
    """Train by the trial's labels alone, and ask about the parts that measure."""
    context = context.with_config(trial_config(context.data.config))
    stage = stage.substage(0, 1, f"with {len(trial.labeled)} labels")
    if trial.folds:
        rounds = train_folds(context, trial.folds, stage, trial.labeled)
        predictions = cross_fit(rounds, context, trial.labeled)
    else:
        _, _, predictions = predict_holdout(context, stage, trial.labeled)
    return CurvePrediction(len(trial.labeled), predictions)


def _subsample_parts(samples: Sequence[Sample], indices: Sequence[int], share: float, seed: int) -> list[int]:
    """A share of the parts of each class, spread evenly over types and splits (systematic sampling: Madow and Madow,
    Annals of Mathematical Statistics 15, 1944)."""
    parts = collect_parts([samples[index] for index in indices])
    mixed = np.random.default_rng(seed).permutation(len(parts)).tolist()
    known: set[tuple[str, str]] = set()
    for target in (GOOD, DEFECT):
        rows = [(part.stratum, part.samples[0].split, at, part) for at, part in zip(mixed, parts, strict=True)]
        ordered = sorted((row for row in rows if row[-1].target == target), key=lambda row: row[:-1])
        for number, (*_, part) in enumerate(ordered):
            if floor((number + 1) * share + 0.5) > floor(number * share + 0.5):
                known.update((sample.sha256, sample.group) for sample in part.samples)
    return [index for index in indices if (samples[index].sha256, samples[index].group) in known]


def _training_sets(trial: Trial, samples: Sequence[Sample]) -> Iterable[list[int]]:
    """All that some training learns from, and all that something is weighed on."""
    if not trial.folds:
        yield from (split_indices(samples, split, trial.labeled) for split in ("train", "validation"))
    for fold in trial.folds:
        yield [index for index in trial.labeled if samples[index].split != fold]
        yield [index for index in trial.labeled if samples[index].split in trial.folds and samples[index].split != fold]


def _has_enough_parts(samples: Sequence[Sample]) -> bool:
    count = Counter(part.target for part in collect_parts(samples))
    return min(count[GOOD], count[DEFECT]) >= MIN_PARTS_PER_CLASS
