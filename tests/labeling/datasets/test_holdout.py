"""The locked holdout: lots drawn with the first label, by part, and kept for ever."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inspection.models import Inspection, Product
from labeling.datasets import datasets, holdout
from labeling.history import history
from labeling.queue import queue
from labeling.review import review
from tests.labeling.conftest import make_part, make_product


@pytest.fixture(autouse=True)
def holdout_from_second_label(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the second label on."""
    monkeypatch.setattr(holdout, "MIN_LABELS", 1)


def correct_label(part: Inspection, by: User, verdict: str = "PASS") -> bool | None:
    review.correct(part, by=by, verdict=verdict)
    part.refresh_from_db()
    return part.holdout


def set_holdout_share(product: Product, share: float) -> None:
    Product.objects.filter(pk=product.pk).update(holdout_share=share)
    product.refresh_from_db()


def test_the_first_labels_all_teach(product: Product, ada: User) -> None:
    set_holdout_share(product, 0.5)
    assert correct_label(make_part(product), ada) is False
    assert {correct_label(make_part(product, part_id=f"P-{number}"), ada) for number in range(20)} == {True, False}


def test_it_counts_labels_in_no_order(product: Product, ada: User) -> None:
    """The newest of a million parts that are labeled take a tenth of a second to find; any do."""
    with CaptureQueriesContext(connection) as asked:
        correct_label(make_part(product), ada)
    counts = [query["sql"] for query in asked.captured_queries if "COUNT(*)" in query["sql"]]
    assert counts and not any("ORDER BY" in sql for sql in counts)


def test_about_its_share_is_locked(product: Product, ada: User) -> None:
    set_holdout_share(product, 0.2)
    parts = Inspection.objects.bulk_create([make_unsaved(product, f"P-{number}") for number in range(2000)])
    review.correct(make_part(product), by=ada, verdict="PASS")
    review.correct(make_part(product), by=ada, verdict="PASS")
    holdout.assign_holdout(product, parts)
    found = Inspection.objects.filter(holdout=True, part_id__startswith="P-").count()
    assert 340 <= found <= 460, "Four standard deviations around a fifth."


def make_unsaved(product: Product, part_id: str) -> Inspection:
    image = {"image_name": "x.jpg", "image_sha256": f"{part_id:0>64}", "image_format": "JPEG"}
    size = {"image_width": 64, "image_height": 64, "image_bytes": 1000}
    return Inspection(product=product, part_id=part_id, state="decided", verdict="REVIEW", **image, **size)


def test_pictures_of_one_part_share_a_lot_whatever_the_share_became(product: Product, ada: User) -> None:
    correct_label(make_part(product), ada)
    set_holdout_share(product, 0.0)
    assert correct_label(make_part(product, part_id="P-1"), ada) is False
    set_holdout_share(product, 0.5)
    lots = [correct_label(make_part(product, part_id="P-1"), ada) for _ in range(5)]
    assert lots == [False] * 5
    same_file = make_part(product, part_id="P-2", image_sha256="a" * 64)
    first = correct_label(same_file, ada)
    assert correct_label(make_part(product, part_id="P-3", image_sha256="a" * 64), ada) is first


def test_a_lot_is_never_drawn_again(product: Product, ada: User) -> None:
    correct_label(make_part(product), ada)
    set_holdout_share(product, 0.5)
    part = make_part(product)
    was = correct_label(part, ada)
    standing = review.standing_label(part)
    assert standing is not None
    review.undo(standing, by=ada)
    set_holdout_share(product, 0.0 if was else 0.5)
    assert correct_label(part, ada, "FAIL") is was


def test_a_claim_draws_too_and_what_is_locked_teaches_nothing(product: Product, ada: User) -> None:
    correct_label(make_part(product), ada)
    set_holdout_share(product, 0.5)
    for number in range(12):
        make_part(product, part_id=f"P-{number}")
    before = history.new_training_part_count(product)
    while (claim := queue.claim(reviewer=ada, product=product)) is not None:
        review.resolve(claim, verdict="FAIL")
    rows = Inspection.objects.filter(part_id__startswith="P-")
    locked = rows.filter(holdout=True).count()
    assert 0 < locked < 12
    splits = [sample.split for sample in datasets.samples(product)]
    assert splits.count("holdout") == locked
    assert history.new_training_part_count(product) == before + 12 - locked


def test_lots_follow_from_product_and_part_alone(product: Product) -> None:
    drawn = [holdout.holdout_sample_value(product, f"part {number}") for number in range(1000)]
    assert drawn == [holdout.holdout_sample_value(product, f"part {number}") for number in range(1000)]
    other = make_product("other")
    assert drawn != [holdout.holdout_sample_value(other, f"part {number}") for number in range(1000)]
    assert 0.4 < sum(drawn) / 1000 < 0.6 and all(0 <= one < 1 for one in drawn)
