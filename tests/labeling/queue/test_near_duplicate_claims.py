"""Near-identical parts that wait are claimed for one person, and judged claim by claim."""

from __future__ import annotations

import re
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inspection.models import Inspection, Product
from labeling.models import Claim, Label, Recheck
from labeling.queue import near_duplicate_claims, queue
from labeling.refusals import ClaimLost
from labeling.review import review
from labeling.review.skips import skip
from tests.labeling.api.test_api import assert_error, client_of
from tests.labeling.concurrency import run_concurrently
from tests.labeling.conftest import make_part, make_person, make_product
from tests.labeling.queue.test_queue import claim_next, let_expire
from tests.labeling.queue.test_queue_speed import long_queue, scans  # noqa: F401 - a fixture


def make_near_duplicates(product: Product, duplicates: int) -> list[Inspection]:
    """A part and others that look the same, oldest first."""
    first = make_part(product)
    return [first, *(make_part(product, duplicate_of=first, similarity=1.0) for _ in range(duplicates))]


def parts_of(claims: list[Claim]) -> list[Inspection]:
    return [claim.inspection for claim in claims]


def test_a_group_is_claimed_with_one_of_its_parts(product: Product, ada: User, bob: User) -> None:
    parts = make_near_duplicates(product, 3)
    other = make_part(product)
    for part in (parts[0], parts[2]):
        claim = queue.claim_part(part, reviewer=ada)
        expected = [one for one in parts if one != part]
        assert near_duplicate_claims.near_duplicate_count(part) == 3
        claims = near_duplicate_claims.claim_near_duplicates(claim)
        assert parts_of(claims) == expected
        assert {one.reviewer for one in claims} == {ada}
        assert claim_next(bob).inspection == other
        Claim.objects.all().delete()


def test_each_of_them_gets_its_own_verdict(product: Product, ada: User) -> None:
    parts = make_near_duplicates(product, 2)
    claim = claim_next(ada)
    for one in [claim, *near_duplicate_claims.claim_near_duplicates(claim)]:
        review.resolve(one, verdict="PASS")
    assert Label.objects.count() == len(parts)
    assert not queue.held_claims(ada).exists()


def test_a_group_is_claimed_once_and_then_renewed(product: Product, ada: User) -> None:
    make_near_duplicates(product, near_duplicate_claims.MAX_NEAR_DUPLICATES + 6)
    claim = claim_next(ada)
    first = near_duplicate_claims.claim_near_duplicates(claim)
    assert len(first) == near_duplicate_claims.MAX_NEAR_DUPLICATES
    again = near_duplicate_claims.claim_near_duplicates(claim)
    assert again == first
    assert all(new.expires_at > old.expires_at for new, old in zip(again, first, strict=True))
    assert near_duplicate_claims.near_duplicate_count(claim.inspection) == near_duplicate_claims.MAX_NEAR_DUPLICATES


def test_what_the_page_loaded_ahead_is_of_the_group(product: Product, ada: User) -> None:
    parts = make_near_duplicates(product, 4)
    first = claim_next(ada)
    ahead = claim_next(ada, excluding=[first.pk])
    assert near_duplicate_claims.near_duplicate_count(first.inspection) == 4
    claims = near_duplicate_claims.claim_near_duplicates(first)
    assert parts_of(claims) == parts[1:]
    assert ahead in claims
    assert queue.held_claims(ada).count() == 5


def test_a_group_over_the_limit_keeps_nobody_from_the_next_part_for_ever(product: Product, ada: User) -> None:
    parts = make_near_duplicates(product, queue.MAX_HELD_CLAIMS + 2)
    other = make_part(product)
    first = claim_next(ada)
    held = [first, *near_duplicate_claims.claim_near_duplicates(first)]
    assert len(held) > queue.MAX_HELD_CLAIMS
    known = [one.pk for one in held]
    assert queue.claim(reviewer=ada, excluding=known) is None, "Held until they are judged."
    # A reload, which knows of none, gets each of them again.
    shown: list[Claim] = []
    while (own := queue.claim(reviewer=ada, excluding=[one.pk for one in shown])) is not None:
        shown.append(own)
    assert {one.pk for one in shown} == set(known)
    # Judged, given back and run out: each makes room.
    for one in held[:3]:
        review.resolve(one, verdict="PASS")
    queue.release(held[3])
    let_expire(held[4])
    room = claim_next(ada, excluding=known)
    assert room.inspection in [parts[3], parts[4], other]


