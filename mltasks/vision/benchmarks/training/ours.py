"""Our training: features once, then heads, detectors and the pixel autoencoder.

A fifth of the parts is set aside to fit the fusion, as the baseline sets a fifth aside for early stopping.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.benchmarks.part_folder import prepare_parts
from mltasks.vision.benchmarks.protocol import Bench
from mltasks.vision.benchmarks.training.split import Split
from mltasks.vision.benchmarks.training.watch import Elapsed, Stopwatch
from mltasks.vision.calibration.fusion import fit_fusion
from mltasks.vision.data.splits import inner_split
from mltasks.vision.heads.classifier import Head
from mltasks.vision.training.feature_bank import TrainingData, build_feature_bank
from mltasks.vision.training.fit_pooled_head import score_heads
from mltasks.vision.training.folds import TrainingContext, complete_fold, train_classifiers
from mltasks.vision.training.out_of_fold import operating_point_of
from mltasks.vision.types import Sample

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ProductRun:
    """Elapsed times to features, classifier and end, and scores of the measured parts.

    ``classifier_scores`` are of the classifier alone, ``scores`` of all heads.
    """

    feature_time: Elapsed
    classifier_time: Elapsed
    total_time: Elapsed
    classifier_scores: Floats
    scores: Floats


def run_product(split: Split, bench: Bench) -> ProductRun:
    """Train, then score the test parts; scoring is not timed."""
    watch = Stopwatch()
    inside, aside = inner_split(split.train, split.seed)
    with watch.measure():
        lesson = prepare_parts(split.train, inside, bench).context.for_label_count(len(split.train))
    looking = watch.elapsed
    with watch.measure():
        taught = train_classifiers(lesson, inside, aside, split.seed, bench.stage)
        answers = score_heads(taught.heads, lesson.data, aside)
        targets = [split.train[index].target for index in aside]
        heads = fit_fusion({name: scores for name, (scores, _) in answers.items()}, targets)
    classifier = watch.elapsed
    with watch.measure():
        whole = complete_fold(lesson, taught, inside, aside, split.seed, bench.stage)
        setting = operating_point_of([whole], lesson)
    found = _head_scores(lesson, whole.heads, split.test, bench)
    return ProductRun(looking, classifier, watch.elapsed, heads.logits(found), setting.fusion.logits(found))


def _head_scores(
    context: TrainingContext, heads: Mapping[str, Head], samples: Sequence[Sample], bench: Bench
) -> dict[str, list[float]]:
    material = context.data
    bank = build_feature_bank(samples, (), context.trunk, material.config, bench.compute, bench.stage)
    targets = np.array([one.target for one in samples])
    asked = score_heads(heads, TrainingData(bank, targets, material.config, bench.compute), range(len(samples)))
    return {name: scores for name, (scores, _) in asked.items()}
