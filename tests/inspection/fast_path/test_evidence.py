"""The full graph's later answers are counted, and refute a certificate that does not hold."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from inspection.fast_path.evidence import evidence, leaked_parts, products_to_learn, switch_off_refuted
from inspection.models import FastPath, Inspection, PolicyChange, Product
from mltasks.models import ModelVersion
from mltasks.vision.guarantees.screening_certificate import leak_is_refuted
from tests.inspection.scoring.drawn_fast_path import add_fast_path
from tests.tiny_model import MakeVersion


@pytest.fixture
def champion(product: Product, make_version: MakeVersion) -> ModelVersion:
    return make_version(product, champion=True)


@pytest.fixture
def learned(product: Product, champion: ModelVersion) -> FastPath:
    return add_fast_path(product, champion)


def add_parts(learned: FastPath, count: int, *, by_fast_path: bool = True, **fields: object) -> None:
    values = {
        "product": learned.product,
        "model_version": learned.version,
        "state": "decided",
        "verdict": "PASS",
        "fast_path": learned if by_fast_path else None,
        **dict.fromkeys(("image_width", "image_height", "image_bytes"), 1),
        **fields,
    }
    added = Inspection.objects.bulk_create(Inspection(**values) for _ in range(count))
    Inspection.objects.filter(pk__in=[part.pk for part in added]).update(received_at=timezone.now())


def test_it_counts_what_the_fast_path_passed_and_what_the_full_graph_did_not(learned: FastPath) -> None:
    add_parts(learned, 5, full_graph_passes=True)
    add_parts(learned, 3, scoring_deferred=True)
    add_parts(learned, 1, full_graph_passes=False)
    add_parts(learned, 4, by_fast_path=False, verdict="FAIL")
    add_parts(learned, 2, by_fast_path=False, verdict="REVIEW", reasons=["low_confidence"])
    add_parts(learned, 2, by_fast_path=False, verdict="REVIEW", reasons=["audit_sample"])
    add_parts(learned, 2, by_fast_path=False)

    found = evidence(learned)

    assert (found.passed, found.waiting, found.leaks, found.not_passed) == (9, 3, 1, 7)
    assert found.leak_bound == pytest.approx(0.5207, abs=1e-4)
    assert not found.refuted
    assert leaked_parts(learned).count() == 1


def test_a_refuted_certificate_switches_it_off_and_the_audit_log_says_why(learned: FastPath) -> None:
    add_parts(learned, 8, full_graph_passes=False)
    add_parts(learned, 60, by_fast_path=False, verdict="FAIL")

    assert switch_off_refuted() == [learned.product]

    product = Product.objects.get()
    assert (product.fast_path_enabled, product.fast_path) == (False, learned)
    change = PolicyChange.objects.first()
    assert change is not None and change.after == {"fast_path_enabled": False}
    assert "of 68 parts that the full model does not pass, the fast path passed 8" in change.reason
    assert switch_off_refuted() == []


def test_a_leak_within_the_share_leaves_it_on(learned: FastPath) -> None:
    add_parts(learned, 1, full_graph_passes=False)
    add_parts(learned, 100, by_fast_path=False, verdict="FAIL")

    assert switch_off_refuted() == []
    assert Product.objects.get().fast_path_enabled


def test_parts_from_before_do_not_count(learned: FastPath) -> None:
    add_parts(learned, 3, by_fast_path=False, verdict="FAIL")
    Inspection.objects.update(received_at=learned.created_at - timedelta(days=1))

    assert evidence(learned).not_passed == 0
    assert evidence(learned).leak_bound is None


def test_a_product_without_a_fast_path_for_its_champion_learns(
    learned: FastPath, product: Product, make_version: MakeVersion
) -> None:
    assert products_to_learn() == []
    product.escape_promise = 0.02
    product.save()
    assert products_to_learn() == [product]
    product.fast_path_enabled = False
    product.save()
    assert products_to_learn() == []


@pytest.mark.parametrize("share", [0.01, 0.05])
def test_a_certificate_that_holds_is_rarely_refuted_however_often_one_looks(share: float) -> None:
    refuted = 0
    for run in range(400):
        leaks = np.cumsum(np.random.default_rng([5, run]).random(2000) < share)
        refuted += any(leak_is_refuted(int(leaks[at]), at + 1, share) for at in range(9, 2000, 10))

    print(f"share {share:.0%}: {refuted} of 400 refuted at one of 200 looks")
    assert refuted <= 0.05 * 400


def test_a_certificate_that_leaks_thrice_its_share_is_refuted() -> None:
    assert leak_is_refuted(30, 1000, 0.01)
    assert not leak_is_refuted(10, 1000, 0.01)
    assert not leak_is_refuted(0, 1000, 0.01)
