"""Two verdicts that differ go to a third person, and teach nothing until then."""

from __future__ import annotations

import io
from functools import partial

import pytest
from django.contrib.auth.models import User

from inspection.models import Inspection, Product
from labeling.datasets import datasets, label_export
from labeling.history import history
from labeling.models import Claim, DefectType, Label, Recheck
from labeling.queue import queue, queue_stats
from labeling.rechecks.label_rechecks import open_rechecks
from labeling.refusals import ClaimLost, Disputed
from labeling.review import review
from tests.labeling.concurrency import judge_all, run_concurrently
from tests.labeling.conftest import make_part, make_person, make_product
from tests.labeling.rechecks.blind_reviews import open_recheck_of, review_part
from tests.labeling.rechecks.label_issues import make_version_with_label_issues

Outcome, Reason = Recheck.Outcome, Recheck.Reason


@pytest.fixture
def product(db: None) -> Product:
    """One of which every part is judged by two people."""
    return make_product(second_share=1)


@pytest.fixture
def dispute(part: Inspection, ada: User, bob: User) -> Recheck:
    """Ada failed the part, Bob passed it."""
    review_part(part, ada, "FAIL", comment="a crack on the left")
    review_part(part, bob, "PASS")
    return open_recheck_of(part)


def test_it_opens_with_the_verdict_that_differs(dispute: Recheck, ada: User, bob: User) -> None:
    second = Recheck.objects.get(reason=Reason.SECOND)
    assert (second.outcome, second.answer) == (Outcome.CHANGED, dispute.label)
    assert (dispute.reason, dispute.given, dispute.label.reviewer) == (Reason.DISPUTED, "PASS", bob)
    assert (dispute.first_label.reviewer, dispute.label.provenance) == (ada, "single")


def test_a_repeat_that_differs_opens_one_too(ada: User, manager: User) -> None:
    part = make_part(make_product("again", repeat_share=1))
    review_part(part, ada, "FAIL")
    Recheck.objects.update(due_at="2020-01-01T00:00Z")
    review_part(part, ada, "PASS")
    assert open_recheck_of(part).reason == Reason.DISPUTED
    assert review_part(part, manager, "PASS").provenance == "adjudicated"


def test_who_may_settle_it_gets_it_before_all_that_waits(
    product: Product, dispute: Recheck, ada: User, bob: User, manager: User
) -> None:
    waiting = make_part(product)
    Inspection.objects.filter(pk=waiting.pk).update(queue_sort_key="2020-01-01T00:00Z")
    claim = queue.claim(reviewer=manager)
    assert claim is not None and claim.inspection == dispute.inspection
    label = review.resolve(claim, verdict="FAIL")
    dispute.refresh_from_db()
    assert (label.provenance, dispute.outcome, dispute.answer) == ("adjudicated", Outcome.CHANGED, label)
    assert review.standing_label(dispute.inspection) == label
    following = queue.claim(reviewer=manager)
    assert following is not None and following.inspection == waiting


def test_only_a_third_person_who_may_gets_it(product: Product, dispute: Recheck, ada: User, bob: User) -> None:
    carl, mia, max_ = make_person("carl"), make_person("mia", "quality manager"), make_person("max", "quality manager")
    part = make_part(product)
    review_part(part, mia, "FAIL")
    review_part(part, max_, "PASS")
    own = open_recheck_of(part)
    for person in (ada, bob, carl):
        assert not dispute.answerable_by(person)
        assert queue_stats.waiting_count(reviewer=person) == 0
        assert queue.claim(reviewer=person) is None
    for person in (mia, max_):
        assert (dispute.answerable_by(person), own.answerable_by(person)) == (True, False)
        assert list(Recheck.objects.open().for_reviewer(person)) == [dispute]
        with pytest.raises(ClaimLost):
            queue.claim_part(part, reviewer=person)
    assert queue_stats.waiting_count() == 2


def test_it_teaches_nothing_until_it_is_settled_and_is_exported(
    dispute: Recheck, product: Product, manager: User
) -> None:
    assert (datasets.samples(product), history.new_training_part_count(product)) == ([], 0)
    assert label_export.export_labels(product, io.BytesIO()) == 1
    review.correct(dispute.inspection, by=manager, verdict="PASS")
    assert ([sample.target for sample in datasets.samples(product)], history.new_training_part_count(product)) == (
        [0],
        1,
    )


