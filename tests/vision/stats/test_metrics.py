"""Ranking metrics agree with scikit-learn's, ties and weights included; intervals cover what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from mltasks.vision.stats.intervals import PartBootstrap, proportion, weighted_sum
from mltasks.vision.stats.metrics import auroc, auroc_standard_error, average_precision, precision_recall_curve

ones = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 1), st.integers(0, 3)), min_size=4, max_size=60)


@given(ones)
def test_they_agree_with_scikit_learn(rows: list[tuple[int, int, int]]) -> None:
    scores, targets, weights = (
        np.array([*column, *more])
        for column, more in zip(zip(*rows, strict=True), ([1, 2], [0, 1], [1, 1]), strict=True)
    )
    both = np.stack([weights, np.ones(len(weights))]).astype(float)

    for row, area, precision in zip(
        both, auroc(scores, targets, both), average_precision(scores, targets, both), strict=True
    ):
        assert area == pytest.approx(roc_auc_score(targets, scores, sample_weight=row))
        assert precision == pytest.approx(average_precision_score(targets, scores, sample_weight=row))


def test_one_class_alone_has_no_ranking() -> None:
    scores, weights = np.array([0.1, 0.2]), np.ones((1, 2))

    assert np.isnan(auroc(scores, np.array([0, 0]), weights)).all()
    assert np.isnan(average_precision(scores, np.array([0, 0]), weights)).all()
    assert precision_recall_curve(scores, np.array([0, 0])) == []


def test_the_curve_ends_at_full_recall_and_the_base_rate() -> None:
    points = precision_recall_curve(np.array([0.9, 0.8, 0.8, 0.1]), np.array([1, 0, 1, 0]))

    assert points == [(0.5, 1.0, 0.9), (1.0, pytest.approx(2 / 3), 0.8), (1.0, 0.5, 0.1)]


def test_a_proportion_has_wilsons_interval() -> None:
    found = proportion([True] * 8 + [False] * 2, [str(n) for n in range(10)])

    # Wilson's interval for 8 of 10, as published tables give it
    assert (found.value, found.low, found.high) == (
        0.8,
        pytest.approx(0.4902, abs=1e-4),
        pytest.approx(0.9433, abs=1e-4),
    )


def test_nothing_wrong_in_few_parts_is_not_certainty() -> None:
    assert proportion([True] * 10, [str(n) for n in range(10)]).low == pytest.approx(0.7225, abs=1e-4)


def test_repeated_images_of_a_part_widen_the_interval() -> None:
    hits = [True] * 16 + [False] * 4
    alone, repeated = proportion(hits, [str(n) for n in range(20)]), proportion(hits, [str(n // 4) for n in range(20)])

    assert alone.value == repeated.value == 0.8
    assert repeated.low is not None and alone.low is not None and repeated.low < alone.low - 0.1
    assert repeated.parts == 5


def test_nothing_measured_is_no_figure() -> None:
    found = proportion([], [])

    assert (found.value, found.low, found.high, found.n) == (None, None, None, 0)


def test_a_sum_of_rates_keeps_an_interval_when_nothing_went_wrong() -> None:
    none = proportion([False] * 20, [str(n) for n in range(20)])

    total = weighted_sum([(500, none), (100, none)], 40, 40)

    assert total.value == 0
    assert total.high is not None and total.high > 50


def test_the_bootstrap_draws_whole_parts_and_keeps_the_classes_counts() -> None:
    parts, targets = ["a", "a", "b", "c", "d", "d"], [0, 0, 0, 1, 1, 1]
    weights = PartBootstrap(parts, targets, 5).weights

    assert (weights[:, 0] == weights[:, 1]).all() and (weights[:, 4] == weights[:, 5]).all()
    assert (weights[:, [0, 2]].sum(axis=1) == 2).all() and (weights[:, [3, 4]].sum(axis=1) == 2).all()
    assert (weights == PartBootstrap(parts, targets, 5).weights).all()


def test_a_bootstrap_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    generator, covered, rounds = np.random.default_rng(2), 0, 60
    truth = 0.760  # of normal scores one deviation apart
    for seed in range(rounds):
        targets = np.repeat([0, 1], 40)
        scores = generator.normal(targets, 1.0)
        bootstrap = PartBootstrap([str(n) for n in range(80)], targets.tolist(), seed)
        found = bootstrap.estimate(lambda weights: auroc(scores, targets, weights))  # noqa: B023 - called at once
        assert found.low is not None and found.high is not None
        covered += found.low <= truth <= found.high
    assert covered >= 0.85 * rounds


@pytest.mark.parametrize("gain", [0.5, 1.0, 2.0])
def test_an_area_from_few_parts_varies_by_what_its_deviation_says(gain: float) -> None:
    generator = np.random.default_rng(4)
    targets = np.array([1] * 20 + [0] * 40)
    areas = [
        float(auroc(generator.normal(size=60) + gain * targets, targets, np.ones((1, 60)))[0]) for _ in range(2000)
    ]

    assert auroc_standard_error(float(np.mean(areas)), 20, 40) == pytest.approx(np.std(areas), rel=0.25)
    assert auroc_standard_error(1.0, 20, 40) == 0
