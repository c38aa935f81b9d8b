"""Many claims by fifty reviewers who all want the same parts: judged, given back, run out, taken back."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from itertools import count, pairwise
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db.models import F, Q
from django.db.models.functions import Now

from inspection.models import Inspection, Product
from labeling.models import Claim, Label, Review
from labeling.queue import queue, queue_stats
from labeling.refusals import ClaimLost
from labeling.review import review
from tests.labeling.concurrency import run_concurrently
from tests.labeling.conftest import make_person, make_product, unsaved_part
from tests.stress import stress_count

# Full, some forty seconds on two cores that do nothing else.
pytestmark = [pytest.mark.slow(8), pytest.mark.timeout(600), pytest.mark.django_db(transaction=True)]
RACES, REVIEWERS, PARTS = stress_count(500, 5_000), 50, stress_count(120, 1_200)


class Reviewer:
    """One person, who claims and then does what people do; each by chance, the same at every run."""

    def __init__(self, number: int, product: Product, races: count[int]) -> None:
        self.person: User = make_person(f"person-{number}")
        self.done: Counter[str] = Counter()
        self.waited: dict[UUID, timedelta] = {}
        self._product, self._races = product, races
        self._chance = random.Random(number)
        self._labels: list[Label] = []

    def work(self) -> None:
        """Claim until there were enough races, then work off what is left."""
        while next(self._races) < RACES:
            self._claim_once()
        while (claim := self._claim()) is not None:
            review.resolve(claim, verdict="PASS")
            self.done["worked off"] += 1

    def _claim(self, product: Product | None = None) -> Claim | None:
        begun = time.monotonic()
        claim = queue.claim(reviewer=self.person, product=product)
        if claim is not None:
            self.waited[claim.pk] = timedelta(seconds=time.monotonic() - begun)
        return claim

    def _claim_once(self) -> None:
        claim = self._claim(self._product)
        if claim is None:
            self.done["nothing left"] += 1
            return
        self.done["claims"] += 1
        roll = self._chance.random()
        if roll < 0.6:
            queue.release(claim)
            self.done["given back"] += 1
        elif roll < 0.75:
            self._let_claim_expire(claim)
        else:
            self._judge(claim)
        if self._labels and self._chance.random() < 0.05:
            review.undo(self._labels.pop(), by=self.person)
            self.done["taken back"] += 1

    def _let_claim_expire(self, claim: Claim) -> None:
        """The lease ends while the person still looks; half of them say their verdict all the same."""
        Claim.objects.filter(pk=claim.pk).update(expires_at=Now() - timedelta(seconds=1))
        self.done["run out"] += 1
        if self._chance.random() < 0.5:
            time.sleep(0.05)
            self._judge(claim)

    def _judge(self, claim: Claim) -> None:
        try:
            self._labels.append(review.resolve(claim, verdict=self._chance.choice(("PASS", "FAIL"))))
            self.done["judged"] += 1
        except ClaimLost:
            self.done["lost to another"] += 1


def owners_at_once(waited: Mapping[UUID, timedelta]) -> list[tuple[Claim, Claim]]:
    """Claims of one part of which the later was held before the earlier ended.

    A claim has the time at which its statement began. The statement may have waited for the end of the earlier one.
    """
    claims = list(Claim.objects.order_by("inspection_id", "created_at", "closed_at"))
    return [
        (earlier, later)
        for earlier, later in pairwise(claims)
        if earlier.inspection_id == later.inspection_id
        and (earlier.closed_at is None or later.created_at + waited[later.pk] < earlier.closed_at)
    ]


def test_five_thousand_races_leave_no_part_with_two_owners_and_none_stuck(capsys: pytest.CaptureFixture[str]) -> None:
    product = make_product()
    Product.objects.update(second_share=0, repeat_share=0)  # a second look would be a second verdict
    Inspection.objects.bulk_create(unsaved_part(product) for _ in range(PARTS))
    races = count()
    people = [Reviewer(number, product, races) for number in range(REVIEWERS)]
    begun = time.monotonic()
    run_concurrently([partial(person.work) for person in people])
    seconds = time.monotonic() - begun
    done = sum((person.done for person in people), Counter[str]())
    with capsys.disabled():
        print(
            f"\n{RACES} claim races by {REVIEWERS} threads in {seconds:.1f} s ({RACES / seconds:.0f}/s): {dict(done)}"
        )
    assert done["claims"] + done["nothing left"] == RACES
    assert not owners_at_once({key: waited for person in people for key, waited in person.waited.items()})
    assert not Claim.objects.filter(closed_at=None).exists()
    assert not Claim.objects.filter(closed_at__lt=F("created_at")).exists()
    assert queue_stats.waiting_count() == 0
    settled = Inspection.objects.filter(resolved_at__isnull=False)
    assert settled.count() == Label.objects.not_undone().count() == PARTS
    assert set(settled.values_list("pk")) == set(Label.objects.not_undone().values_list("inspection"))
    assert Review.objects.count() == done["judged"] + done["worked off"] == PARTS + done["taken back"]
    assert not Inspection.objects.filter(~Q(human_verdict__in=["PASS", "FAIL"])).exists()