def test_a_group_whose_page_is_gone_goes_back_to_the_queue(product: Product, ada: User, bob: User) -> None:
    make_near_duplicates(product, 6)
    for one in [claim := claim_next(ada), *near_duplicate_claims.claim_near_duplicates(claim)]:
        let_expire(one)
    taken = [claim_next(bob), claim_next(ada)]
    assert len({one.inspection_id for one in taken}) == 2
    assert Claim.objects.filter(closed_at=None).count() == 2


def test_it_passes_over_what_others_hold_or_settled_and_what_was_skipped(
    product: Product, ada: User, bob: User
) -> None:
    parts = make_near_duplicates(product, 4)
    queue.claim_part(parts[1], reviewer=bob)
    review.correct(parts[2], by=bob, verdict="PASS")
    skip(queue.claim_part(parts[3], reviewer=ada), reason="other")
    claim = queue.claim_part(parts[0], reviewer=ada)
    assert near_duplicate_claims.near_duplicate_count(parts[0]) == 1
    assert parts_of(near_duplicate_claims.claim_near_duplicates(claim)) == [parts[4]]


def test_the_first_may_be_settled_long_ago(product: Product, ada: User) -> None:
    first, one, other = make_near_duplicates(product, 2)
    Inspection.objects.filter(pk=first.pk).update(resolved_at=timezone.now())
    claim = queue.claim_part(one, reviewer=ada)
    assert parts_of(near_duplicate_claims.claim_near_duplicates(claim)) == [other]


def test_a_part_without_likes_stands_alone(product: Product, ada: User) -> None:
    make_part(product), make_part(product)
    claim = claim_next(ada)
    with CaptureQueriesContext(connection) as asked:
        assert near_duplicate_claims.near_duplicate_count(claim.inspection) == 0
    assert len(asked) == 1
    assert near_duplicate_claims.claim_near_duplicates(claim) == []
    # Judged again, blind: alone.
    first, _ = make_near_duplicates(product, 1)
    label = review.correct(first, by=ada, verdict="FAIL")
    Recheck.objects.create(inspection=first, label=label, given="FAIL", reason=Recheck.Reason.REPEAT)
    again = queue.claim_part(first, reviewer=ada)
    assert near_duplicate_claims.claim_near_duplicates(again) == []
    assert near_duplicate_claims.near_duplicate_count(again.inspection) == 0


def test_it_refuses_a_claim_that_is_closed(product: Product, ada: User, bob: User) -> None:
    make_near_duplicates(product, 2)
    claim = claim_next(ada)
    queue.release(claim)
    with pytest.raises(ClaimLost):
        near_duplicate_claims.claim_near_duplicates(claim)
    assert not Claim.objects.filter(closed_at=None).exists()


