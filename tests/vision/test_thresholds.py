"""Costs to thresholds: at each probability the cheapest decision is the one the thresholds choose."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mltasks.vision.thresholds import cost_threshold, needs_review, review_band
from mltasks.vision.types import Costs

amounts = st.floats(0.01, 100)
shares = st.floats(0, 1)


def test_the_default_costs_fail_from_a_sixth_and_doubt_between_4_and_80_percent() -> None:
    assert cost_threshold(Costs()) == pytest.approx(1 / 6)
    assert review_band(Costs()) == (pytest.approx(0.04), pytest.approx(0.8))


@given(p=shares, fn=amounts, fp=amounts)
def test_the_threshold_chooses_the_cheaper_of_pass_and_fail(p: float, fn: float, fp: float) -> None:
    costs = Costs(fn=fn, fp=fp)
    chosen = (1 - p) * fp if p >= cost_threshold(costs) else p * fn

    assert chosen == pytest.approx(min(p * fn, (1 - p) * fp), abs=1e-9)


@given(p=shares, fn=amounts, fp=amounts, review=st.floats(0, 100))
def test_a_person_is_asked_exactly_when_that_is_cheapest(p: float, fn: float, fp: float, review: float) -> None:
    best = min(p * fn, (1 - p) * fp)
    if abs(review - best) > 1e-6:
        assert needs_review(p, Costs(fn, fp, review)) == (review < best)


def test_a_dear_review_leaves_no_band() -> None:
    costs = Costs(fn=5, fp=1, review=2)

    assert review_band(costs) == (cost_threshold(costs), cost_threshold(costs))
    assert not needs_review(cost_threshold(costs), costs)


def test_a_free_review_leaves_no_decision() -> None:
    assert review_band(Costs(review=0)) == (0, 1)


@pytest.mark.parametrize("costs", [Costs(fn=0), Costs(fp=0), Costs(fn=-1), Costs(review=-0.1), Costs(fn=float("nan"))])
def test_it_refuses_costs_that_mean_nothing(costs: Costs) -> None:
    with pytest.raises(ValueError, match="cost"):
        cost_threshold(costs)
