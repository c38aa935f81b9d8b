"""Images too small to show a part: no verdict of a model on a single pixel."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image

from inspection.models import Inspection, Product, Station
from tests.inspection.conftest import Sender, error_of
from tests.inspection.sample_images import encode
from tests.inspection.scoring.conftest import make_scripted_champion as make_scripted_champion
from tests.inspection.scoring.scripted_scorer import scores


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (15, 400)])
@pytest.mark.parametrize("image_format", ["PNG", "JPEG"])
def test_it_refuses_an_image_below_the_smallest_side(size: tuple[int, int], image_format: str, sender: Sender) -> None:
    answer = sender.send(encode(Image.new("RGB", size, "grey"), image_format))

    assert error_of(answer) == (400, "invalid_image")
    assert f"{size[0]} × {size[1]}" in answer.json()["detail"]
    assert "at least 16" in answer.json()["detail"]
    assert not Inspection.objects.exists()


def test_a_product_may_have_smaller_or_larger_parts(sender: Sender, product: Product) -> None:
    image = encode(Image.new("RGB", (40, 12), "grey"), "PNG")
    Product.objects.update(min_image_side=12)
    assert sender.send(image).status_code == 201

    Product.objects.update(min_image_side=64)
    assert error_of(sender.send(image)) == (400, "invalid_image")


def test_it_refuses_a_shape_of_which_the_version_sees_a_strip(make_scripted_champion: Any, sender: Sender) -> None:
    make_scripted_champion(scores(0.01))

    answer = sender.send(encode(Image.new("RGB", (2000, 32), "grey"), "PNG"))

    assert error_of(answer) == (400, "invalid_image")
    assert "version 4 would get 48 × 1 pixels" in answer.json()["detail"]


def test_it_refuses_a_region_that_leaves_a_strip(sender: Sender) -> None:
    Station.objects.update(roi="0,90,400,400")

    answer = sender.send(encode(Image.new("RGB", (100, 100), "grey"), "PNG"))

    assert error_of(answer) == (400, "invalid_image")
    assert "region of interest has 100 × 10 pixels" in answer.json()["detail"]
