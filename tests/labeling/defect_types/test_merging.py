"""Two types become one: no label is rewritten, and every reader sees the current type."""

from __future__ import annotations

import io
from functools import partial
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from inspection.models import Inspection, Product
from labeling.datasets import defect_type_gallery
from labeling.datasets.datasets import samples, standing_labels
from labeling.datasets.defect_type_service import active_types, add_example, add_type, change_type, merge_types
from labeling.datasets.label_export import write_csv
from labeling.folder_import.label_import import get_or_create_type, import_images
from labeling.history import history
from labeling.history.timeline import build_timeline
from labeling.models import DefectType, Label
from labeling.queue import queue
from labeling.refusals import InvalidDefectType, InvalidLabel
from labeling.review import review
from tests.labeling.api.test_api import client_of
from tests.labeling.concurrency import run_concurrently
from tests.labeling.conftest import make_part, make_product
from tests.labeling.folder_import.test_label_import import draw_image


@pytest.fixture
def crack(product: Product) -> DefectType:
    return add_type(product, name="crack", key="1")


@pytest.fixture
def scratch(product: Product) -> DefectType:
    return add_type(product, name="scratch", key="2")


@pytest.fixture
def crack_label(part: Inspection, crack: DefectType, scratch: DefectType, ada: User) -> Label:
    """A label that was given as crack before crack was merged into scratch."""
    label = review.correct(part, by=ada, verdict="FAIL", defect_type="crack")
    assert merge_types(crack, into=scratch) == scratch
    return Label.objects.get(pk=label.pk)


def test_the_label_stays_as_it_was_and_counts_for_the_other(crack_label: Label, product: Product) -> None:
    assert crack_label.defect_type is not None
    assert (crack_label.defect_type.name, crack_label.defect_type.current.name, str(crack_label)) == (
        "crack",
        "scratch",
        "FAIL scratch",
    )
    (card,) = defect_type_gallery.load_cards(product)
    assert (card.defect_type.name, card.label_count) == ("scratch", 1)
    (old,) = defect_type_gallery.merged_type_cards(product)
    assert (old.defect_type.name, old.defect_type.key, old.label_count) == ("crack", "", 1)
    assert old.defect_type.merged_at is not None
    assert defect_type_gallery.newest_parts_of_type(card.defect_type) == [crack_label.inspection]


def test_every_reader_says_the_current_name(crack_label: Label, product: Product, ada: User) -> None:
    assert [sample.defect_type for sample in samples(product)] == ["scratch"]
    out = io.StringIO()
    write_csv(out, standing_labels(product))
    assert ",FAIL,scratch,ada," in out.getvalue()
    (shown,) = history.load_page(product, {}).parts
    assert shown.person_names == "scratch"  # type: ignore[attr-defined]
    assert [kind.name for kind in active_types(product)] == ["scratch"]
    words = [event.text for event in build_timeline(crack_label.inspection)]
    assert "Labeled FAIL (crack, now called scratch) by ada" in words
    answer = client_of(ada).post(f"/api/v1/labels/{crack_label.pk}/undo/")
    assert answer.json()["defect_type"] == "scratch"


def test_the_old_name_is_understood(crack_label: Label, product: Product, scratch: DefectType, ada: User) -> None:
    same = review.correct(crack_label.inspection, by=ada, verdict="FAIL", defect_type="scratch")
    assert same == crack_label, "The same word by the same person."
    newer = review.correct(make_part(product), by=ada, verdict="FAIL", defect_type="crack")
    assert newer.defect_type == scratch
    assert get_or_create_type(product, "crack") == scratch
    with pytest.raises(InvalidLabel, match=r"Its defect types: scratch\."):
        review.correct(crack_label.inspection, by=ada, verdict="FAIL", defect_type="dent")


