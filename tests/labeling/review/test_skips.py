"""Parts that a reviewer would not judge: the reason stays, and the part goes to others."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pgtrigger
import pytest
from django.contrib.auth.models import User
from django.db import ProgrammingError, transaction
from django.db.models.functions import Now

from inspection.models import Inspection, Product
from labeling.history.timeline import build_timeline
from labeling.models import Claim, Label, Recheck, Skip
from labeling.queue import queue, queue_stats
from labeling.queue.queue_filters import SKIP_HOURS
from labeling.refusals import ClaimLost, InvalidReason
from labeling.review import review
from labeling.review.skips import skip
from tests.labeling.concurrency import run_concurrently
from tests.labeling.conftest import make_part, make_person, make_product
from tests.labeling.queue.test_queue import claim_next, let_expire


def move_skip_back(skipped: Skip, hours: float) -> None:
    with pgtrigger.ignore("labeling.Skip:skip_is_append_only"):
        Skip.objects.filter(pk=skipped.pk).update(created_at=Now() - timedelta(hours=hours))


def test_a_skipped_part_goes_to_others(part: Inspection, ada: User, bob: User) -> None:
    claim = claim_next(ada)
    made = skip(claim, reason="unclear_image", comment="blurred")
    assert (made.claim, made.inspection, made.reviewer) == (claim, part, ada)
    assert (made.reason, made.comment) == ("unclear_image", "blurred")
    claim.refresh_from_db()
    assert claim.closed_at is not None
    assert queue.claim(reviewer=ada) is None
    assert queue.claim(reviewer=ada, product=part.product) is None
    assert queue_stats.waiting_count() == 1
    assert (queue_stats.waiting_count(reviewer=ada), queue_stats.waiting_count_by_product(ada)) == (0, {})
    assert (queue_stats.waiting_count(reviewer=bob), queue_stats.waiting_count_by_product(bob)) == (
        1,
        {part.product_id: 1},
    )
    assert claim_next(bob).inspection == part


def test_the_next_part_comes_instead(product: Product, ada: User) -> None:
    first, second = make_part(product), make_part(product)
    skip(claim_next(ada), reason="other")
    assert claim_next(ada).inspection == second
    assert claim_next(ada, product=first.product).inspection == second


def test_it_comes_back_after_a_shift(part: Inspection, ada: User) -> None:
    skipped = skip(claim_next(ada), reason="cannot_decide")
    move_skip_back(skipped, SKIP_HOURS - 0.1)
    assert queue.claim(reviewer=ada) is None
    move_skip_back(skipped, SKIP_HOURS + 0.1)
    assert claim_next(ada).inspection == part


def test_a_label_in_doubt_can_be_skipped(part: Inspection, ada: User, bob: User) -> None:
    label = review.correct(part, by=bob, verdict="FAIL")
    Recheck.objects.create(inspection=part, label=label, given="FAIL", reason=Recheck.Reason.SECOND)
    skip(claim_next(ada), reason="cannot_decide")
    assert queue.claim(reviewer=ada) is None
    assert Recheck.objects.open().exists()
    assert queue.claim_part(part, reviewer=ada).inspection == part


def test_a_skip_is_taken_back_by_claiming_the_part(part: Inspection, ada: User) -> None:
    skip(claim_next(ada), reason="other")
    again = queue.claim_part(part, reviewer=ada)
    assert review.resolve(again, verdict="PASS").inspection == part


def test_the_same_skip_again_is_one_row(part: Inspection, ada: User) -> None:
    claim = claim_next(ada)
    first = skip(claim, reason="other", comment="a")
    assert skip(claim, reason="other", comment="b") == first
    assert Skip.objects.count() == 1
    with pytest.raises(ClaimLost):
        skip(claim, reason="not_a_part")


def test_a_lease_that_ran_out_still_counts_while_nobody_has_the_part(part: Inspection, ada: User, bob: User) -> None:
    claim = claim_next(ada)
    let_expire(claim)
    queue.close_expired_claims()
    assert skip(claim, reason="other").inspection == part
    assert claim_next(bob).inspection == part


def test_it_refuses_what_went_to_somebody_else(part: Inspection, ada: User, bob: User) -> None:
    claim = claim_next(ada)
    let_expire(claim)
    claim_next(bob)
    with pytest.raises(ClaimLost):
        skip(claim, reason="other")
    assert not Skip.objects.exists()


def test_it_refuses_what_was_resolved_or_settled(product: Product, ada: User, bob: User) -> None:
    make_part(product), make_part(product)
    claim = claim_next(ada)
    review.resolve(claim, verdict="PASS")
    with pytest.raises(ClaimLost):
        skip(claim, reason="other")
    other = claim_next(ada)
    review.correct(other.inspection, by=bob, verdict="FAIL")
    with pytest.raises(ClaimLost):
        skip(other, reason="other")


def test_it_refuses_an_unknown_reason(part: Inspection, ada: User) -> None:
    claim = claim_next(ada)
    with pytest.raises(InvalidReason, match="unclear_image"):
        skip(claim, reason="lunch")
    claim.refresh_from_db()
    assert claim.closed_at is None


def test_the_database_refuses_to_rewrite_a_skip(part: Inspection, ada: User) -> None:
    made = skip(claim_next(ada), reason="other")
    with pytest.raises(ProgrammingError, match="Cannot update"), transaction.atomic():
        Skip.objects.filter(pk=made.pk).update(reason="not_a_part")


def test_the_parts_life_tells_it_once(part: Inspection, ada: User) -> None:
    skip(claim_next(ada), reason="not_a_part", comment="a glove")
    told = [event for event in build_timeline(part) if event.kind in ("skip", "look")]
    assert [(event.text, event.detail) for event in told] == [
        ("Skipped by ada", "The image shows another part or none: “a glove”")
    ]


@pytest.mark.django_db(transaction=True)
def test_of_a_skip_and_a_verdict_at_once_one_stands() -> None:
    ada = make_person("ada")
    make_part(make_product())
    claim = claim_next(ada)

    def or_lost(step: partial[Label] | partial[Skip]) -> str:
        try:
            return type(step()).__name__
        except ClaimLost:
            return "lost"

    steps = [partial(skip, claim, reason="other"), partial(review.resolve, claim, verdict="PASS")] * 4
    run_concurrently([partial(or_lost, step) for step in steps])  # type: ignore[arg-type]
    assert Skip.objects.count() <= 1
    assert Label.objects.count() + Skip.objects.count() >= 1
    assert not Claim.objects.filter(closed_at=None).exists()
    if Label.objects.exists() and Skip.objects.exists():
        assert Skip.objects.get().created_at < Label.objects.get().created_at, "A person's last word counts."
