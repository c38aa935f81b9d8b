"""Claiming parts from the review queue."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from inspection.models import Inspection, Product, Verdict
from labeling.models import Claim
from labeling.queue import queue, queue_stats
from labeling.refusals import ClaimLost
from tests.labeling.conftest import make_part, make_product


def let_expire(claim: Claim) -> None:
    Claim.objects.filter(pk=claim.pk).update(expires_at=Now() - timedelta(seconds=1))


def claim_next(reviewer: User, **options: object) -> Claim:
    found = queue.claim(reviewer=reviewer, **options)  # type: ignore[arg-type]
    assert found is not None
    return found


def set_received_at(part: Inspection, hours_ago: float) -> Inspection:
    Inspection.objects.filter(pk=part.pk).update(received_at=timezone.now() - timedelta(hours=hours_ago))
    return part


def test_it_gives_the_oldest_waiting_part_for_two_minutes(product: Product, ada: User) -> None:
    set_received_at(make_part(product), 1)
    oldest = set_received_at(make_part(product), 2)
    claim = claim_next(ada)
    assert claim.inspection == oldest
    assert claim.expires_at - claim.created_at == timedelta(seconds=120)
    assert claim.closed_at is None


def test_it_gives_nothing_when_nothing_waits(product: Product, ada: User) -> None:
    make_part(product, verdict=Verdict.PASS)
    make_part(product, resolved_at=timezone.now())
    make_part(product, state=Inspection.State.PENDING, verdict=None)
    assert queue.claim(reviewer=ada) is None


def test_it_gives_no_part_twice(part: Inspection, ada: User, bob: User) -> None:
    claim_next(ada)
    assert queue.claim(reviewer=bob) is None


def test_it_keeps_to_the_product_asked_for(product: Product, ada: User) -> None:
    other = make_part(make_product("case"))
    make_part(product)
    assert claim_next(ada, product=other.product).inspection == other
    assert queue.claim(reviewer=ada, product=make_product("tile")) is None


def test_a_reload_hands_the_same_claim_back_renewed(product: Product, ada: User) -> None:
    make_part(product), make_part(product)
    first = claim_next(ada)
    Claim.objects.filter(pk=first.pk).update(expires_at=Now() + timedelta(seconds=5))
    again = claim_next(ada)
    assert again.pk == first.pk
    assert again.expires_at > timezone.now() + timedelta(seconds=60)


def test_a_page_that_preloads_gets_the_next_part(product: Product, ada: User) -> None:
    parts = [make_part(product) for _ in range(3)]
    first = claim_next(ada)
    second = claim_next(ada, excluding=[first.pk])
    third = claim_next(ada, excluding=[first.pk, second.pk])
    assert [first.inspection, second.inspection, third.inspection] == parts
    assert list(queue.held_claims(ada)) == [first, second, third]
    # A reload, which knows of none, gets the first again.
    assert claim_next(ada) == first


def test_it_refuses_a_reviewer_more_than_they_can_see(product: Product, ada: User, bob: User) -> None:
    for _ in range(queue.MAX_HELD_CLAIMS + 2):
        make_part(product)
    held = [claim_next(ada).pk]
    while (more := queue.claim(reviewer=ada, excluding=held)) is not None:
        held.append(more.pk)
    assert len(held) == queue.MAX_HELD_CLAIMS
    assert queue.claim(reviewer=bob) is not None


def test_an_expired_claim_frees_its_part(part: Inspection, ada: User, bob: User) -> None:
    stale = claim_next(ada)
    let_expire(stale)
    taken = claim_next(bob)
    assert taken.inspection == part
    stale.refresh_from_db()
    assert stale.closed_at is not None


def test_renewing_moves_the_end_of_the_lease(part: Inspection, ada: User, bob: User) -> None:
    claim = claim_next(ada)
    let_expire(claim)
    assert queue.renew(claim).expires_at > timezone.now()
    assert queue.claim(reviewer=bob) is None


def test_it_refuses_to_renew_a_closed_claim(part: Inspection, ada: User) -> None:
    claim = claim_next(ada)
    queue.release(claim)
    with pytest.raises(ClaimLost):
        queue.renew(claim)


def test_a_released_part_goes_to_the_next_reviewer(part: Inspection, ada: User, bob: User) -> None:
    claim = claim_next(ada)
    queue.release(claim)
    queue.release(claim)
    assert claim_next(bob).inspection == part


def test_one_part_can_be_claimed_by_name(product: Product, ada: User) -> None:
    make_part(product)
    wanted = make_part(product)
    claim = queue.claim_part(wanted, reviewer=ada)
    assert claim.inspection == wanted
    assert queue.claim_part(wanted, reviewer=ada).pk == claim.pk


def test_it_refuses_a_named_part_that_another_holds(part: Inspection, ada: User, bob: User) -> None:
    claim_next(ada)
    with pytest.raises(ClaimLost):
        queue.claim_part(part, reviewer=bob)


def test_it_refuses_a_named_part_that_waits_for_nobody(product: Product, ada: User) -> None:
    with pytest.raises(ClaimLost):
        queue.claim_part(make_part(product, verdict=Verdict.PASS), reviewer=ada)


def test_it_counts_what_waits_and_how_long(product: Product, ada: User) -> None:
    assert queue_stats.longest_wait() is None
    set_received_at(make_part(product), 3)
    set_received_at(make_part(make_product("case")), 5)
    claim_next(ada)
    assert (queue_stats.waiting_count(), queue_stats.waiting_count(product)) == (2, 1)
    wait = queue_stats.longest_wait(product)
    assert wait is not None
    assert timedelta(hours=3) <= wait < timedelta(hours=3, minutes=1)


def test_the_database_refuses_two_open_claims_on_a_part(part: Inspection, ada: User, bob: User) -> None:
    claim_next(ada)
    with pytest.raises(IntegrityError), transaction.atomic():
        Claim.objects.create(inspection=part, reviewer=bob, created_at=Now(), expires_at=Now())
