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

from mltasks.vision.answering import cross_fit, only, predict, setting_of
from mltasks.vision.compute import derive_seed
from mltasks.vision.data import MIN_GROUPS, parts_of
from mltasks.vision.label_curve import Asked
from mltasks.vision.predictions import Prediction
from mltasks.vision.progress import Stage
from mltasks.vision.rounds import Lesson, Round, train_round
from mltasks.vision.types import DEFECT, GOOD, Sample, TrainConfig

# Of more images only so many folds are asked: there the curve costs a fifth of the time, and is sure enough.
ALL_FOLDS_UP_TO, FEW_FOLDS = 500, 3
# The pixel autoencoder has no say in a ranking.
PIXEL_EPOCHS = 1


@dataclass(frozen=True, slots=True)
class Trial:
    """The images whose labels are known, as indices, and the folds to ask about; none of a holdout."""

    known: frozenset[int]
    folds: tuple[str, ...]

    @property
    def rounds(self) -> int:
        """How many trainings it takes."""
        return len(self.folds) or 1


def planned(samples: Sequence[Sample], config: TrainConfig) -> list[Trial]:
    """A trial for each of the config's shares, of samples whose splits are set; the fewest labels first, all of which
    the next has too. A share that leaves some training or weighing fewer than four parts of a kind is left out."""
    folds = sorted({sample.split for sample in samples if sample.split.startswith("fold-")})
    asked = tuple(folds if len(samples) <= ALL_FOLDS_UP_TO else folds[:FEW_FOLDS])
    known = [index for index, sample in enumerate(samples) if sample.split != "test"]
    trials: list[Trial] = []
    before = 1.0
    for share in sorted(config.curve_shares, reverse=True):
        ratio, before = share / before, share
        seed = derive_seed(config.seed, f"{share} of the labels")
        known = _some(samples, known, ratio, seed)
        trial = Trial(frozenset(known), asked)
        if all(_enough([samples[index] for index in side]) for side in _sides(trial, samples)):
            trials.append(trial)
    return trials[::-1]


def try_fewer(
    trials: Sequence[Trial],
    lesson: Lesson,
    rounds: Mapping[str, Round],
    predictions: Sequence[Prediction],
    stage: Stage,
) -> list[Asked]:
    """What is said of the same parts with each trial's labels, and last with all of them: by the version's own
    ``rounds``, weighed on the same folds as a trial's are, or in its own ``predictions`` where all folds are asked.
    Empty without trials."""
    if not trials:
        return []
    everything = list(predictions)
    if 0 < len(trials[0].folds) < len({sample.split for sample in lesson.samples}):
        everything = cross_fit({fold: rounds[fold] for fold in trials[0].folds}, lesson)
    labels = sum(sample.split != "test" for sample in lesson.samples)
    steps = [stage.part(number / len(trials), (number + 1) / len(trials)) for number in range(len(trials))]
    fewer = [_attempt(trial, lesson, step) for trial, step in zip(trials, steps, strict=True)]
    return [*fewer, Asked(labels, everything)]


def _attempt(trial: Trial, lesson: Lesson, stage: Stage) -> Asked:
    """Train by the trial's labels alone, and ask about the parts that measure."""
    config = lesson.material.config
    light = replace(config, autoencoder_epochs=min(config.autoencoder_epochs, PIXEL_EPOCHS))
    lesson = replace(lesson, material=replace(lesson.material, config=light))
    predictions = _cross_validated(trial, lesson, stage) if trial.folds else _held_out(trial, lesson, stage)
    return Asked(len(trial.known), predictions)


def _some(samples: Sequence[Sample], indices: Sequence[int], share: float, seed: int) -> list[int]:
    """A share of the parts of each class, spread evenly over types and splits (systematic sampling: Madow and Madow,
    Annals of Mathematical Statistics 15, 1944)."""
    parts = parts_of([samples[index] for index in indices])
    mixed = np.random.default_rng(seed).permutation(len(parts)).tolist()
    known: set[tuple[str, str]] = set()
    for target in (GOOD, DEFECT):
        rows = [(part.kind, part.samples[0].split, at, part) for at, part in zip(mixed, parts, strict=True)]
        ordered = sorted((row for row in rows if row[-1].target == target), key=lambda row: row[:-1])
        for number, (*_, part) in enumerate(ordered):
            if floor((number + 1) * share + 0.5) > floor(number * share + 0.5):
                known.update((sample.sha256, sample.group) for sample in part.samples)
    return [index for index in indices if (samples[index].sha256, samples[index].group) in known]


def _cross_validated(trial: Trial, lesson: Lesson, stage: Stage) -> list[Prediction]:
    rounds: dict[str, Round] = {}
    for number, fold in enumerate(trial.folds):
        at = stage.part(number / len(trial.folds), (number + 1) / len(trial.folds), _title(trial, number))
        outside = [index for index, sample in enumerate(lesson.samples) if sample.split == fold]
        rounds[fold] = train_round(
            lesson, _without(trial, lesson.samples, fold), outside, _seed(trial, lesson, fold), at
        )
    return cross_fit(rounds, lesson, trial.known)


def _held_out(trial: Trial, lesson: Lesson, stage: Stage) -> list[Prediction]:
    train, validation = (_of_split(trial, lesson.samples, {split}) for split in ("train", "validation"))
    test = [index for index, sample in enumerate(lesson.samples) if sample.split == "test"]
    at = stage.part(0, 1, _title(trial, 0))
    one = train_round(lesson, train, [*validation, *test], _seed(trial, lesson, "holdout"), at)
    setting = setting_of([only(one, range(len(validation)))], lesson)
    return predict(lesson, only(one, range(len(validation), len(one.held_out))), setting)


def _sides(trial: Trial, samples: Sequence[Sample]) -> Iterable[list[int]]:
    """All that some training learns from, and all that something is weighed on."""
    if not trial.folds:
        yield from (_of_split(trial, samples, {split}) for split in ("train", "validation"))
    for fold in trial.folds:
        yield _without(trial, samples, fold)
        yield _of_split(trial, samples, set(trial.folds) - {fold})


def _without(trial: Trial, samples: Sequence[Sample], fold: str) -> list[int]:
    return [index for index in sorted(trial.known) if samples[index].split != fold]


def _of_split(trial: Trial, samples: Sequence[Sample], splits: set[str]) -> list[int]:
    return [index for index in sorted(trial.known) if samples[index].split in splits]


def _enough(samples: Sequence[Sample]) -> bool:
    count = Counter(part.target for part in parts_of(samples))
    return min(count[GOOD], count[DEFECT]) >= MIN_GROUPS


def _title(trial: Trial, number: int) -> str:
    words = f"with {len(trial.known)} labels"
    return f"{words}, fold {number + 1} of {len(trial.folds)}" if trial.folds else words


def _seed(trial: Trial, lesson: Lesson, name: str) -> int:
    return derive_seed(lesson.material.config.seed, name, len(trial.known))
