"""Quality managers name a product's defects."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from inspection.models import Product
from labeling.datasets import defect_type_gallery
from labeling.datasets.defect_type_service import add_example, add_type, change_type, remove_example
from labeling.folder_import.label_import import import_images
from labeling.models import DefectType
from labeling.refusals import InvalidDefectType
from labeling.review import review
from labeling.web.forms import DefectTypeForm
from tests.labeling.concurrency import run_concurrently
from tests.labeling.conftest import make_part, make_product
from tests.labeling.folder_import.test_label_import import draw_image


def test_a_name_is_made_as_a_folders_is(product: Product) -> None:
    made = add_type(product, name=" deep scratch ", key="3", colour="#D55E00")
    made.refresh_from_db()
    assert (made.name, made.key, made.colour) == ("deep-scratch", "3", "#D55E00")
    assert add_type(product, name="Dent_2").name == "Dent_2"
    assert add_type(make_product("case"), name="deep scratch", key="3").key == "3"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"name": "dent"}, "The type dent already exists"),
        ({"name": "hole", "key": "1"}, "Key 1 is already used by dent"),
        ({"name": " ?! "}, "at least one letter or digit"),
        ({"name": "hole", "key": "0"}, "1 to 9"),
        ({"name": "hole", "colour": "red"}, "hexadecimal"),
    ],
)
def test_it_refuses_what_is_taken_or_none(product: Product, said: dict[str, str], why: str) -> None:
    dent = add_type(product, name="dent", key="1")
    hole = add_type(product, name="crack")
    with pytest.raises(InvalidDefectType, match=why):
        add_type(product, **said)
    with pytest.raises(InvalidDefectType, match=why):
        change_type(hole, **{"key": "", "colour": "", **said})
    assert set(product.defect_types.all()) == {dent, hole}


def test_labels_follow_a_new_name_and_the_old_one_is_understood(product: Product, ada: User, tmp_path: Path) -> None:
    kind = add_type(product, name="crack", key="1")
    draw_image(tmp_path / "crack" / "one.png", 1)
    import_images(product, tmp_path)
    part = make_part(product)
    label = review.correct(part, by=ada, verdict="FAIL", defect_type="crack")
    change_type(kind, name="fissure", key="2", colour="")
    label.refresh_from_db()
    assert str(label) == "FAIL fissure"
    assert defect_type_gallery.load_card(kind).label_count == 2
    # A page that was opened before, and the same folder again.
    assert review.correct(part, by=ada, verdict="FAIL", defect_type="crack") == label
    assert import_images(product, tmp_path).already_imported == 1
    assert [card.defect_type.name for card in defect_type_gallery.merged_type_cards(product)] == ["crack"]


def test_an_old_name_that_no_label_carries_is_free_again(product: Product, ada: User) -> None:
    kind = add_type(product, name="crak")
    change_type(kind, name="crack", key="", colour="")
    change_type(kind, name="crak", key="", colour="")
    assert {(one.name, one.current.name) for one in product.defect_types.all()} == {("crak", "crak"), ("crack", "crak")}
    assert add_type(product, name="crack").merged_into is None


def test_the_palette_gives_a_colour_until_one_is_chosen(product: Product) -> None:
    kind = add_type(product, name="dent", key="2")
    assert kind.display_colour == "#56B4E9"
    said = {"name": "dent", "key": "2"}
    form = DefectTypeForm({**said, "colour": "#56b4e9"}, defect_type=kind)
    assert form.is_valid() and form.cleaned_data["colour"] == ""
    form = DefectTypeForm({**said, "colour": "#123456"}, defect_type=kind)
    assert form.is_valid() and form.cleaned_data["colour"] == "#123456"
    change_type(kind, **form.cleaned_data)
    kind.refresh_from_db()
    assert kind.display_colour == "#123456"
    assert not DefectTypeForm({**said, "colour": "blue"}, defect_type=kind).is_valid()


def test_examples_are_chosen_from_the_parts_labeled_so_last(product: Product, ada: User, manager: User) -> None:
    kind = add_type(product, name="dent")
    parts = [make_part(product) for _ in range(4)]
    for part in parts:
        review.correct(part, by=ada, verdict="FAIL", defect_type="dent")
    review.correct(parts[1], by=ada, verdict="PASS")
    assert defect_type_gallery.newest_parts_of_type(kind) == [parts[3], parts[2], parts[0]]
    first = add_example(kind, parts[2], by=manager)
    assert add_example(kind, parts[2], by=ada) == first
    assert defect_type_gallery.newest_parts_of_type(kind) == [parts[3], parts[0]]
    (card,) = defect_type_gallery.load_cards(product)
    assert (card.defect_type, card.label_count, card.examples) == (kind, 3, [first])
    remove_example(kind, parts[2])
    remove_example(kind, parts[2])
    assert defect_type_gallery.load_card(kind).examples == []


def test_it_refuses_another_products_part_as_an_example(product: Product, manager: User) -> None:
    kind = add_type(product, name="dent")
    with pytest.raises(InvalidDefectType):
        add_example(kind, make_part(make_product("case")), by=manager)


@pytest.mark.django_db(transaction=True)
def test_of_two_managers_at_once_one_gets_the_key() -> None:
    product = make_product()

    def added(name: str) -> DefectType | None:
        try:
            return add_type(product, name=name, key="1")
        except InvalidDefectType:
            return None

    made = run_concurrently([partial(added, f"kind-{number}") for number in range(6)])
    assert [one for one in made if one] == list(product.defect_types.all())
    assert len([one for one in made if one]) == 1
