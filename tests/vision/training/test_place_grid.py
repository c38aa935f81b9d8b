"""Places of defects on the cell grid: where a mask or a mark lies in the network's input, and where nobody knows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mltasks.vision.data.image_header import ImageError
from mltasks.vision.training.features.place_grid import MARKED, UNKNOWN, defect_places, mark_places, mask_places
from mltasks.vision.types import DEFECT, GOOD, InputSize, Mark, Roi, Sample

# An image of 200 × 100 fills 64 × 32 of a square input, 16 pixels of mirror above and below.
WIDTH, HEIGHT = 200, 100
SQUARE = InputSize(64, 64)
# Four of the image's pixels per pixel of the input, no padding
WHOLE = InputSize(32, 64, keep_shape=False)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "part.png"
    Image.new("RGB", (WIDTH, HEIGHT), (90, 90, 90)).save(path)
    return path


def sample(
    image: Path, *marks: Mark, roi: Roi | None = None, mask: np.ndarray | None = None, target: int = DEFECT
) -> Sample:
    path = None
    if mask is not None:
        path = image.with_name("mask.png")
        Image.fromarray(mask.astype(np.uint8) * 255).save(path)
    return Sample("part", "0" * 64, image, target, "one", roi=roi, marks=marks, mask=path)


def mask_at(top: int, left: int, height: int, width: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[top : top + height, left : left + width] = True
    return mask


def marked(places: np.ndarray | None) -> set[tuple[int, int]]:
    """Row and column of each marked cell; all others are unknown."""
    assert places is not None and places.dtype == np.float16
    assert set(np.unique(places)) <= {MARKED, UNKNOWN}
    return {(int(row), int(column)) for row, column in np.argwhere(places == MARKED)}


def test_a_cell_holds_the_share_that_a_mask_covers() -> None:
    mask = np.zeros((16, 24), np.bool_)
    mask[:8, 8:16] = mask[8:12, 16:20] = mask[15, 0] = True

    assert mask_places(mask).tolist() == [[0, 1, 0], [np.float16(1 / 64), 0, 0.25]]


def test_a_good_part_and_a_defect_that_nobody_marked_have_no_places(image: Path) -> None:
    everywhere = np.ones((HEIGHT, WIDTH), np.bool_)

    assert defect_places(sample(image), SQUARE) is None
    assert defect_places(sample(image, Mark(0.5, 0.5), mask=everywhere, target=GOOD), SQUARE) is None


def test_a_mask_is_placed_as_its_image_is_and_mirrored_in_the_padding(image: Path) -> None:
    # Of the whole width, and of the image's upper quarter: 8 of 32 pixels, mirrored in the 16 above
    places = defect_places(sample(image, mask=mask_at(0, 0, 25, WIDTH)), SQUARE)

    assert places is not None and places.shape == (8, 8)
    assert places[:, 3].tolist() == pytest.approx([0, 1, 1, 0, 0, 0, 0, 0], abs=0.15)
    assert (places == places[:, :1]).all()


def test_a_mask_is_cut_to_the_region(image: Path) -> None:
    mask = mask_at(0, 0, HEIGHT, 20) | mask_at(50, 150, 50, 50)
    places = defect_places(sample(image, mask=mask, roi=Roi(100, 0, 100, 100)), InputSize(64, 64))

    assert places is not None
    wanted = np.zeros((8, 8))
    wanted[4:, 4:] = 1
    assert places == pytest.approx(wanted, abs=0.3)
    assert places[:3].max() == places[:, :3].max() == 0


@pytest.mark.parametrize("roi", [None, Roi(100, 0, 100, 100)], ids=["black", "outside the region"])
def test_a_mask_that_shows_no_place_leaves_it_open(image: Path, roi: Roi | None) -> None:
    mask = mask_at(0, 0, HEIGHT, 20) if roi else np.zeros((HEIGHT, WIDTH), np.bool_)

    # Zeros would say that all cells of a defective part are good.
    assert defect_places(sample(image, mask=mask, roi=roi), SQUARE) is None


def test_the_mask_goes_before_marks(image: Path) -> None:
    places = defect_places(sample(image, Mark(0, 0), mask=mask_at(50, 100, 50, 100)), WHOLE)

    assert places is not None and places.max() <= 1 and places.min() == 0
    assert places[:2, :3].max() == 0


def test_an_unreadable_mask_is_an_error(image: Path) -> None:
    broken = image.with_name("broken.png")
    broken.write_bytes(b"no mask")

    with pytest.raises(ImageError):
        defect_places(Sample("part", "", image, DEFECT, "one", mask=broken), SQUARE)


def test_a_point_is_as_large_as_a_click_is_exact(image: Path) -> None:
    # A twentieth of 320 is 16 pixels: two cells around a cell's corner, three around its middle
    size = InputSize(160, 320, keep_shape=False)

    assert marked(defect_places(sample(image, Mark(0.5, 0.5)), size)) == {(9, 19), (9, 20), (10, 19), (10, 20)}
    middle = (19 * 8 + 4) / 320
    found = marked(defect_places(sample(image, Mark(middle, 0.5)), size))
    assert found == {(row, column) for row in (9, 10) for column in (18, 19, 20)}


def test_a_line_grows_across_and_not_along(image: Path) -> None:
    size = InputSize(160, 320, keep_shape=False)
    found = marked(defect_places(sample(image, Mark(0.25, 0.5, 0.5, 0)), size))

    assert found == {(row, column) for row in (9, 10) for column in range(10, 30)}


def test_a_rectangle_is_marked_as_it_is_drawn(image: Path) -> None:
    found = marked(defect_places(sample(image, Mark(0.25, 0.5, 0.25, 0.5)), WHOLE))

    assert found == {(row, column) for row in (2, 3) for column in (2, 3)}


def test_several_marks_are_all_there(image: Path) -> None:
    found = marked(mark_places([Mark(0, 0, 0.125, 0.25), Mark(0.875, 0.75, 0.125, 0.25)], sample(image), WHOLE))

    assert found == {(0, 0), (3, 7)}


def test_marks_move_with_the_padding(image: Path) -> None:
    # Rows 2 to 5 of 8 show the image.
    found = marked(defect_places(sample(image, Mark(0, 0, 0.25, 0.25)), SQUARE))

    assert found == {(2, 0), (2, 1)}


def test_marks_are_shares_of_the_whole_image_whatever_the_region(image: Path) -> None:
    roi = Roi(100, 50, 100, 50)
    found = marked(defect_places(sample(image, Mark(0.75, 0.5, 0.125, 0.25), roi=roi), WHOLE))

    assert found == {(row, column) for row in (0, 1) for column in (4, 5)}


@pytest.mark.parametrize(
    "mark",
    [Mark(0.1, 0.7), Mark(0.7, 0.1), Mark(0.48, 0.75), Mark(0.75, 0.48), Mark(0, 0, 0.45, 1), Mark(0, 0, 1, 0.45)],
    ids=str,
)
@pytest.mark.parametrize("size", [WHOLE, SQUARE], ids=["no padding", "padded"])
def test_a_mark_outside_the_region_is_left_out(image: Path, mark: Mark, size: InputSize) -> None:
    roi = Roi(100, 50, 100, 50)

    assert (mark_places([mark], sample(image, roi=roi), size) == UNKNOWN).all()
    assert defect_places(sample(image, mark, roi=roi), size) is None


def test_a_mark_across_the_regions_edge_ends_there(image: Path) -> None:
    # The region fills rows 2 to 5 of 8; above and below is its mirror image.
    roi = Roi(0, 25, 100, 50)
    found = marked(defect_places(sample(image, Mark(0, 0, 0.25, 0.5), roi=roi), SQUARE))

    assert found == {(row, column) for row in (2, 3) for column in range(4)}
    beyond = marked(defect_places(sample(image, Mark(0, 0, 1, 1), roi=roi), SQUARE))
    assert beyond == {(row, column) for row in (2, 3, 4, 5) for column in range(8)}


def test_a_point_at_the_edge_grows_inside_alone(image: Path) -> None:
    size = InputSize(320, 320)
    found = marked(defect_places(sample(image, Mark(0, 0), Mark(1, 1)), size))

    # The image fills rows 10 to 29 of 40; half of 16 pixels lie inside.
    assert found == {(10, 0), (29, 39)}