def test_a_correction_by_a_third_person_settles_it(dispute: Recheck, manager: User) -> None:
    label = review.correct(dispute.inspection, by=manager, verdict="PASS")
    dispute.refresh_from_db()
    assert (label.provenance, dispute.outcome, dispute.answer) == ("adjudicated", Outcome.CONFIRMED, label)


@pytest.mark.parametrize("name", ["ada", "bob", "carl"])
def test_it_refuses_a_correction_by_anybody_else(dispute: Recheck, name: str) -> None:
    person = User.objects.filter(username=name).first() or make_person(name)
    with pytest.raises(Disputed, match="Two people differ"):
        review.correct(dispute.inspection, by=person, verdict="PASS")
    assert open_recheck_of(dispute.inspection) == dispute
    assert review.standing_label(dispute.inspection) == dispute.label


def test_taking_the_second_verdict_back_withdraws_it(dispute: Recheck, ada: User, bob: User, manager: User) -> None:
    held = queue.claim_part(dispute.inspection, reviewer=manager)
    claim = review.undo_and_claim(dispute.label, by=bob)
    dispute.refresh_from_db()
    assert dispute.outcome == Outcome.WITHDRAWN
    assert open_recheck_of(dispute.inspection).reason == Reason.SECOND
    with pytest.raises(ClaimLost):  # the manager has read both verdicts
        review.resolve(held, verdict="FAIL")
    assert review.resolve(claim, verdict="FAIL").provenance == "double"
    assert not Recheck.objects.open().exists()


def test_it_refuses_the_manager_even_when_nobody_claimed_it_since(dispute: Recheck, bob: User, manager: User) -> None:
    held = queue.claim_part(dispute.inspection, reviewer=manager)
    review.undo(dispute.label, by=bob)
    with pytest.raises(ClaimLost, match="already resolved"):
        review.resolve(held, verdict="FAIL")


def test_taking_the_last_word_back_opens_it_again(dispute: Recheck, bob: User, manager: User) -> None:
    label = review_part(dispute.inspection, manager, "FAIL")
    review.undo(label, by=manager)
    assert open_recheck_of(dispute.inspection) == dispute
    review.undo(dispute.label, by=bob)
    assert open_recheck_of(dispute.inspection).reason == Reason.SECOND
    review.undo(open_recheck_of(dispute.inspection).label, by=manager)
    assert not Recheck.objects.open().exists()
    assert queue_stats.waiting_count() == 1


def test_the_way_to_two_different_types_is_the_same(product: Product, part: Inspection, ada: User, bob: User) -> None:
    for name in ("scratch", "dent"):
        DefectType.objects.create(product=product, name=name)
    review_part(part, ada, "FAIL", defect_type="scratch")
    label = review_part(part, bob, "FAIL", defect_type="dent")
    assert (open_recheck_of(part).reason, label.provenance) == (Reason.DISPUTED, "single")


def test_a_version_doubts_no_part_that_people_judge_again(product: Product, dispute: Recheck, ada: User) -> None:
    label = review_part(make_part(product), ada, "FAIL")
    assert open_rechecks(make_version_with_label_issues(product, dispute.label, label)) == []


@pytest.mark.django_db(transaction=True)
def test_people_at_once_settle_each_once() -> None:
    product, ada, bob = make_product(second_share=1), make_person("ada"), make_person("bob")
    for _ in range(8):
        part = make_part(product)
        review_part(part, ada, "FAIL")
        review_part(part, bob, "PASS")
    managers = [make_person(f"manager-{number}", "quality manager") for number in range(5)]
    seen = judge_all(managers, "FAIL")
    assert len(seen) == len(set(seen)) == 8
    assert Label.objects.filter(provenance="adjudicated").count() == 8
    assert not Claim.objects.filter(closed_at=None).exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_last_words_at_once_one_stands() -> None:
    part, ada, bob = make_part(make_product(second_share=1)), make_person("ada"), make_person("bob")
    review_part(part, ada, "FAIL")
    review_part(part, bob, "PASS")
    mia, max_ = make_person("mia", "quality manager"), make_person("max", "quality manager")
    claim = queue.claim_part(part, reviewer=mia)

    def claimed() -> Label | None:
        try:
            return review.resolve(claim, verdict="FAIL")
        except ClaimLost:
            return None

    run_concurrently([claimed, partial(review.correct, part, by=max_, verdict="PASS")])
    settled = Recheck.objects.get(reason=Reason.DISPUTED)
    assert settled.answer is not None and settled.answer.provenance == "adjudicated"
    assert not Recheck.objects.open().exists()
