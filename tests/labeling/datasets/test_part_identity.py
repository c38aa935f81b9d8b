"""Placeholders of code readers join no parts: groups, splits, lots, comparisons, and what people are told."""

from __future__ import annotations

import re
from collections import Counter
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client

from inspection.models import Inspection, Product
from inspection.products import part_identity
from inspection.products.part_identity import PartIdentities, find_shared_part_ids
from inspection.replay.scored_parts import ExposureCheck
from inspection.tasks import count_part_ids
from labeling.datasets import datasets, holdout, part_id_notes
from labeling.datasets.pretraining_request import stored_images
from labeling.models import Label
from labeling.review import reference_parts
from mltasks.models import TrainingRun
from mltasks.vision.data.splits import assign_splits
from mltasks.vision.train_config import TrainConfig
from tests.labeling.conftest import make_part, make_product, unsaved_part


def label_all(product: Product, part_ids: list[str]) -> list[Inspection]:
    """Store a labeled part for each id, one in four of them defective."""
    parts = Inspection.objects.bulk_create([unsaved_part(product, part_id=part_id) for part_id in part_ids])
    verdicts = ["FAIL" if number % 4 == 0 else "PASS" for number in range(len(parts))]
    pairs = zip(parts, verdicts, strict=True)
    Label.objects.bulk_create([Label(inspection=part, verdict=verdict, source="review") for part, verdict in pairs])
    return parts


def group_count(product: Product) -> int:
    return len({sample.group for sample in datasets.samples(product)})


@pytest.mark.parametrize(
    "sent",
    [
        "NOREAD",
        "No Read",
        "no-read",
        "ＮＯＲＥＡＤ",
        " noread ",
        "0",
        "00000",
        "?",
        "????",
        "-",
        "#ERR",
        "N/A",
        "xxxx",
        "null",
    ],
)
def test_a_placeholder_names_no_part(sent: str) -> None:
    assert PartIdentities(Product()).part_id(sent) == ""


@pytest.mark.parametrize("sent", ["A-1", "1", "1111", "1000", "NOREAD-7", "X1", "?7", "Ø 7, left", "错"])
def test_any_other_text_names_a_part(sent: str) -> None:
    assert PartIdentities(Product()).part_id(sent) == sent


def test_a_product_names_its_own(product: Product) -> None:
    product.placeholder_part_ids = "Kein Code\n9"
    identities = PartIdentities(product)
    assert [identities.part_id(sent) for sent in ("KEIN-CODE", "99999", "NOREAD", "0000")] == ["", "", "NOREAD", "0000"]


@pytest.mark.parametrize(
    ("part_ids", "shared"),
    [
        ({"4711": 12, **{f"P{n}": 1 for n in range(88)}}, {"4711": 0.12}),
        ({"4711": 12}, {"4711": 1.0}),
        ({"4711": 7}, {}),  # too few to tell
        ({"4711": 12, **{f"P{n}": 1 for n in range(500)}}, {}),  # 2 %
        ({f"P{n}": 12 for n in range(10)}, {}),  # a dozen views of each part
        ({"A": 60, "B": 40, **{f"P{n}": 2 for n in range(50)}}, {"A": 0.3, "B": 0.2}),
        ({"": 900, "4711": 20}, {}),  # most parts come without an id
        ({"NOREAD": 30, "4711": 9, "A7": 1}, {"NOREAD": 0.75, "4711": 0.23}),
    ],
)
def test_ids_that_too_many_images_share_are_found(part_ids: dict[str, int], shared: dict[str, float]) -> None:
    assert find_shared_part_ids(Counter(part_ids).elements(), PartIdentities(Product()).is_placeholder) == shared


def test_a_placeholder_joins_no_labels(product: Product) -> None:
    label_all(product, ["NOREAD"] * 12)
    assert group_count(product) == 12
    assert set(Inspection.objects.values_list("part_id", flat=True)) == {"NOREAD"}, "It is stored as it was sent."
    Product.objects.update(placeholder_part_ids="")
    product.refresh_from_db()
    assert group_count(product) == 1


def test_images_of_a_placeholder_spread_over_the_splits(product: Product) -> None:
    label_all(product, ["NOREAD"] * 318 + [f"P{number}" for number in range(82)])
    dealt = assign_splits(datasets.samples(product), TrainConfig())
    assert max(Counter(sample.split for sample in dealt).values()) <= 100


