"""Which backbone is used: only one that is better beyond doubt, by out-of-fold scores of the same parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mltasks.vision.data.splits import NotEnoughLabels
from mltasks.vision.pretrain.backbone_comparison import NEW_BACKBONE, compare_backbones, decide_adoption
from mltasks.vision.pretrain.linear_probe import out_of_fold_probabilities, subsample_parts
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import Progress, no_progress
from tests.tiny_model import CONFIG, labeled_samples

TARGETS = np.array([0] * 20 + [1] * 20)
PARTS = [f"part-{number}" for number in range(40)]
PERFECT = TARGETS.astype(float)[None] + np.linspace(0, 0.5, 40)
NOISE = np.random.default_rng(3).random((1, 40))


def test_a_better_backbone_is_used() -> None:
    found = decide_adoption({NEW_BACKBONE: PERFECT, "shipped": NOISE}, TARGETS, PARTS, "shipped")
    assert found.adopt
    assert found.candidates[NEW_BACKBONE].value == 1.0
    assert found.difference.low is not None
    assert found.difference.low > 0
    assert found.explanation.startswith("Used from the next training run on: Average precision 1.000 against 0.")


@pytest.mark.parametrize("ours, theirs", [(PERFECT, PERFECT), (NOISE, PERFECT), (NOISE, NOISE[:, ::-1])])
def test_it_refuses_one_that_is_equal_worse_or_in_doubt(ours: np.ndarray, theirs: np.ndarray) -> None:
    found = decide_adoption({NEW_BACKBONE: ours, "shipped": theirs}, TARGETS, PARTS, "shipped")
    assert not found.adopt
    assert found.explanation.endswith("The interval must lie above 0.")


def test_it_refuses_one_that_another_at_hand_beats() -> None:
    nearly = PERFECT.copy()
    nearly[0, 0] = 1.4  # one good part above some defective ones
    found = decide_adoption({NEW_BACKBONE: nearly, "shipped": NOISE, "imagenet": PERFECT}, TARGETS, PARTS, "shipped")
    assert not found.adopt
    assert "but the imagenet backbone reaches 1.000" in found.explanation


def test_images_of_one_part_count_once() -> None:
    few = [f"part-{number % 4}-{target}" for number, target in enumerate(TARGETS)]
    wide, narrow = (
        decide_adoption({NEW_BACKBONE: NOISE, "old": NOISE[:, ::-1]}, TARGETS, parts, "old") for parts in (few, PARTS)
    )
    assert (wide.parts, narrow.parts) == (8, 40)


def test_real_backbones_are_measured_by_one_measure(tmp_path: Path) -> None:
    samples, steps = labeled_samples(tmp_path), list[Progress]()
    candidates = {NEW_BACKBONE: "shipped", "old": "shipped", "random": "random"}
    found = compare_backbones(samples, CONFIG, candidates, "old", repeats=2, max_images=100, stage=Stage(steps.append))
    assert (found.images, found.parts, found.repeats) == (16, 16, 2)
    assert found.candidates[NEW_BACKBONE] == found.candidates["old"] != found.candidates["random"]
    assert (found.difference.value, found.adopt) == (0.0, False)
    assert [source.name for source in found.sources.values()] == ["shipped", "shipped", "random"]
    assert found.to_json()["difference"]["low"] == 0.0
    assert steps[-1].share == 1.0


def test_no_part_is_measured_by_a_model_that_saw_it(tmp_path: Path) -> None:
    samples = labeled_samples(tmp_path)
    # A feature that tells each part by itself, and nothing of its class: only a model that saw a part could know it.
    scores = out_of_fold_probabilities(np.eye(16, dtype=np.float32), samples, 3, 7)
    targets = np.array([sample.target for sample in samples])
    assert not (scores[:, targets == 1].mean() > scores[:, targets == 0].mean() + 0.2)


def test_it_refuses_too_few_labels(tmp_path: Path) -> None:
    samples = [sample for sample in labeled_samples(tmp_path) if not sample.target]
    with pytest.raises(NotEnoughLabels, match="4 more defective parts"):
        compare_backbones(
            samples, CONFIG, {NEW_BACKBONE: "random"}, NEW_BACKBONE, repeats=1, max_images=100, stage=Stage(no_progress)
        )


def test_thinning_keeps_the_rarer_class(tmp_path: Path) -> None:
    samples = labeled_samples(tmp_path)
    rare = [sample for sample in samples if not sample.target] + [sample for sample in samples if sample.target][:3]
    kept = subsample_parts(rare, 8, 7)
    assert len(kept) == 8
    assert sum(sample.target for sample in kept) == 3
    assert subsample_parts(rare[::-1], 8, 7) == kept
    assert len(subsample_parts(samples, 100, 7)) == 16