@pytest.mark.parametrize("repeats", [0, 3, 400])
def test_a_group_is_found_by_index(long_queue: Product, ada: User, repeats: int) -> None:  # noqa: F811
    claim = claim_next(ada, product=long_queue)
    waiting = Inspection.objects.awaiting_review().exclude(pk=claim.inspection_id).order_by("pk")
    alike = list(waiting.filter(product=long_queue).values_list("pk", flat=True)[:repeats])
    Inspection.objects.filter(pk__in=alike).update(duplicate_of=claim.inspection)
    # A long line has runs of other parts, too.
    first, *others = waiting.exclude(product=long_queue).values_list("pk", flat=True)[:4000]
    Inspection.objects.filter(pk__in=others).update(duplicate_of=first)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE inspection_inspection, labeling_claim")
    with CaptureQueriesContext(connection) as asked:
        number = near_duplicate_claims.near_duplicate_count(claim.inspection)
        claims = near_duplicate_claims.claim_near_duplicates(claim)
    assert number == len(claims) == min(repeats, near_duplicate_claims.MAX_NEAR_DUPLICATES)
    looks = [query["sql"] for query in asked if 'repeat_of_id" =' in query["sql"]]
    assert looks
    with connection.cursor() as cursor:
        for look in looks:
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {look}")
            plan = cursor.fetchone()[0][0]["Plan"]
            # Of those that wait, or of all: where there are few, PostgreSQL takes either.
            assert "inspection_repeats" in str(plan) or "inspection_repeated" in str(plan)
            assert all(rows <= repeats + 24 for _, rows in scans(plan)), scans(plan)


@pytest.mark.django_db(transaction=True)
def test_of_two_reviewers_at_once_each_part_goes_to_one() -> None:
    product = make_product()
    parts = make_near_duplicates(product, 12)
    people = [make_person(f"person-{number}") for number in range(4)]
    claims = [queue.claim_part(part, reviewer=person) for part, person in zip(parts, people, strict=False)]
    steps = [partial(near_duplicate_claims.claim_near_duplicates, claim) for claim in claims for _ in range(2)]
    groups = run_concurrently(steps)
    held = list(Claim.objects.filter(closed_at=None))
    assert len(held) == len(parts) == len({one.inspection_id for one in held})
    for claim, twice in zip(claims, zip(groups[::2], groups[1::2], strict=True), strict=True):
        for group in twice:
            assert {one.reviewer_id for one in group} <= {claim.reviewer_id}


def test_over_rest_it_answers_claims(product: Product, ada: User, bob: User) -> None:
    parts = make_near_duplicates(product, 2)
    client, claim = client_of(ada), claim_next(ada)
    address = f"/api/v1/queue/{claim.pk}/alike/"
    answer = client.post(address)
    assert answer.status_code == 200
    body: list[dict[str, Any]] = answer.json()
    assert [set(one) for one in body] == [{"claim", "inspection", "expires_at", "again", "dispute"}] * 2
    assert [one["inspection"]["id"] for one in body] == [str(part.pk) for part in parts[1:]]
    assert client.post("/api/v1/queue/claim/", {"excluding": [str(uuid4()) for _ in range(27)]}).status_code == 200
    assert_error(client_of(bob).post(address), 404, "not_found")
    assert_error(client.post("/api/v1/queue/x/alike/"), 404, "not_found")
    queue.release(claim)
    assert_error(client.post(address), 409, "claim_lost")


def test_the_page_gets_a_sheet_of_buttons(product: Product, ada: User, bob: User, client: Client) -> None:
    parts = make_near_duplicates(product, 2)
    claim = claim_next(ada)
    client.force_login(ada)
    answer = client.post("/review/alike/", {"claim": str(claim.pk)})
    assert (answer.status_code, answer["Cache-Control"]) == (200, "private, no-store")
    html = answer.content.decode()
    claims = [
        claim.pk,
        *(one.pk for one in queue.held_claims(ada).exclude(pk=claim.pk).order_by("inspection__received_at")),
    ]
    assert f'data-claims="{" ".join(map(str, claims))}"' in html
    assert re.findall(r'data-inspection="([^"]+)"', html) == [str(part.pk) for part in parts]
    assert html.count('aria-pressed="true"') == 3
    assert "3 similar parts" in html
    for one in queue.held_claims(ada):
        review.resolve(one, verdict="PASS")
    assert client.post("/review/alike/", {"claim": str(claim.pk)}).status_code == 409
    make_part(product)
    alone = claim_next(ada)
    assert client.post("/review/alike/", {"claim": str(alone.pk)}).status_code == 204
    client.force_login(bob)
    assert client.post("/review/alike/", {"claim": str(alone.pk)}).status_code == 403
    assert client.post("/review/alike/", {"claim": "x"}).status_code == 403