def test_a_verdict_sent_again_after_the_merge_is_the_same(
    part: Inspection, crack: DefectType, scratch: DefectType, ada: User
) -> None:
    claim = queue.claim_part(part, reviewer=ada)
    label = review.resolve(claim, verdict="FAIL", defect_type="crack")
    merge_types(crack, into=scratch)
    assert review.resolve(claim, verdict="FAIL", defect_type="crack") == label
    assert review.resolve(claim, verdict="FAIL", defect_type="scratch") == label


def test_a_folder_of_the_old_name_is_known(product: Product, tmp_path: Path, scratch: DefectType) -> None:
    draw_image(tmp_path / "crack" / "one.png", 1)
    import_images(product, tmp_path)
    merge_types(DefectType.objects.get(name="crack"), into=scratch)
    draw_image(tmp_path / "crack" / "two.png", 2)
    summary = import_images(product, tmp_path)
    assert (summary.already_imported, summary.imported, summary.refused) == (1, 1, [])
    assert set(Label.objects.values_list("defect_type__name", flat=True)) == {"crack", "scratch"}
    again = import_images(product, tmp_path)
    assert (again.already_imported, again.refused) == (2, [])


def test_a_chain_is_flattened(crack_label: Label, product: Product, scratch: DefectType) -> None:
    mark = add_type(product, name="mark")
    merge_types(scratch, into=mark)
    crack = DefectType.objects.get(name="crack")
    assert crack.merged_into == mark
    assert str(Label.objects.get(pk=crack_label.pk)) == "FAIL mark"
    assert defect_type_gallery.load_card(mark).label_count == 1


def test_examples_move_once(product: Product, crack: DefectType, scratch: DefectType, manager: User) -> None:
    both, own = make_part(product), make_part(product)
    for kind, part in ((crack, both), (crack, own), (scratch, both)):
        add_example(kind, part, by=manager)
    merge_types(crack, into=scratch)
    assert {one.inspection for one in scratch.examples.all()} == {both, own}
    assert not crack.examples.exists()


def test_the_same_merge_again_changes_nothing(crack_label: Label, crack: DefectType, scratch: DefectType) -> None:
    crack.refresh_from_db()
    before = crack.merged_at
    assert merge_types(crack, into=scratch) == scratch
    crack.refresh_from_db()
    assert crack.merged_at == before


def test_it_refuses_merges_that_make_no_sense(
    crack_label: Label, product: Product, crack: DefectType, scratch: DefectType, manager: User
) -> None:
    dent = add_type(product, name="dent")
    other = add_type(make_product("case"), name="hole")
    for kind, into in ((dent, dent), (dent, crack), (crack, dent), (dent, other), (scratch, crack)):
        with pytest.raises(InvalidDefectType):
            merge_types(kind, into=into)
    with pytest.raises(InvalidDefectType, match="crack was merged into scratch"):
        change_type(crack, name="rift", key="", colour="")
    with pytest.raises(InvalidDefectType, match="crack was merged into scratch"):
        add_example(crack, crack_label.inspection, by=manager)
    with pytest.raises(InvalidDefectType, match="crack was merged into scratch and still has labels"):
        add_type(product, name="crack")


def test_the_database_refuses_a_key_for_a_merged_type(crack_label: Label, crack: DefectType) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        DefectType.objects.filter(pk=crack.pk).update(key="5")


@pytest.mark.django_db(transaction=True)
def test_merges_at_once_leave_no_chain_and_no_ring() -> None:
    product = make_product()
    kinds = [add_type(product, name=name) for name in ("one", "two", "three", "four")]

    def merged(kind: DefectType, into: DefectType) -> None:
        try:
            merge_types(kind, into=into)
        except InvalidDefectType:
            return

    run_concurrently([partial(merged, kind, into) for kind in kinds for into in kinds if kind != into])
    left = DefectType.objects.filter(merged_into=None)
    assert left.count() == 1
    assert {kind.current for kind in DefectType.objects.all()} == set(left)
