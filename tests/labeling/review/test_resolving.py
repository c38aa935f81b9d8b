"""A reviewer's verdict on a claim."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import Error, transaction
from django.db.models.functions import Now

from inspection.models import Inspection, Product
from labeling.models import Claim, DefectType, Label, Review
from labeling.queue import queue, queue_stats
from labeling.refusals import ClaimLost, InvalidLabel
from labeling.review import review
from tests.labeling.conftest import make_product


@pytest.fixture
def claim(part: Inspection, ada: User) -> Claim:
    found = queue.claim(reviewer=ada)
    assert found is not None
    return found


def expire(claim: Claim) -> None:
    Claim.objects.filter(pk=claim.pk).update(expires_at=Now() - timedelta(seconds=1))


def test_it_writes_review_and_label_and_settles_the_part(claim: Claim, product: Product, ada: User) -> None:
    scratch = DefectType.objects.create(product=product, name="scratch")
    label = review.resolve(claim, verdict="FAIL", defect_type="scratch", comment="left edge")
    assert (label.verdict, label.defect_type, label.reviewer, label.comment) == ("FAIL", scratch, ada, "left edge")
    assert label.source == Label.Source.REVIEW
    assert label.review == Review.objects.get()
    assert 0 <= Review.objects.get().seconds < 60
    claim.refresh_from_db()
    assert claim.closed_at is not None
    assert claim.inspection.resolved_at is not None
    assert queue_stats.waiting_count() == 0


def test_a_verdict_after_the_lease_counts_while_nobody_took_the_part(claim: Claim) -> None:
    expire(claim)
    queue.close_expired_claims()
    assert review.resolve(claim, verdict="PASS").verdict == "PASS"


def test_it_refuses_a_verdict_when_another_holds_the_part(claim: Claim, bob: User) -> None:
    expire(claim)
    assert queue.claim(reviewer=bob) is not None
    with pytest.raises(ClaimLost):
        review.resolve(claim, verdict="PASS")
    assert not Label.objects.exists()


def test_it_refuses_a_verdict_when_another_settled_the_part(claim: Claim, bob: User) -> None:
    expire(claim)
    taken = queue.claim(reviewer=bob)
    assert taken is not None
    review.resolve(taken, verdict="FAIL")
    with pytest.raises(ClaimLost):
        review.resolve(claim, verdict="FAIL")
    assert Label.objects.get().reviewer == bob


def test_the_same_verdict_again_returns_the_first_label(claim: Claim) -> None:
    first = review.resolve(claim, verdict="PASS")
    assert review.resolve(claim, verdict="PASS") == first
    assert Label.objects.count() == Review.objects.count() == 1


def test_it_refuses_another_verdict_on_a_resolved_claim(claim: Claim, product: Product) -> None:
    DefectType.objects.create(product=product, name="scratch")
    review.resolve(claim, verdict="FAIL")
    with pytest.raises(ClaimLost, match="FAIL"):
        review.resolve(claim, verdict="PASS")
    with pytest.raises(ClaimLost):
        review.resolve(claim, verdict="FAIL", defect_type="scratch")


@pytest.mark.parametrize("verdict", ["REVIEW", "pass", ""])
def test_it_refuses_words_that_are_no_verdict(claim: Claim, verdict: str) -> None:
    with pytest.raises(InvalidLabel, match="PASS or FAIL"):
        review.resolve(claim, verdict=verdict)


def test_it_refuses_a_good_part_with_a_defect(claim: Claim, product: Product) -> None:
    DefectType.objects.create(product=product, name="scratch")
    with pytest.raises(InvalidLabel, match="cannot have a defect type"):
        review.resolve(claim, verdict="PASS", defect_type="scratch")


def test_it_refuses_an_unknown_defect_and_names_the_known(claim: Claim, product: Product) -> None:
    DefectType.objects.create(product=product, name="scratch")
    DefectType.objects.create(product=make_product("case"), name="dent")
    with pytest.raises(InvalidLabel, match=r"'dent'.*Its defect types: scratch"):
        review.resolve(claim, verdict="FAIL", defect_type="dent")
    assert not Review.objects.exists()


@pytest.mark.parametrize("model", [Review, Label])
def test_the_database_refuses_to_rewrite_history(claim: Claim, model: type[Review] | type[Label]) -> None:
    review.resolve(claim, verdict="PASS")
    with pytest.raises(Error, match="Cannot update"), transaction.atomic():
        model.objects.update(comment="changed")
    with pytest.raises(Error, match="Cannot"), transaction.atomic():
        model.objects.all()._raw_delete("default")
