"""Whole parts against good ones, and several detectors as one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mltasks.vision.calibration.detector_ensemble import LOWEST, Level, Together, fit_together, members
from mltasks.vision.heads.global_statistics import WholePart, fit_whole
from mltasks.vision.networks.trunk import NOTHING, Seen
from mltasks.vision.stats.metrics import auroc


def rows(count: int, seed: int, width: int = 200) -> torch.Tensor:
    """Good parts that differ along three directions much, along all others little."""
    generator = torch.Generator().manual_seed(seed)
    directions = torch.randn(3, width, generator=torch.Generator().manual_seed(99))
    along = torch.randn(count, 3, generator=generator) @ directions * 3
    return along + torch.randn(count, width, generator=generator) + 50


def asked(fitted: WholePart, statistics: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = fitted(Seen(NOTHING, torch.zeros(len(statistics), 1, 2, 3), NOTHING, statistics))[0]
    return found


@pytest.mark.parametrize("count", [12, 60, 400])
def test_an_odd_part_is_far_from_good_ones_however_few_there_are(count: int) -> None:
    fitted = fit_whole(rows(count, 1), "statistics")
    good, odd = rows(100, 2), rows(100, 3)
    # As far as good parts are spread along their directions, but across them
    odd[:, ::9] += 4

    scores = torch.cat([asked(fitted, good), asked(fitted, odd)]).numpy()
    targets = np.array([0] * 100 + [1] * 100)
    assert float(auroc(scores, targets, np.ones((1, 200)))[0]) > 0.95


def test_where_good_parts_differ_a_difference_counts_less() -> None:
    fitted = fit_whole(rows(400, 1), "statistics")
    usual = torch.randn(3, 200, generator=torch.Generator().manual_seed(99))[:1]
    across = torch.randn(1, 200, generator=torch.Generator().manual_seed(5))
    centre = rows(400, 1).mean(0, keepdim=True)
    step = 6 * usual.norm()

    along_usual = asked(fitted, centre + step * usual / usual.norm())
    along_other = asked(fitted, centre + step * across / across.norm())
    assert along_other > 2 * along_usual


def test_a_whole_part_says_the_same_everywhere() -> None:
    fitted = fit_whole(rows(20, 1), "statistics")
    score, cells = fitted(Seen(NOTHING, torch.zeros(4, 1, 2, 3), NOTHING, rows(4, 2)))

    assert cells.shape == (4, 2, 3)
    assert torch.equal(cells, score.view(4, 1, 1).expand(4, 2, 3))


def test_together_they_know_more_than_each() -> None:
    generator = np.random.default_rng(1)
    targets = np.array([0] * 300 + [1] * 300)
    scores = {
        name: np.exp(scale * (generator.normal(size=600) + 1.2 * targets)).tolist()
        for name, scale in (("memory", 0.1), ("whole", 2.0))
    }
    together = fit_together({name: values[:300] for name, values in scores.items()})

    def area(values: list[float]) -> float:
        return float(auroc(np.array(values), targets, np.ones((1, 600)))[0])

    assert together is not None
    found = together.of(scores)
    assert min(found) > 0
    assert area(found) > max(area(values) for values in scores.values()) + 0.04


def test_one_that_knows_a_part_by_heart_does_not_silence_the_others() -> None:
    together = fit_together({"memory": [1.0, 1.1, 0.9], "whole": [1.0, 1.1, 0.9]})

    assert together is not None
    by_heart = together.of({"memory": [0.0], "whole": [1.0]})[0]
    assert by_heart == pytest.approx(np.log1p(np.exp(LOWEST / 2)), rel=0.05)
    assert together.of({"memory": [0.0], "whole": [2.0]})[0] > 2


def test_only_those_that_know_a_place_share_a_map() -> None:
    three = dict.fromkeys(("memory", "whole", "second_memory"), Level(0.0, 1.0))
    assert Together(three).placed == ["memory", "second_memory"]
    assert Together(dict.fromkeys(("whole", "second_whole"), Level(0.0, 1.0))).placed == ["whole", "second_whole"]


def test_what_errs_like_a_better_one_has_no_say() -> None:
    every = ("memory", "features", "second_memory", "whole", "second_whole")
    assert members(every) == ["memory", "second_memory", "second_whole"]
    assert members(("memory", "features", "places", "whole", "second_whole")) == ["places", "second_whole"]
    assert members(("memory", "features", "whole")) == ["memory", "whole"]


def test_one_alone_decides_nothing_together() -> None:
    assert fit_together({}) is None
    assert fit_together({"memory": [1.0, 2.0], "features": [1.0, 2.0]}) is None
