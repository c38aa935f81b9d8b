"""Whole parts against good ones, and several detectors as one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mltasks.vision.calibration.detector_ensemble import (
    MIN_ZSCORE,
    DetectorEnsemble,
    LogScoreStatistics,
    ensemble_members,
    fit_ensemble,
)
from mltasks.vision.heads.global_statistics import GlobalStatisticsDetector, fit_global_statistics
from mltasks.vision.networks.trunk import EMPTY, FeatureMaps
from mltasks.vision.stats.metrics import auroc


def random_rows(count: int, seed: int, width: int = 200) -> torch.Tensor:
    """Good parts that differ along three directions much, along all others little."""
    generator = torch.Generator().manual_seed(seed)
    directions = torch.randn(3, width, generator=torch.Generator().manual_seed(99))
    along = torch.randn(count, 3, generator=generator) @ directions * 3
    return along + torch.randn(count, width, generator=generator) + 50


def detector_scores(fitted: GlobalStatisticsDetector, statistics: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = fitted(FeatureMaps(EMPTY, torch.zeros(len(statistics), 1, 2, 3), EMPTY, statistics))[0]
    return found


@pytest.mark.parametrize("count", [12, 60, 400])
def test_an_odd_part_is_far_from_good_ones_however_few_there_are(count: int) -> None:
    fitted = fit_global_statistics(random_rows(count, 1), "statistics")
    good, odd = random_rows(100, 2), random_rows(100, 3)
    # As far as good parts are spread along their directions, but across them
    odd[:, ::9] += 4

    scores = torch.cat([detector_scores(fitted, good), detector_scores(fitted, odd)]).numpy()
    targets = np.array([0] * 100 + [1] * 100)
    assert float(auroc(scores, targets, np.ones((1, 200)))[0]) > 0.95


def test_where_good_parts_differ_a_difference_counts_less() -> None:
    fitted = fit_global_statistics(random_rows(400, 1), "statistics")
    usual = torch.randn(3, 200, generator=torch.Generator().manual_seed(99))[:1]
    across = torch.randn(1, 200, generator=torch.Generator().manual_seed(5))
    centre = random_rows(400, 1).mean(0, keepdim=True)
    step = 6 * usual.norm()

    along_usual = detector_scores(fitted, centre + step * usual / usual.norm())
    along_other = detector_scores(fitted, centre + step * across / across.norm())
    assert along_other > 2 * along_usual


def test_a_whole_part_is_its_only_cell() -> None:
    fitted = fit_global_statistics(random_rows(20, 1), "statistics")
    score, cells = fitted(FeatureMaps(EMPTY, EMPTY, EMPTY, random_rows(4, 2)))

    assert torch.equal(cells, score.view(4, 1, 1))


def test_together_they_know_more_than_each() -> None:
    generator = np.random.default_rng(1)
    targets = np.array([0] * 300 + [1] * 300)
    scores = {
        name: np.exp(scale * (generator.normal(size=600) + 1.2 * targets)).tolist()
        for name, scale in (("memory", 0.1), ("whole", 2.0))
    }
    together = fit_ensemble({name: values[:300] for name, values in scores.items()})

    def area(values: list[float]) -> float:
        return float(auroc(np.array(values), targets, np.ones((1, 600)))[0])

    assert together is not None
    found = together.combine(scores)
    assert min(found) > 0
    assert area(found) > max(area(values) for values in scores.values()) + 0.04


def test_one_that_knows_a_part_by_heart_does_not_silence_the_others() -> None:
    together = fit_ensemble({"memory": [1.0, 1.1, 0.9], "whole": [1.0, 1.1, 0.9]})

    assert together is not None
    by_heart = together.combine({"memory": [0.0], "whole": [1.0]})[0]
    assert by_heart == pytest.approx(np.log1p(np.exp(MIN_ZSCORE / 2)), rel=0.05)
    assert together.combine({"memory": [0.0], "whole": [2.0]})[0] > 2


def test_only_those_that_know_a_place_share_a_map() -> None:
    three = dict.fromkeys(("memory", "whole", "second_memory"), LogScoreStatistics(0.0, 1.0))
    assert DetectorEnsemble(three).localizing == ["memory", "second_memory"]
    assert DetectorEnsemble(dict.fromkeys(("whole", "second_whole"), LogScoreStatistics(0.0, 1.0))).localizing == [
        "whole",
        "second_whole",
    ]


def test_what_errs_like_a_better_one_has_no_say() -> None:
    every = ("memory", "features", "second_memory", "whole", "second_whole")
    assert ensemble_members(every) == ["memory", "second_memory", "second_whole"]
    assert ensemble_members(("memory", "features", "places", "whole", "second_whole")) == ["places", "second_whole"]
    assert ensemble_members(("memory", "features", "whole")) == ["memory", "whole"]


def test_one_alone_decides_nothing_together() -> None:
    assert fit_ensemble({}) is None
    assert fit_ensemble({"memory": [1.0, 2.0], "features": [1.0, 2.0]}) is None
