"""Many reviewers at once, each on a connection of their own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from labeling.models import Claim, Label
from labeling.queue import queue, queue_stats
from labeling.refusals import AlreadyUndone, ClaimLost
from labeling.review import review
from tests.labeling.concurrency import judge_all, run_concurrently
from tests.labeling.conftest import make_part, make_person, make_product

pytestmark = pytest.mark.django_db(transaction=True)


def label_or_none(step: Callable[[], Label]) -> Label | None:
    try:
        return step()
    except ClaimLost:
        return None


def test_thirty_reviewers_get_thirty_different_parts() -> None:
    product = make_product()
    people = [make_person(f"person-{number}") for number in range(30)]
    for _ in range(25):
        make_part(product)
    claims = run_concurrently([partial(queue.claim, reviewer=person) for person in people])
    parts = [claim.inspection_id for claim in claims if claim is not None]
    assert len(parts) == len(set(parts)) == 25
    assert Claim.objects.filter(closed_at__isnull=True).count() == 25


def test_the_whole_queue_is_worked_off_without_a_part_seen_twice() -> None:
    product = make_product()
    for _ in range(60):
        make_part(product)
    seen = judge_all([make_person(f"person-{number}") for number in range(10)], "PASS")
    assert len(seen) == len(set(seen)) == 60
    assert Label.objects.count() == 60
    assert queue_stats.waiting_count() == 0


def test_one_reviewer_in_many_tabs_never_holds_more_than_the_limit() -> None:
    product = make_product()
    ada = make_person("ada")
    for _ in range(20):
        make_part(product)
    for _ in range(2):
        # Each tab excludes what is held, so each asks for a part more.
        known = [claim.pk for claim in queue.held_claims(ada)]
        run_concurrently([partial(queue.claim, reviewer=ada, excluding=known) for _ in range(8)])
    assert 1 <= queue.held_claims(ada).count() <= queue.MAX_HELD_CLAIMS


def test_a_verdict_sent_many_times_at_once_is_one_label() -> None:
    ada = make_person("ada")
    make_part(make_product())
    claim = queue.claim(reviewer=ada)
    assert claim is not None
    labels = run_concurrently([partial(review.resolve, claim, verdict="FAIL") for _ in range(8)])
    assert {label.pk for label in labels} == {Label.objects.get().pk}


def test_of_two_verdicts_at_once_on_a_claim_one_stands() -> None:
    ada = make_person("ada")
    make_part(make_product())
    claim = queue.claim(reviewer=ada)
    assert claim is not None
    wanted = ["PASS", "FAIL"] * 4
    labels = run_concurrently([partial(label_or_none, partial(review.resolve, claim, verdict=word)) for word in wanted])
    kept = {label.verdict for label in labels if label is not None}
    assert kept == {Label.objects.get().verdict}


def test_a_part_undone_many_times_at_once_is_undone_once() -> None:
    ada = make_person("ada")
    label = review.correct(make_part(make_product()), by=ada, verdict="FAIL")

    def undone() -> bool:
        try:
            review.undo(label, by=ada)
        except AlreadyUndone:
            return False
        return True

    assert sum(run_concurrently([undone] * 8)) == 1


def test_a_part_taken_back_is_not_lost_to_what_the_page_fetches_ahead() -> None:
    product = make_product()
    ada = make_person("ada")
    for _ in range(20):
        part = make_part(product)
        label = review.correct(part, by=ada, verdict="PASS")
        claims = run_concurrently(
            [partial(review.undo_and_claim, label, by=ada), *[partial(queue.claim, reviewer=ada)] * 4]
        )
        assert claims[0] is not None and claims[0].inspection == part
        Claim.objects.filter(closed_at__isnull=True).delete()
        review.correct(part, by=ada, verdict="PASS")
