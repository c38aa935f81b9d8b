"""A person's word closes a doubt, for good; taking it back opens it again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now

from inspection.models import Product
from labeling.models import Claim, Recheck
from labeling.queue import queue, queue_stats
from labeling.rechecks.label_rechecks import open_rechecks
from labeling.refusals import ClaimLost, NotStanding
from labeling.review import review
from tests.labeling.conftest import make_part, make_person
from tests.labeling.rechecks.label_issues import claim_next, make_version_with_label_issues

Outcome = Recheck.Outcome


def test_a_confirmed_label_is_never_doubted_again(
    product: Product, ada: User, bob: User, label_issue_recheck: Recheck
) -> None:
    label = review.resolve(claim_next(bob), verdict="FAIL")
    label_issue_recheck.refresh_from_db()
    assert (label_issue_recheck.outcome, label_issue_recheck.answer, label_issue_recheck.closed_at is not None) == (
        Outcome.CONFIRMED,
        label,
        True,
    )
    assert review.standing_label(label_issue_recheck.inspection) == label
    assert open_rechecks(make_version_with_label_issues(product, label)) == []
    assert queue.claim(reviewer=ada) is None


def test_a_changed_label_teaches_what_the_person_said(
    product: Product, ada: User, label_issue_recheck: Recheck
) -> None:
    label = review.resolve(claim_next(ada), verdict="PASS")
    label_issue_recheck.refresh_from_db()
    assert (label_issue_recheck.outcome, label_issue_recheck.answer) == (Outcome.CHANGED, label)
    assert review.standing_label(label_issue_recheck.inspection) == label
    # The new word is another label: a version may doubt it once too.
    (again,) = open_rechecks(make_version_with_label_issues(product, label))
    assert (again.given, again.label) == ("PASS", label)


def test_a_correction_answers_it_too_and_takes_the_part_from_its_holder(
    ada: User, bob: User, label_issue_recheck: Recheck
) -> None:
    claim = claim_next(ada)
    review.correct(label_issue_recheck.inspection, by=bob, verdict="PASS")
    label_issue_recheck.refresh_from_db()
    assert label_issue_recheck.outcome == Outcome.CHANGED
    with pytest.raises(ClaimLost):
        review.resolve(claim, verdict="FAIL")


def test_its_author_may_confirm_it_by_saying_it_again(product: Product, ada: User) -> None:
    first = review.correct(make_part(product), by=ada, verdict="FAIL")
    (doubt,) = open_rechecks(make_version_with_label_issues(product, first))
    second = review.correct(first.inspection, by=ada, verdict="FAIL")
    assert second != first
    assert review.correct(first.inspection, by=ada, verdict="FAIL") == second
    doubt.refresh_from_db()
    assert (doubt.outcome, doubt.answer) == (Outcome.CONFIRMED, second)


def test_taking_the_answer_back_opens_it_again(ada: User, label_issue_recheck: Recheck) -> None:
    label = review.resolve(claim_next(ada), verdict="PASS")
    review.undo(label, by=ada)
    label_issue_recheck.refresh_from_db()
    assert (label_issue_recheck.outcome, label_issue_recheck.answer, label_issue_recheck.closed_at) == ("", None, None)
    assert review.standing_label(label_issue_recheck.inspection) == label_issue_recheck.label
    claim = queue.claim_part(label_issue_recheck.inspection, reviewer=ada)
    assert review.resolve(claim, verdict="FAIL").verdict == "FAIL"


def test_a_doubted_label_that_is_taken_back_needs_no_second_look(product: Product, ada: User) -> None:
    label = review.correct(make_part(product), by=ada, verdict="FAIL")
    (doubt,) = open_rechecks(make_version_with_label_issues(product, label))
    review.undo(label, by=ada)
    doubt.refresh_from_db()
    assert (doubt.outcome, Recheck.objects.open().count(), queue_stats.waiting_count()) == (Outcome.WITHDRAWN, 0, 1)


def test_an_undone_answer_that_was_doubted_itself_leaves_one_open(
    product: Product, ada: User, label_issue_recheck: Recheck
) -> None:
    label = review.resolve(claim_next(ada), verdict="PASS")
    (second,) = open_rechecks(make_version_with_label_issues(product, label))
    with pytest.raises(NotStanding):
        review.undo(label_issue_recheck.label, by=make_person("mia", "quality manager"))
    review.undo(label, by=ada)
    second.refresh_from_db()
    assert second.outcome == Outcome.WITHDRAWN
    assert list(Recheck.objects.open()) == [label_issue_recheck]


def test_it_refuses_a_claim_from_before_the_doubt(product: Product, ada: User, bob: User) -> None:
    part = make_part(product)
    stale = claim_next(ada)
    Claim.objects.filter(pk=stale.pk).update(expires_at=Now() - timedelta(seconds=1))
    label = review.resolve(claim_next(bob), verdict="FAIL")
    open_rechecks(make_version_with_label_issues(product, label))
    with pytest.raises(ClaimLost, match="already resolved"):
        review.resolve(stale, verdict="PASS")
    assert review.standing_label(part) == label


def test_it_refuses_a_second_answer(ada: User, bob: User, label_issue_recheck: Recheck) -> None:
    stale = claim_next(ada)
    Claim.objects.filter(pk=stale.pk).update(expires_at=Now() - timedelta(seconds=1))
    review.resolve(claim_next(bob), verdict="FAIL")
    # An imported part is settled by its first answer.
    with pytest.raises(ClaimLost):
        review.resolve(stale, verdict="PASS")
