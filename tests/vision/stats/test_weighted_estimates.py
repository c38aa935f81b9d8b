"""Weighted shares: known cases, and a line under active learning on which only they are right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from mltasks.vision.stats.intervals import Estimate, proportion
from mltasks.vision.stats.weighted_estimates import mean_difference, weighted_proportion

RUNS = 300
LOW, HIGH = 0.1, 0.8


@dataclass(frozen=True)
class Line:
    """How a line is: its parts, the share of defective ones, of sure verdicts that are audited and of labels that are
    locked, how alike the champion and the candidate see, and how clearly a defect shows."""

    parts: int = 20_000
    defective: float = 0.25
    audited: float = 0.15
    locked: float = 0.2
    alike: float = 0.5
    clear: float = 0.8


def names(count: int) -> list[str]:
    return [str(number) for number in range(count)]


def test_equal_weights_are_the_plain_share_with_a_like_interval() -> None:
    hits = [True] * 12 + [False] * 88
    ours, plain = weighted_proportion(hits, [3.0] * 100, names(100)), proportion(hits, names(100))
    assert ours.value == pytest.approx(0.12)
    assert (ours.low, ours.high) == pytest.approx((plain.low, plain.high), abs=0.005)


def test_a_part_stands_for_as_many_as_were_as_unlikely_to_be_looked_at() -> None:
    # One of ten audited parts is defective and stands for a hundred; each of ten doubted ones for itself.
    found = weighted_proportion([True] + [False] * 9 + [True] * 10, [100.0] * 10 + [1.0] * 10, names(20))
    assert found.value == pytest.approx(110 / 1010)
    assert found.low is not None and found.high is not None
    # Ten draws decide it, not twenty.
    assert found.low < 0.03 and found.high > 0.35


def test_pictures_of_one_part_are_one_draw() -> None:
    alone = weighted_proportion([True, False, False, True], [1.0] * 4, names(4))
    doubled = weighted_proportion([True, False, False, True] * 2, [1.0] * 8, names(4) * 2)
    assert (doubled.value, doubled.low, doubled.high) == pytest.approx((alone.value, alone.low, alone.high))
    assert (doubled.n, doubled.parts) == (8, 4)


def test_what_no_audit_found_may_have_been_missed() -> None:
    # Forty defects that the champion doubted, all stopped. With audits of one in a hundred the next defect among sure
    # passes would have stood for a hundred.
    sure = weighted_proportion([False] * 40, [1.0] * 40, names(40))
    unsure = weighted_proportion([False] * 40, [1.0] * 40, names(40), max_weight=100.0)
    assert (sure.value, sure.low, unsure.value, unsure.low) == (0.0, 0.0, 0.0, 0.0)
    assert sure.high is not None and unsure.high is not None
    assert sure.high < 0.1 and unsure.high > 0.7


def test_all_or_none_are_each_other_s_mirror() -> None:
    none, every = (weighted_proportion([hit] * 12, [2.0] * 12, names(12), 5.0) for hit in (False, True))
    assert every.low is not None and none.high is not None
    assert (every.value, every.high, every.low) == (1.0, 1.0, pytest.approx(1 - none.high))


def test_what_could_not_be_looked_at_is_refused_and_nothing_says_nothing() -> None:
    with pytest.raises(ValueError, match="above 0"):
        weighted_proportion([True], [0.0], ["a"])
    assert weighted_proportion([], [], []).value is None
    assert mean_difference([], [], [], []).value is None


def test_a_difference_is_of_the_same_parts() -> None:
    first, second = [5.0, 0.0, 1.0] * 20, [0.0, 0.0, 1.0] * 20
    found = mean_difference(first, second, [1.0] * 60, names(60))
    assert found.value == pytest.approx(5 / 3)
    assert found.low is not None and 0 < found.low < 5 / 3
    same = mean_difference(first, first, [1.0] * 60, names(60))
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)


def simulate_line(line: Line, seed: int) -> tuple[float, Estimate, Estimate]:
    """One line under active learning: the share of its defective parts that pass a candidate; what the locked holdout
    says, and what its labels say when they are merely counted.

    People look at all that the champion doubts and at a few of what it is sure of; a share of their labels is locked.
    """
    chance = np.random.default_rng(seed)
    defective = chance.random(line.parts) < line.defective
    part = chance.normal(size=line.parts)

    def scored() -> np.ndarray:
        own = np.sqrt(1 - line.alike**2) * chance.normal(size=line.parts)
        return np.asarray(1 / (1 + np.exp(-2 * (np.where(defective, line.clear, -2.2) + line.alike * part + own))))

    champion, candidate = scored(), scored()
    inclusion = np.where((champion > LOW) & (champion < HIGH), 1.0, line.audited)
    labeled = chance.random(line.parts) < inclusion
    locked = labeled & (chance.random(line.parts) < line.locked)
    escapes, measured = candidate <= LOW, locked & defective
    hits, who = escapes[measured].tolist(), names(int(measured.sum()))
    heaviest = float((1 / inclusion[locked]).max())
    weighed = weighted_proportion(hits, (1 / inclusion[measured]).tolist(), who, heaviest)
    return float(escapes[defective].mean()), weighed, proportion(hits, who)


def coverage(estimates: list[Estimate], truth: float) -> float:
    ends = [(one.low, one.high) for one in estimates if one.low is not None and one.high is not None]
    return float(np.mean([low <= truth <= high for low, high in ends]))


def test_the_locked_holdout_is_unbiased_under_active_learning_and_counting_is_not() -> None:
    lines = [simulate_line(Line(), seed) for seed in range(RUNS)]
    truth = float(np.mean([share for share, _, _ in lines]))
    weighed, counted = [one for _, one, _ in lines], [one for _, _, one in lines]
    means = [np.array([one.value for one in some], dtype=float) for some in (weighed, counted)]
    errors = [abs(values.mean() - truth) / (values.std() / RUNS**0.5) for values in means]
    assert errors[0] < 2.5, "the corrected escape rate is off by more than chance"
    assert 0.93 <= coverage(weighed, truth) <= 0.97
    assert errors[1] > 10, "merely counted it is not"
    assert coverage(counted, truth) < 0.8


def test_audits_that_are_too_rare_make_it_unsure_and_never_wrong() -> None:
    rare = Line(parts=50_000, defective=0.02, audited=0.005, alike=0.95, clear=0.2)
    lines = [simulate_line(rare, seed) for seed in range(60)]
    truth = float(np.mean([share for share, _, _ in lines]))
    assert coverage([one for _, one, _ in lines], truth) >= 0.93
    assert coverage([one for _, _, one in lines], truth) < 0.9
