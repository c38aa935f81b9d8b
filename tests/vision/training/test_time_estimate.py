"""A progress bar moves evenly where each step has its share of the time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mltasks.vision.train_config import TrainConfig
from mltasks.vision.training.time_estimate import progress_shares

TILES = TrainConfig(height=352, width=512)


def test_looking_has_the_share_that_it_took_of_a_thousand_tiles() -> None:
    # Two views and two synthetic pictures of each; 0.045 s an image or view and 205 s a round, six of them
    looked, taught = progress_shares(1075, True, TILES)
    assert (looked, taught) == (pytest.approx(0.16, abs=0.04), 1)


def test_parts_too_many_for_views_are_seen_sooner() -> None:
    assert progress_shares(1344, True, TILES)[0] < progress_shares(1075, True, TILES)[0] / 1.5


@pytest.mark.parametrize(
    "changes", [{"head": "pooled"}, {"views": 0}, {"companion": ""}, {"autoencoder_epochs": 1}], ids=str
)
@pytest.mark.parametrize("folds", [False, True])
@pytest.mark.parametrize("learning", [1, 37, 9_000])
def test_neither_looking_nor_teaching_takes_all(learning: int, folds: bool, changes: dict[str, object]) -> None:
    trials = [(learning // 4, 3), (learning // 2, 3)]
    looked, taught = progress_shares(learning, folds, replace(TILES, **changes), trials)  # type: ignore[arg-type]
    assert 0 < looked < taught < 1


def test_more_rounds_leave_looking_less() -> None:
    assert progress_shares(500, True, TILES)[0] < progress_shares(500, False, TILES)[0]
