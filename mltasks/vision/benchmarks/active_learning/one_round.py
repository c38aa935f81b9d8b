"""A round of learning on chosen labels, asked about chosen parts: what protocols share.

It sets a fifth of the labels aside where the product would cross-validate: a sixth of the time, and rather too modest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.benchmarks.part_folder import Parts
from mltasks.vision.calibration.operating_point import Setting
from mltasks.vision.data.splits import two_sides
from mltasks.vision.networks.compute import derive_seed
from mltasks.vision.training.folds import Lesson, Round, train_round
from mltasks.vision.training.out_of_fold import held_out_of, only, setting_of
from mltasks.vision.training.progress import Stage

INNER = {"inside": 0.8, "settling": 0.2}
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Answers:
    """What a round says of the parts it was asked about: fused logit, calibrated probability and novelty (the deciding
    detector's score over its threshold), each ``[n]``, with the round and the setting behind them."""

    logits: Floats
    probabilities: Floats
    novelty: Floats
    round: Round
    setting: Setting


def learn_and_ask(parts: Parts, labeled: Sequence[int], asked: Sequence[int], seed: int, stage: Stage) -> Answers:
    """Learn from four fifths of the labeled indices, weigh and calibrate on the rest, and answer about ``asked``."""
    lesson = parts.with_seed(seed).for_labels(len(labeled))
    inside, settling = two_sides(parts.samples, labeled, INNER, derive_seed(seed, "settling"))
    one = train_round(lesson, inside, [*settling, *asked], derive_seed(seed, "round"), stage)
    setting = setting_of([only(one, range(len(settling)))], lesson)
    return answers(lesson, only(one, range(len(settling), len(one.held_out))), setting)


def answers(lesson: Lesson, one: Round, setting: Setting) -> Answers:
    """A round's answers about its held-out parts by a setting."""
    found = held_out_of([one], lesson)
    logits = setting.fusion.logits(found.scores)
    novelty = np.asarray(setting.novelty(found.scores)[setting.detector], np.float64)
    return Answers(logits, setting.calibrator.probability(logits), novelty, one, setting)


def doubt(found: Answers, known_good: NDArray[np.bool_]) -> Floats:
    """How much a part asks for a person or a FAIL: the larger of logit and log novelty, each in deviations from what
    the good parts among the answers (``known_good``) have."""
    columns = (found.logits, np.log(np.maximum(found.novelty, 1e-9)))
    standard = [(one - one[known_good].mean()) / max(float(one[known_good].std()), 1e-9) for one in columns]
    return np.asarray(np.maximum(*standard), np.float64)
