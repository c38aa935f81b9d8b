"""Where labels in doubt stand in the queue, and who gets them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from django.contrib.auth.models import User

from inspection.models import Inspection, Product, Verdict
from labeling.models import Label, Recheck
from labeling.queue import queue, recheck_queue
from labeling.rechecks.label_rechecks import open_rechecks
from labeling.review import review
from tests.labeling.concurrency import at_once
from tests.labeling.conftest import make_part, make_person, make_product
from tests.labeling.rechecks.label_issues import claimed, doubting_version, labeled


def test_waiting_parts_come_first_and_ones_own_labels_last(product: Product, ada: User) -> None:
    own, others = labeled(product, by=ada), labeled(product)
    open_rechecks(doubting_version(product, own, others))
    waiting = make_part(product)
    seen = [review.resolve(claimed(ada), verdict="FAIL").inspection for _ in range(3)]
    assert seen == [waiting, others.inspection, own.inspection]


def test_a_busy_line_does_not_keep_people_from_them(
    product: Product, ada: User, doubt: Recheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_part(product)
    monkeypatch.setattr(recheck_queue, "first", lambda _: True)
    assert claimed(ada).inspection == doubt.inspection


def test_it_keeps_to_the_product_asked_for(ada: User, doubt: Recheck) -> None:
    assert queue.claim(reviewer=ada, product=make_product("tile")) is None
    found = queue.claim(reviewer=ada, product=doubt.inspection.product)
    assert found is not None
    assert found.inspection == doubt.inspection


@pytest.mark.django_db(transaction=True)
def test_reviewers_at_once_judge_each_doubt_once() -> None:
    product = make_product()
    open_rechecks(doubting_version(product, *[labeled(product) for _ in range(20)]))

    def work(person: User) -> list[Inspection]:
        seen = []
        while (claim := queue.claim(reviewer=person)) is not None:
            seen.append(review.resolve(claim, verdict="PASS").inspection)
        return seen

    steps: list[Callable[[], list[Inspection]]] = [partial(work, make_person(f"person-{n}")) for n in range(6)]
    seen = [part.pk for parts in at_once(steps) for part in parts]
    assert len(seen) == len(set(seen)) == 20
    assert Recheck.objects.filter(outcome=Recheck.Outcome.CHANGED).count() == 20
    assert set(Label.objects.standing().values_list("verdict", flat=True)) == {Verdict.PASS.value}
