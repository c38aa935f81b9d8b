"""Our training: features once, then heads, detectors and the pixel autoencoder.

A fifth of the parts is set aside to fit the fusion, as the baseline sets a fifth aside for early stopping.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.benchmarks.part_folder import prepare_parts
from mltasks.vision.benchmarks.protocol import Bench
from mltasks.vision.benchmarks.training.split import Split, sample_targets
from mltasks.vision.benchmarks.training.watch import Elapsed, Stopwatch
from mltasks.vision.calibration.fusion import fit_fusion
from mltasks.vision.data.splits import inner_split
from mltasks.vision.training.features.feature_bank import TrainingData, build_feature_bank
from mltasks.vision.training.fit_pooled_head import score_heads
from mltasks.vision.training.folds import complete_fold, train_classifiers
from mltasks.vision.training.out_of_fold import operating_point_of

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
        context = prepare_parts(split.train, inside, bench).context.for_label_count(len(split.train))
    feature_time = watch.elapsed
    with watch.measure():
        fold = train_classifiers(context, inside, aside, split.seed, bench.stage)
        aside_scores = {name: scores for name, (scores, _) in score_heads(fold.heads, context.data, aside).items()}
        fusion = fit_fusion(aside_scores, [split.train[index].target for index in aside])
    classifier_time = watch.elapsed
    with watch.measure():
        whole = complete_fold(context, fold, inside, aside, split.seed, bench.stage)
        operating_point = operating_point_of([whole], context)
    config = context.data.config
    bank = build_feature_bank(split.test, (), context.trunk, config, bench.compute, bench.stage)
    data = TrainingData(bank, sample_targets(split.test), config, bench.compute)
    heads = score_heads(whole.heads, data, range(len(split.test)))
    scores = {name: values for name, (values, _) in heads.items()}
    return ProductRun(
        feature_time, classifier_time, watch.elapsed, fusion.logits(scores), operating_point.fusion.logits(scores)
    )
