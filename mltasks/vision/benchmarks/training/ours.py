"""Our learning on the same parts: the trunk looks once, then heads, detectors and the autoencoder learn.

A fifth of the parts is set aside to weigh the heads by, as the seed's loop sets one aside to stop by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.benchmarks.part_folder import look
from mltasks.vision.benchmarks.protocol import Bench
from mltasks.vision.benchmarks.training.split import Split
from mltasks.vision.benchmarks.training.watch import Spent, Watch
from mltasks.vision.calibration.fusion import fit_fusion
from mltasks.vision.data.splits import inner_split
from mltasks.vision.heads.classifier import Head
from mltasks.vision.training.feature_bank import Material, see
from mltasks.vision.training.fit_pooled_head import scores_by
from mltasks.vision.training.folds import Lesson, complete, teach
from mltasks.vision.training.out_of_fold import setting_of
from mltasks.vision.types import Sample

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class OurRun:
    """What looking took; what it took until the classifier could answer, and all until the end; and what both say of
    the measured parts."""

    looking: Spent
    classifier: Spent
    whole: Spent
    classified: Floats
    scores: Floats


def run_ours(split: Split, bench: Bench) -> OurRun:
    """Learn, then measure, which is not counted."""
    watch = Watch()
    inside, aside = inner_split(split.learned, split.seed)
    with watch.running():
        lesson = look(split.learned, inside, bench).lesson.for_labels(len(split.learned))
    looking = watch.spent
    with watch.running():
        taught = teach(lesson, inside, aside, split.seed, bench.stage)
        answers = scores_by(taught.heads, lesson.material, aside)
        targets = [split.learned[index].target for index in aside]
        heads = fit_fusion({name: scores for name, (scores, _) in answers.items()}, targets)
    classifier = watch.spent
    with watch.running():
        whole = complete(lesson, taught, inside, aside, split.seed, bench.stage)
        setting = setting_of([whole], lesson)
    found = _answers(lesson, whole.heads, split.measured, bench)
    return OurRun(looking, classifier, watch.spent, heads.logits(found), setting.fusion.logits(found))


def _answers(
    lesson: Lesson, heads: Mapping[str, Head], samples: Sequence[Sample], bench: Bench
) -> dict[str, list[float]]:
    material = lesson.material
    bank = see(samples, (), lesson.trunk, material.config, bench.compute, bench.stage)
    targets = np.array([one.target for one in samples])
    asked = scores_by(heads, Material(bank, targets, material.config, bench.compute), range(len(samples)))
    return {name: scores for name, (scores, _) in asked.items()}
