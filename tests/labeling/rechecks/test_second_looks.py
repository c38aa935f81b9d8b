"""A share of verdicts is judged by a second person at once, and a share by the same one after a day."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now

from inspection.models import Inspection, Product
from labeling.models import Claim, DefectType, Label, Recheck
from labeling.queue import queue, queue_stats
from labeling.rechecks.double_review import second_review_sample_value
from labeling.refusals import ClaimLost
from labeling.review import review
from tests.labeling.concurrency import judge_all
from tests.labeling.conftest import make_part, make_person, make_product
from tests.labeling.rechecks.blind_reviews import open_recheck_of, review_part

Outcome, Reason = Recheck.Outcome, Recheck.Reason


@pytest.fixture
def product(db: None) -> Product:
    """One of which every part is judged by two people."""
    return make_product(second_share=1)


def make_due(recheck: Recheck) -> None:
    Recheck.objects.filter(pk=recheck.pk).update(due_at=Now() - timedelta(minutes=1))


def test_lots_are_fair_and_stay_the_same() -> None:
    keys = [uuid4() for _ in range(4000)]
    lots = [second_review_sample_value(key) for key in keys]
    assert lots == [second_review_sample_value(key) for key in keys]
    assert all(0 <= one < 1 for one in lots)
    assert 0.035 < sum(one < 0.05 for one in lots) / len(lots) < 0.065


def test_the_lot_decides_who_judges_it_again(ada: User, bob: User) -> None:
    product = make_product("shared", second_share=0.3, repeat_share=0.3)
    expected: dict[object, str] = {}
    for _ in range(40):
        part = make_part(product)
        review_part(part, ada, "PASS")
        drawn = second_review_sample_value(part.pk)
        if drawn < 0.6:
            expected[part.pk] = Reason.SECOND if drawn < 0.3 else Reason.REPEAT
    assert dict(Recheck.objects.values_list("inspection", "reason")) == expected
    assert set(expected.values()) == {Reason.SECOND, Reason.REPEAT}


def test_a_second_person_who_agrees_makes_the_label_double(part: Inspection, ada: User, bob: User) -> None:
    first = review_part(part, ada, "FAIL")
    assert (open_recheck_of(part).reason, open_recheck_of(part).label, first.provenance) == (
        Reason.SECOND,
        first,
        "single",
    )
    assert queue.claim(reviewer=ada) is None, "Nobody judges their own label a second time."
    second = review_part(part, bob, "FAIL")
    recheck = Recheck.objects.get()
    assert (second.provenance, recheck.outcome, recheck.answer) == ("double", Outcome.CONFIRMED, second)
    assert review.standing_label(part) == second
    assert (queue.claim(reviewer=ada), queue.claim(reviewer=bob), queue_stats.waiting_count()) == (None, None, 0)


@pytest.mark.parametrize(
    ("first", "second", "agreed"),
    [("scratch", "", True), ("", "dent", True), ("scratch", "dent", False), ("scratch", "scrape", True)],
)
def test_two_named_types_differ_unless_they_are_one(
    product: Product, part: Inspection, ada: User, bob: User, first: str, second: str, agreed: bool
) -> None:
    scratch, _dent, scrape = [
        DefectType.objects.create(product=product, name=name) for name in ("scratch", "dent", "scrape")
    ]
    review_part(part, ada, "FAIL", defect_type=first)
    claim = queue.claim_part(part, reviewer=bob)
    # Merged while the page still offers both.
    DefectType.objects.filter(pk=scrape.pk).update(merged_into=scratch, merged_at=Now())
    label = review.resolve(claim, verdict="FAIL", defect_type=second)
    assert Recheck.objects.disputed().exists() is not agreed
    kept = {"scrape": "scratch"}.get(second, second or first)
    assert label.defect_type is not None and label.defect_type.name == kept, "A given name is kept."
    assert review.resolve(claim, verdict="FAIL", defect_type=second) == label


def test_it_waits_for_nobody_where_there_is_no_second_person(part: Inspection, ada: User) -> None:
    gone, _clerk = make_person("gone"), User.objects.create_user("clerk")
    User.objects.filter(pk=gone.pk).update(is_active=False)
    review_part(part, ada, "FAIL")
    assert not Recheck.objects.exists()


def test_corrections_open_none(part: Inspection, ada: User, bob: User) -> None:
    review.correct(part, by=ada, verdict="FAIL")
    assert not Recheck.objects.exists()


def test_the_same_person_judges_it_again_after_a_day(ada: User, bob: User) -> None:
    part = make_part(make_product("again", repeat_share=1))
    first = review_part(part, ada, "PASS")
    recheck = open_recheck_of(part)
    assert recheck.reason == Reason.REPEAT
    assert recheck.due_at - recheck.opened_at == timedelta(days=1)
    assert (queue.claim(reviewer=ada), queue_stats.waiting_count(), queue_stats.longest_wait()) == (None, 0, None)
    make_due(recheck)
    assert queue.claim(reviewer=bob) is None
    assert (
        queue_stats.waiting_count(),
        queue_stats.waiting_count(reviewer=ada),
        queue_stats.waiting_count(reviewer=bob),
    ) == (1, 1, 0)
    assert queue_stats.waiting_count_by_product(ada) == {part.product_id: 1}
    assert queue_stats.waiting_count_by_product(bob) == {}
    claim = queue.claim(reviewer=ada)
    assert claim is not None and claim.inspection == part
    second = review.resolve(claim, verdict="PASS")
    recheck.refresh_from_db()
    assert (second.provenance, recheck.label, recheck.outcome) == ("single", first, Outcome.CONFIRMED)


def test_a_repeat_of_somebody_who_left_waits_for_nobody(ada: User) -> None:
    part = make_part(make_product("again", repeat_share=1))
    review_part(part, ada, "PASS")
    make_due(open_recheck_of(part))
    User.objects.filter(pk=ada.pk).update(is_active=False)
    assert queue_stats.waiting_count() == 0


def test_taking_the_first_verdict_back_withdraws_the_second_look(part: Inspection, ada: User, bob: User) -> None:
    first = review_part(part, ada, "FAIL")
    review.undo(first, by=ada)
    assert Recheck.objects.get().outcome == Outcome.WITHDRAWN
    # The lot is the part's: its next first verdict draws the same.
    again = review_part(part, bob, "PASS")
    assert (open_recheck_of(part).label, again.provenance) == (again, "single")
    assert review_part(part, ada, "PASS").provenance == "double"


def test_a_verdict_on_a_second_look_whose_first_was_taken_back_is_the_first(
    part: Inspection, ada: User, bob: User
) -> None:
    first = review_part(part, ada, "FAIL")
    claim = queue.claim_part(part, reviewer=bob)
    review.undo(first, by=ada)
    label = review.resolve(claim, verdict="PASS")
    assert (label.provenance, open_recheck_of(part).label) == ("single", label)


def test_taking_the_second_verdict_back_asks_again(part: Inspection, ada: User, bob: User) -> None:
    first = review_part(part, ada, "FAIL")
    second = review_part(part, bob, "FAIL")
    claim = review.undo_and_claim(second, by=bob)
    assert (claim.inspection, open_recheck_of(part).label, review.standing_label(part)) == (part, first, first)
    assert review.resolve(claim, verdict="FAIL").provenance == "double"


def test_the_same_verdict_sent_again_is_the_same_label(part: Inspection, ada: User, bob: User) -> None:
    claims = [queue.claim_part(part, reviewer=ada)]
    first = review.resolve(claims[0], verdict="FAIL")
    claims.append(queue.claim_part(part, reviewer=bob))
    second = review.resolve(claims[1], verdict="FAIL")
    assert [review.resolve(claim, verdict="FAIL") for claim in claims] == [first, second]
    assert (Label.objects.count(), Recheck.objects.count()) == (2, 1)


def test_it_refuses_the_claim_of_whoever_came_too_late_for_the_first(part: Inspection, ada: User, bob: User) -> None:
    stale = queue.claim_part(part, reviewer=ada)
    Claim.objects.filter(pk=stale.pk).update(expires_at=Now() - timedelta(seconds=1))
    review_part(part, bob, "FAIL")
    with pytest.raises(ClaimLost, match="already resolved"):
        review.resolve(stale, verdict="PASS")
    with pytest.raises(ClaimLost):
        queue.claim_part(part, reviewer=bob)


def test_ones_own_correction_is_what_the_second_person_judges(part: Inspection, ada: User, bob: User) -> None:
    review_part(part, ada, "FAIL")
    assert review.correct(part, by=ada, verdict="FAIL") == review.standing_label(part)
    corrected = review.correct(part, by=ada, verdict="PASS")
    assert (open_recheck_of(part).label, open_recheck_of(part).reason) == (corrected, Reason.SECOND)
    assert review_part(part, bob, "PASS").provenance == "double"


def test_anothers_correction_answers_it_and_ends_a_repeat(part: Inspection, ada: User, bob: User) -> None:
    review_part(part, ada, "FAIL")
    assert review.correct(part, by=bob, verdict="FAIL").provenance == "double"
    repeated = make_part(make_product("again", repeat_share=1))
    review_part(repeated, ada, "FAIL")
    assert review.correct(repeated, by=bob, verdict="PASS").provenance == "single"
    assert Recheck.objects.get(inspection=repeated).outcome == Outcome.WITHDRAWN


@pytest.mark.django_db(transaction=True)
def test_people_at_once_second_each_part_once() -> None:
    product, ada = make_product(second_share=1), make_person("ada")
    others = [make_person(f"person-{number}") for number in range(6)]
    for _ in range(15):
        review_part(make_part(product), ada, "PASS")
    seen = judge_all(others, "PASS")
    assert len(seen) == len(set(seen)) == 15
    assert Label.objects.filter(provenance="double").count() == 15
    assert not Recheck.objects.open().exists()
