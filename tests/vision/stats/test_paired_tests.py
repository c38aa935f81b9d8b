"""Two versions on the same parts: the published examples, and what a part with several images counts for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mltasks.vision.stats.paired_tests import PairedTest, holm, mcnemar


def make_paired(both: int, first_only: int, second_only: int, neither: int) -> PairedTest:
    """So many parts with one image each."""
    first = [True] * (both + first_only) + [False] * (second_only + neither)
    second = [True] * both + [False] * first_only + [True] * second_only + [False] * neither
    return mcnemar(first, second, [str(number) for number in range(len(first))])


@pytest.mark.parametrize(
    ("table", "p_value"),
    [
        # Fagerland, Lydersen and Laake (2013): airway hyper-responsiveness before and after a stem cell transplantation
        # (Bentur et al., 2009), and complete response before and after consolidation therapy (Cavo et al., 2012)
        ((1, 1, 7, 12), 0.039),
        ((59, 6, 16, 80), 0.035),
    ],
)
def test_published_examples(table: tuple[int, int, int, int], p_value: float) -> None:
    found = make_paired(*table)
    assert (found.first_only, found.second_only, found.n) == (table[1], table[2], sum(table))
    assert found.p_value == pytest.approx(p_value, abs=5e-4)


@given(st.integers(0, 60), st.integers(0, 60))
def test_it_is_the_binomial_tail_less_half_of_what_was_seen(one: int, other: int) -> None:
    found = make_paired(0, one, other, 3).p_value
    assert found == make_paired(5, other, one, 0).p_value
    if one + other:
        coins = stats.binom(one + other, 0.5)
        uneven = [k for k in range(one + other + 1) if abs(2 * k - one - other) > abs(one - other)]
        as_uneven = {one, other}
        assert found == pytest.approx(sum(coins.pmf(uneven)) + sum(coins.pmf(sorted(as_uneven))) / 2)


def test_where_they_differ_on_nothing_there_is_no_doubt() -> None:
    assert make_paired(9, 0, 0, 2) == PairedTest(0, 0, 11, 1.0)
    assert mcnemar([], [], []) == PairedTest(0, 0, 0, 1.0)


def test_thousands_of_parts_underflow_to_nothing_worse_than_zero() -> None:
    assert make_paired(0, 4000, 400, 0).p_value == 0
    assert make_paired(0, 4000, 4000, 0).p_value == pytest.approx(1, abs=0.005)


def test_a_part_counts_once_and_is_right_when_all_its_images_are() -> None:
    # The first misses one of the three images of "a"; of "b" each misses another one, so neither has it right.
    parts = ["a", "a", "a", "b", "b", "c"]
    found = mcnemar([True, False, True, True, False, True], [True, True, True, False, True, True], parts)
    assert (found.first_only, found.second_only, found.n) == (0, 1, 3)


def test_unequal_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        mcnemar([True], [True, False], ["a", "b"])


def test_among_many_pairs_a_difference_counts_less() -> None:
    # Holm (1979): the smallest times 4, the next times 3, and none below one before it.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.4, 0.6]) == pytest.approx([0.8, 0.8])
    assert holm([]) == []
