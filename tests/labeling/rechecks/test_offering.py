"""Where labels in doubt stand in the queue, and who gets them."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from inspection.models import Product, Verdict
from labeling.models import Label, Recheck
from labeling.queue import queue, recheck_queue
from labeling.rechecks.label_rechecks import open_rechecks
from labeling.review import review
from tests.labeling.concurrency import judge_all
from tests.labeling.conftest import make_part, make_person, make_product
from tests.labeling.rechecks.label_issues import claim_next, make_imported_label, make_version_with_label_issues


def test_waiting_parts_come_first_and_ones_own_labels_last(product: Product, ada: User) -> None:
    own, others = make_imported_label(product, by=ada), make_imported_label(product)
    open_rechecks(make_version_with_label_issues(product, own, others))
    waiting = make_part(product)
    seen = [review.resolve(claim_next(ada), verdict="FAIL").inspection for _ in range(3)]
    assert seen == [waiting, others.inspection, own.inspection]


def test_a_busy_line_does_not_keep_people_from_them(
    product: Product, ada: User, label_issue_recheck: Recheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_part(product)
    monkeypatch.setattr(recheck_queue, "offer_recheck_first", lambda _: True)
    assert claim_next(ada).inspection == label_issue_recheck.inspection


def test_it_keeps_to_the_product_asked_for(ada: User, label_issue_recheck: Recheck) -> None:
    assert queue.claim(reviewer=ada, product=make_product("tile")) is None
    found = queue.claim(reviewer=ada, product=label_issue_recheck.inspection.product)
    assert found is not None
    assert found.inspection == label_issue_recheck.inspection


@pytest.mark.django_db(transaction=True)
def test_reviewers_at_once_judge_each_doubt_once() -> None:
    product = make_product()
    open_rechecks(make_version_with_label_issues(product, *[make_imported_label(product) for _ in range(20)]))
    seen = judge_all([make_person(f"person-{number}") for number in range(6)], "PASS")
    assert len(seen) == len(set(seen)) == 20
    assert Recheck.objects.filter(outcome=Recheck.Outcome.CHANGED).count() == 20
    assert set(Label.objects.standing().values_list("verdict", flat=True)) == {Verdict.PASS.value}
