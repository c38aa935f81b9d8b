"""Costs to thresholds: at each probability the cheapest decision is the one the thresholds choose."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mltasks.vision.guarantees.escape_curve import EscapeCurve
from mltasks.vision.guarantees.escape_guarantee import EscapeRateGuarantee
from mltasks.vision.guarantees.thresholds import (
    Bands,
    cost_bands,
    cost_threshold,
    guaranteed_bands,
    review_band,
    to_label_prior,
)
from mltasks.vision.types import Costs

COSTS = st.builds(Costs, fn=st.floats(0.01, 100), fp=st.floats(0.01, 100), review=st.floats(0, 100))
amounts = st.floats(0.01, 100)
shares = st.floats(0, 1)
rates = st.floats(0.001, 0.999)


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
        low, high = review_band(Costs(fn, fp, review))
        assert (low < p < high) == (review < best)


def test_a_dear_review_leaves_no_band() -> None:
    costs = Costs(fn=5, fp=1, review=2)

    assert review_band(costs) == (cost_threshold(costs), cost_threshold(costs))


def test_a_free_review_leaves_no_decision() -> None:
    assert review_band(Costs(review=0)) == (0, 1)


@pytest.mark.parametrize("costs", [Costs(fn=0), Costs(fp=0), Costs(fn=-1), Costs(review=-0.1), Costs(fn=float("nan"))])
def test_it_refuses_costs_that_mean_nothing(costs: Costs) -> None:
    with pytest.raises(ValueError, match="cost"):
        cost_threshold(costs)


def test_the_bands_are_those_of_the_costs() -> None:
    bands = cost_bands(Costs())

    assert (bands.low, bands.high) == review_band(Costs())
    assert bands == Bands(bands.low, bands.high, cost_threshold(Costs()), "costs", None)


def test_a_line_with_fewer_defects_than_the_labels_shifts_the_odds() -> None:
    # Labels half defective, a line with one in a hundred: odds shift by 99.
    assert to_label_prior(0.5, 0.01, 0.5) == pytest.approx(0.99)
    assert to_label_prior(1 / 6, 0.01, 0.5) == pytest.approx(99 / (99 + 5))


@given(p=shares, line=rates, labels=rates)
def test_the_shift_is_bayes_rule(p: float, line: float, labels: float) -> None:
    stated = to_label_prior(p, line, labels)
    good, defect = (1 - stated) * (1 - line) / (1 - labels), stated * line / labels

    assert defect / (good + defect) == pytest.approx(p, abs=1e-9)


def test_the_lines_share_and_the_labels_alike_shift_nothing() -> None:
    shifted = cost_bands(Costs(), 0.3, 0.3)

    assert (shifted.low, shifted.fail_threshold, shifted.high) == pytest.approx((0.04, 1 / 6, 0.8))


@given(costs=COSTS, line=rates, labels=rates, p=shares)
def test_shifted_bands_choose_what_is_cheapest_on_the_line(costs: Costs, line: float, labels: float, p: float) -> None:
    stated, bands = to_label_prior(p, line, labels), cost_bands(costs, line, labels)
    best = min(p * costs.fn, (1 - p) * costs.fp)

    assert 0 <= bands.low <= bands.fail_threshold <= bands.high <= 1
    if abs(costs.review - best) > 1e-6:
        assert bands.needs_review(stated) == (costs.review < best)


@pytest.mark.parametrize("rate", [0, 1, -0.1, float("nan")])
def test_it_refuses_a_line_that_needs_no_decision(rate: float) -> None:
    with pytest.raises(ValueError, match="strictly between"):
        cost_bands(Costs(), rate, 0.5)


def curve(*lowest: float, parts: int = 100) -> EscapeCurve:
    return EscapeCurve((*lowest, *[0.9] * (parts - len(lowest))), parts)


def test_a_promise_that_costs_keep_already_changes_nothing() -> None:
    bands = cost_bands(Costs())

    kept = guaranteed_bands(bands, curve(0.03, 0.05), EscapeRateGuarantee())
    assert kept == Bands(0.04, 0.8, 1 / 6, "costs", "confidence", 1.0)


def test_a_promise_lowers_where_parts_pass() -> None:
    bands = guaranteed_bands(cost_bands(Costs()), curve(0.01, 0.02), EscapeRateGuarantee())

    # Of a hundred one may escape, the one at 0.01: the one at 0.02 must not.
    assert (bands.low_limited_by, bands.bound) == ("promise", "confidence")
    assert (bands.high, bands.fail_threshold) == (0.8, 1 / 6)
    assert bands.needs_review(0.02)
    assert not bands.needs_review(0.02 - 1e-9)


def test_too_few_labels_for_the_promise_send_more_to_people() -> None:
    bands = guaranteed_bands(cost_bands(Costs()), curve(0.06, parts=20), EscapeRateGuarantee())

    assert (bands.low_limited_by, bands.bound) == ("labels", "none")
    assert not bands.needs_review(0.0299)
    assert bands.needs_review(0.03)


def test_costs_stricter_than_caution_stay_and_the_promise_still_does_not_hold() -> None:
    bands = guaranteed_bands(cost_bands(Costs()), curve(0.5, parts=20), EscapeRateGuarantee())

    assert (bands.low, bands.low_limited_by, bands.bound) == (0.04, "costs", "none")


def test_enough_labels_for_the_mean_keep_the_promise_on_average() -> None:
    seen = EscapeCurve((0.03, *[0.5] * 18), 19, (0.5,) * 19)
    bands = guaranteed_bands(cost_bands(Costs()), seen, EscapeRateGuarantee())

    assert (bands.low_limited_by, bands.bound) == ("promise", "average")
    assert bands.passes(math.nextafter(0.03, 0), 0.5)
    assert not bands.passes(0.03, 0.5)


def test_a_novelty_line_holds_back_what_would_pass_and_nothing_else() -> None:
    bands = Bands(0.1, 0.8, 0.2, novelty_line=0.6)

    assert (bands.passes(0.1, 0.6), bands.passes(0.1, 0.61), bands.passes(0.11, 0.1)) == (True, False, False)
    assert (bands.is_novel(0.1, 0.61), bands.is_novel(0.1, 0.6)) == (True, False)
    assert (bands.is_novel(0.9, 0.99), bands.is_novel(0.9, 1.01)) == (False, True)
    without_reviews = Bands(0.2, 0.2, 0.2, novelty_line=0.6)
    assert not without_reviews.passes(0.2, 0.1)
    assert not without_reviews.is_novel(0.2, 0.9)


@given(
    costs=COSTS,
    seen=st.lists(st.tuples(st.floats(1e-9, 1), st.floats(0, 2)), min_size=1, max_size=80),
    rate=st.floats(0.01, 1),
)
def test_a_promise_only_ever_lets_less_pass(costs: Costs, seen: list[tuple[float, float]], rate: float) -> None:
    free, promise = cost_bands(costs), EscapeRateGuarantee(rate)
    columns = [list(column) for column in zip(*seen, strict=True)]
    curve = EscapeCurve.from_images(*columns, [1] * len(seen), [str(n) for n in range(len(seen))])  # type: ignore[arg-type]
    bands = guaranteed_bands(free, curve, promise)

    assert bands.low <= free.low and bands.novelty_line <= 1
    assert (bands.high, bands.fail_threshold) == (free.high, free.fail_threshold)
    if bands.bound != "none":
        escapes = sum(bands.passes(*scores) for scores in seen)
        assert escapes <= rate * (len(seen) + 1)
