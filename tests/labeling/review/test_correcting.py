"""Corrections: a person's word without a claim."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from inspection.models import Product, Verdict
from labeling.models import DefectType, Label
from labeling.queue import queue, queue_stats
from labeling.refusals import ClaimLost, InvalidLabel
from labeling.review import review
from tests.labeling.conftest import make_part


def test_it_labels_a_part_that_passed(product: Product, ada: User) -> None:
    DefectType.objects.create(product=product, name="scratch")
    part = make_part(product, verdict=Verdict.PASS)
    label = review.correct(part, by=ada, verdict="FAIL", defect_type="scratch", comment="seen at packing")
    assert (label.source, label.reviewer, str(label)) == (Label.Source.CORRECTION, ada, "FAIL scratch")
    part.refresh_from_db()
    assert (part.verdict, part.resolved_at is not None) == (Verdict.PASS, True)


def test_the_newest_word_stands(product: Product, ada: User, bob: User) -> None:
    part = make_part(product)
    first = review.correct(part, by=ada, verdict="FAIL")
    second = review.correct(part, by=bob, verdict="PASS")
    assert review.standing_label(part) == second
    assert list(Label.objects.filter(inspection=part)) == [second, first]


def test_the_same_word_of_the_same_person_is_one_label(product: Product, ada: User, bob: User) -> None:
    part = make_part(product)
    first = review.correct(part, by=ada, verdict="FAIL")
    assert review.correct(part, by=ada, verdict="FAIL") == first
    assert review.correct(part, by=bob, verdict="FAIL") != first


def test_whoever_holds_the_part_loses_it(product: Product, ada: User, bob: User) -> None:
    part = make_part(product)
    claim = queue.claim(reviewer=ada)
    assert claim is not None
    review.correct(part, by=bob, verdict="FAIL")
    with pytest.raises(ClaimLost):
        review.resolve(claim, verdict="PASS")
    claim.refresh_from_db()
    assert claim.closed_at is not None
    assert queue_stats.waiting_count() == 0


def test_it_refuses_an_unknown_defect(product: Product, ada: User) -> None:
    part = make_part(product, verdict=Verdict.PASS)
    with pytest.raises(InvalidLabel, match="Its defect types: none yet"):
        review.correct(part, by=ada, verdict="FAIL", defect_type="dent")
