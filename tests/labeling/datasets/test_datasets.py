"""From standing labels to a frozen dataset."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from inspection.models import Product, Verdict
from labeling.datasets import datasets
from labeling.models import DefectType, Label
from labeling.review import review
from mltasks.vision.data.duplicate_groups import file_group
from mltasks.vision.data.splits import NotEnoughLabels
from mltasks.vision.types import Roi
from tests.labeling.conftest import make_part, make_product


def make_label(product: Product, verdict: str = "PASS", **fields: object) -> Label:
    return Label.objects.create(
        inspection=make_part(product, verdict=Verdict.PASS, **fields), verdict=verdict, source=Label.Source.IMPORT
    )


def test_only_the_standing_labels_of_the_product_count(product: Product, ada: User) -> None:
    kept = make_label(product)
    part = make_part(product)
    review.correct(part, by=ada, verdict="PASS")
    corrected = review.correct(part, by=ada, verdict="FAIL")
    review.undo(review.correct(make_part(product), by=ada, verdict="FAIL"), by=ada)
    make_label(make_product("case"))
    assert set(datasets.standing_labels(product)) == {kept, corrected}


def test_a_sample_carries_what_training_needs(product: Product, ada: User) -> None:
    DefectType.objects.create(product=product, name="scratch")
    part = make_part(product, original_filename="edge.jpg", part_id="A7", roi="1,2,30,40", image_name="images/aa/b.jpg")
    review.correct(part, by=ada, verdict="FAIL", defect_type="scratch")
    sample = datasets.samples(product)[0]
    assert (sample.name, sample.target, sample.defect_type, sample.roi) == ("edge.jpg", 1, "scratch", Roi(1, 2, 30, 40))
    assert sample.path == Path(settings.MEDIA_ROOT) / "images/aa/b.jpg"
    assert sample.sha256 == part.image_sha256


def test_of_two_labels_of_one_image_the_newer_counts(product: Product) -> None:
    first = make_label(product, "PASS", original_filename="old.jpg")
    second = make_label(product, "FAIL", original_filename="new.jpg", image_sha256=first.inspection.image_sha256)
    assert [sample.name for sample in datasets.samples(product)] == ["new.jpg"]
    assert second.created_at >= first.created_at


def test_the_age_of_the_label_decides_and_not_that_of_the_part(product: Product) -> None:
    old_part = make_part(product, original_filename="old.jpg", image_sha256="a" * 64)
    make_label(product, "FAIL", original_filename="new.jpg", image_sha256="a" * 64)
    Label.objects.create(
        inspection=old_part,
        verdict="PASS",
        source=Label.Source.IMPORT,
        created_at=timezone.now() + timedelta(minutes=1),
    )
    assert [(sample.name, sample.target) for sample in datasets.samples(product)] == [("old.jpg", 0)]


def test_images_of_one_part_share_a_group(product: Product) -> None:
    make_label(product, original_filename="one", part_id="A7")
    make_label(product, original_filename="two", part_id="A7")
    # The same bytes under two part ids: both parts' images belong together.
    make_label(product, original_filename="three", part_id="B1", image_sha256="b" * 64)
    make_label(product, original_filename="three again", part_id="A7", image_sha256="b" * 64)
    make_label(product, original_filename="four", part_id="B1")
    make_label(product, original_filename="alone")
    make_label(product, original_filename="alone too")
    group = {sample.name: sample.group for sample in datasets.samples(product)}
    assert len({group[name] for name in ("one", "two", "three again", "four")}) == 1
    assert len(set(group.values())) == 3
    assert group["one"] == "part A7"  # the least part id
    alone = next(sample for sample in datasets.samples(product) if sample.name == "alone")
    assert alone.group == file_group(alone.sha256)


def test_a_snapshot_freezes_the_samples(product: Product) -> None:
    for number in range(6):
        make_label(product, "PASS", original_filename=f"good-{number}", part_id=f"G{number // 2}")
        make_label(product, "PASS", original_filename=f"fine-{number}")
        make_label(product, "FAIL", original_filename=f"bad-{number}")
    snapshot = datasets.take_snapshot(product)
    assert (snapshot.good, snapshot.defective, snapshot.number) == (12, 6, 1)
    assert snapshot.model == product.registered_model
    splits = {item.title: item.split for item in snapshot.items.all()}
    assert splits["good-0"] == splits["good-1"]


def test_it_refuses_a_snapshot_of_too_few_labels(product: Product) -> None:
    make_label(product)
    with pytest.raises(NotEnoughLabels, match="label 3 more good parts and 4 more defective parts"):
        datasets.take_snapshot(product)