def test_an_id_that_most_parts_share_joins_none_once_it_was_counted(product: Product) -> None:
    label_all(product, ["CODE FAULT 7"] * 12 + [f"P{number}" for number in range(30)])
    assert group_count(product) == 31
    count_part_ids()
    product.refresh_from_db()
    assert product.shared_part_ids == {"CODE FAULT 7": 0.29} and group_count(product) == 42


def test_each_image_of_a_placeholder_gets_a_lot_of_its_own(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holdout, "MIN_LABELS", 0)
    product = make_product(holdout_share=0.5)
    label_all(product, ["P-0"])
    holdout.assign_holdout(product, label_all(product, ["NOREAD"] * 40))
    locked = Inspection.objects.filter(part_id="NOREAD", holdout=True).count()
    assert 8 <= locked <= 32
    parts = label_all(product, ["P-1"] * 6)
    holdout.assign_holdout(product, parts)
    assert len(set(Inspection.objects.filter(part_id="P-1").values_list("holdout", flat=True))) == 1


def test_parts_with_a_placeholder_are_no_other_images_of_one_part(product: Product) -> None:
    one, other = make_part(product, part_id="NOREAD"), make_part(product, part_id="NOREAD")
    named, same = make_part(product, part_id="A7"), make_part(product, part_id="A7")
    assert not reference_parts._is_same_part(one, other) and reference_parts._is_same_part(named, same)
    identities = PartIdentities(product)
    assert identities.name(one) != identities.name(other) and identities.name(named) == identities.name(same)
    assert [identities.names_part(f"part {name}") for name in ("A7", "NOREAD")] == [True, False]
    assert identities.names_part(f"file {one.image_sha256}")
    assert ExposureCheck([], [one], identities)._exposure_names(one) == [one.image_sha256]


def test_an_unlabeled_image_with_a_placeholder_is_unlabeled_for_pretraining(product: Product) -> None:
    label_all(product, ["NOREAD", "A7"])
    for part_id in ("NOREAD", "A7"):
        make_part(product, part_id=part_id, image_sha256=part_id[0].lower() * 64)
    labeled = {one.sha256: one.labeled for one in stored_images(product)}
    assert (labeled["n" * 64], labeled["a" * 64]) == (False, True)


def test_a_retraining_says_which_ids_name_no_part(product: Product) -> None:
    label_all(product, ["NOREAD"] * 3 + ["4711"] * 9 + ["A7"])
    assert part_id_notes.refresh_notes(product) == [
        "9 of 13 labeled images have the part id '4711'. Too many images share it to identify a part: each image "
        "counts as its own part, unless it is a near-duplicate of another. Correct the code reader, or add the part id "
        "to the product's placeholders.",
        "3 of 13 labeled images have the part id 'NOREAD', a placeholder of the code reader: each image counts as its "
        "own part, unless it is a near-duplicate of another.",
    ]
    printed = StringIO()
    call_command("retrain", "plate", "--queue", stdout=printed)
    run = TrainingRun.objects.get()
    for text in (printed.getvalue(), run.log):
        assert "part id 'NOREAD', a placeholder" in text and "part id '4711'. Too many" in text
    assert printed.getvalue().splitlines()[-1] == str(run.pk)


def test_the_dashboard_suggests_them(product: Product, client: Client, manager: User) -> None:
    label_all(product, ["CODE FAULT 7"] * 12 + ["NOREAD"] * 12 + [f"P{number}" for number in range(30)])
    client.force_login(manager)
    assert "Part ids shared by many images" not in client.get("/?product=plate").content.decode()
    count_part_ids()
    page = client.get("/?product=plate").content.decode()
    assert "CODE FAULT 7" in page and re.search(r"22\s%\sof the images", page)
    assert "add it to the product's placeholders" in page and "This placeholder marks an unreadable code." in page


def test_counting_leaves_a_product_alone_where_nothing_changed(product: Product) -> None:
    label_all(product, [f"P{number}" for number in range(20)])
    part_identity.save_shared_part_ids(product)
    assert product.shared_part_ids == {}


def test_the_program_before_may_still_add_products(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name, column_default FROM information_schema.columns "
            "WHERE table_name = 'inspection_product' AND column_name IN ('placeholder_part_ids', 'shared_part_ids')"
        )
        defaults = dict(cursor.fetchall())
    assert "NOREAD" in defaults["placeholder_part_ids"] and "{}" in defaults["shared_part_ids"]
