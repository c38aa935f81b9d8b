"""Taking a label back."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied

from inspection.models import Inspection, Product, Verdict
from labeling.models import Label, LabelUndo
from labeling.queue import queue, queue_stats
from labeling.refusals import AlreadyUndone, ClaimLost, NotStanding
from labeling.review import review
from tests.labeling.conftest import make_part


def resolve_next(ada: User) -> Label:
    claim = queue.claim(reviewer=ada)
    assert claim is not None
    return review.resolve(claim, verdict="PASS")


def test_it_puts_the_part_back_in_the_queue(part: Inspection, ada: User, bob: User) -> None:
    label = resolve_next(ada)
    review.undo(label, by=ada)
    assert review.standing_label(part) is None
    again = queue.claim(reviewer=bob)
    assert again is not None
    assert again.inspection == part
    assert Label.objects.get() == label
    assert LabelUndo.objects.get().by == ada


def test_the_earlier_label_stands_again_and_the_part_stays_settled(part: Inspection, ada: User) -> None:
    first = resolve_next(ada)
    second = review.correct(part, by=ada, verdict="FAIL")
    review.undo(second, by=ada)
    assert review.standing_label(part) == first
    assert queue_stats.waiting_count() == 0


def test_a_part_that_passed_does_not_join_the_queue(product: Product, ada: User) -> None:
    part = make_part(product, verdict=Verdict.PASS)
    review.undo(review.correct(part, by=ada, verdict="FAIL"), by=ada)
    part.refresh_from_db()
    assert part.resolved_at is None
    assert queue_stats.waiting_count() == 0


def test_a_quality_manager_takes_back_anyones_label(part: Inspection, ada: User, manager: User) -> None:
    review.undo(resolve_next(ada), by=manager)
    assert queue_stats.waiting_count() == 1


def test_it_refuses_another_reviewer(part: Inspection, ada: User, bob: User) -> None:
    label = resolve_next(ada)
    with pytest.raises(PermissionDenied):
        review.undo(label, by=bob)
    assert not LabelUndo.objects.exists()


def test_it_refuses_a_second_time(part: Inspection, ada: User) -> None:
    label = resolve_next(ada)
    review.undo(label, by=ada)
    with pytest.raises(AlreadyUndone):
        review.undo(label, by=ada)


def test_it_refuses_a_label_that_does_not_count(part: Inspection, ada: User) -> None:
    label = resolve_next(ada)
    newer = review.correct(part, by=ada, verdict="FAIL")
    with pytest.raises(NotStanding):
        review.undo(label, by=ada)
    review.undo(newer, by=ada)
    review.undo(label, by=ada)
    assert review.standing_label(part) is None


def test_it_can_claim_the_part_in_the_same_step(part: Inspection, ada: User) -> None:
    claim = review.undo_and_claim(resolve_next(ada), by=ada)
    assert claim.inspection == part
    assert list(queue.held_claims(ada)) == [claim]


def test_what_an_earlier_label_settles_is_taken_back_and_not_claimed(part: Inspection, ada: User) -> None:
    first = resolve_next(ada)
    with pytest.raises(ClaimLost):
        review.undo_and_claim(review.correct(part, by=ada, verdict="FAIL"), by=ada)
    assert review.standing_label(part) == first
