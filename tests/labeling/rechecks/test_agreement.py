"""How people agree is told from blind pairs alone: who with whom, by how much, and about which defects."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.test import Client

from inspection.models import Product
from labeling.models import Claim, DefectType, Recheck, Review, Skip
from labeling.queue import queue
from labeling.rechecks import agreement, review_throughput
from labeling.review import review
from tests.labeling.conftest import make_part, make_person, make_product
from tests.labeling.rechecks.blind_reviews import review_part

MONTH = timedelta(days=30)
SECOND, REPEAT = Recheck.Reason.SECOND, Recheck.Reason.REPEAT


@pytest.fixture
def product(db: None) -> Product:
    """One of which every part is judged by two people."""
    made = make_product(second_share=1)
    for name in ("scratch", "dent"):
        DefectType.objects.create(product=made, name=name)
    return made


def review_twice(product: Product, first: tuple[User, str, str], second: tuple[User, str, str]) -> None:
    part = make_part(product)
    for person, verdict, kind in (first, second):
        review_part(part, person, verdict, defect_type=kind)


def test_it_tells_each_two_people_whoever_came_first(product: Product, ada: User, bob: User) -> None:
    carl = make_person("carl")
    review_twice(product, (ada, "PASS", ""), (bob, "PASS", ""))
    review_twice(product, (bob, "FAIL", "scratch"), (ada, "FAIL", ""))
    review_twice(product, (bob, "PASS", ""), (ada, "FAIL", ""))
    review_twice(product, (carl, "FAIL", "scratch"), (ada, "FAIL", "dent"))
    found = agreement.load_label_pairs(product, MONTH, SECOND)
    both, other = agreement.agreement_by_reviewer_pair(found)
    assert (both.reviewers, both.parts, both.agreed) == (("ada", "bob"), 3, 2)
    # Ada: PASS FAIL FAIL, Bob: PASS FAIL PASS: 2/3 agreed, 4/9 by chance.
    assert both.kappa.value == pytest.approx((2 / 3 - 4 / 9) / (1 - 4 / 9))
    assert (other.reviewers, other.parts, other.agreed, other.kappa.value) == (("ada", "carl"), 1, 0, None)
    together = agreement.overall_agreement(found)
    assert together is not None
    assert (together.parts, together.agreed, together.share) == (4, 2, 0.5)


def test_each_is_told_with_themselves(ada: User, bob: User) -> None:
    product = make_product("again", repeat_share=1)
    part = make_part(product)
    review_part(part, ada, "PASS")
    Recheck.objects.update(due_at="2020-01-01T00:00Z")
    review_part(part, ada, "PASS")
    (one,) = agreement.agreement_by_reviewer_pair(agreement.load_label_pairs(product, MONTH, REPEAT))
    assert (one.reviewers, one.parts, one.agreed) == (("ada", "ada"), 1, 1)
    assert agreement.load_label_pairs(product, MONTH, SECOND) == []


def test_what_was_not_blind_or_is_too_long_ago_does_not_count(product: Product, ada: User, bob: User) -> None:
    part = make_part(product)
    review_part(part, ada, "PASS")
    review.correct(part, by=bob, verdict="PASS")
    assert agreement.load_label_pairs(product, None, SECOND) == []
    review_twice(product, (ada, "PASS", ""), (bob, "PASS", ""))
    Recheck.objects.filter(answer__isnull=False).update(closed_at=Now() - timedelta(days=31))
    assert agreement.load_label_pairs(product, MONTH, SECOND) == []
    assert len(agreement.load_label_pairs(product, None, SECOND)) == 1
    assert agreement.load_label_pairs(make_product("other"), None, SECOND) == []


def test_a_second_verdict_that_was_taken_back_is_none(product: Product, ada: User, bob: User) -> None:
    part = make_part(product)
    review_part(part, ada, "PASS")
    review.undo(review_part(part, bob, "FAIL"), by=bob)
    assert agreement.load_label_pairs(product, None, SECOND) == []
    assert agreement.overall_agreement([]) is None and agreement.confusion_matrix([]) is None


def test_it_counts_what_the_second_said_by_the_first(product: Product, ada: User, bob: User) -> None:
    for _ in range(3):
        review_twice(product, (ada, "FAIL", "scratch"), (bob, "FAIL", "scratch"))
    review_twice(product, (ada, "FAIL", "scratch"), (bob, "PASS", ""))
    review_twice(product, (ada, "FAIL", ""), (bob, "FAIL", "dent"))
    DefectType.objects.filter(name="dent").update(merged_into=DefectType.objects.get(name="scratch"), merged_at=Now())
    found = agreement.confusion_matrix(agreement.load_label_pairs(product, MONTH, SECOND))
    assert found is not None
    assert found.categories == ["good", "defective, no type", "scratch"]
    counts = [[cell.count for cell in cells] for _, cells in found.rows]
    assert counts == [[0, 0, 0], [0, 0, 1], [1, 0, 3]]
    assert [(cell.shade, cell.agrees) for cell in found.rows[2][1]] == [(1, False), (0, False), (3, True)]


def test_pace_is_the_median_of_seconds_on_the_screen(product: Product, ada: User, bob: User) -> None:
    for seconds in (1.0, 2.0, 30.0):
        claim = queue.claim_part(make_part(product), reviewer=ada)
        Claim.objects.filter(pk=claim.pk).update(created_at=Now() - timedelta(seconds=seconds))
        review.resolve(claim, verdict="PASS")
    (row,) = review_throughput.throughput_by_reviewer(product, MONTH)
    assert (row["reviewer__username"], row["verdicts"], row["today"]) == ("ada", 3, 3)
    assert row["seconds"] == pytest.approx(2, abs=0.5)
    for _ in range(4):  # as the page that measures it has it written
        claim = queue.claim_part(make_part(product), reviewer=ada)
        fields = {"claim": claim, "inspection": claim.inspection, "reviewer": ada, "verdict": "PASS"}
        Review.objects.create(**fields, seconds=90, shown_seconds=0.5)
    assert review_throughput.throughput_by_reviewer(product, MONTH)[0]["seconds"] == 0.5


def test_the_page_tells_it_all_and_says_so_when_there_is_nothing(
    client: Client, product: Product, ada: User, bob: User, manager: User
) -> None:
    client.force_login(manager)
    empty = client.get("/reviewers/").content.decode()
    assert "No double review in this time. 100" in empty
    assert "No part of this product was reviewed" in empty and "No disputed label" in empty
    review_twice(product, (ada, "FAIL", "scratch"), (bob, "PASS", ""))
    claim = queue.claim_part(make_part(product), reviewer=ada)
    Skip.objects.create(
        claim=claim, inspection=claim.inspection, reviewer=ada, reason=Skip.Reason.UNCLEAR_IMAGE, comment="blurred"
    )
    page = client.get("/reviewers/?days=90").content.decode()
    assert "1 part had a double review; the two people agreed on 0" in page
    assert all(words in page for words in ("Adjudicate", "blurred", "The image is unclear", "Median seconds"))
    assert 'href="/reviewers/" aria-current="page"' in page


def test_it_refuses_those_who_may_not_settle(client: Client, product: Product, ada: User) -> None:
    client.force_login(ada)
    assert client.get("/reviewers/").status_code == 403
    assert "/reviewers/" not in client.get("/").content.decode()
