"""The drawn line: the same seed draws the same parts, and each kind shows what it says."""

from __future__ import annotations

import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mltasks.vision.drawing.draw_part import DrawnPart, draw_part
from mltasks.vision.drawing.line import SHARES, demo_line, labeled_set, write_image_folder
from mltasks.vision.drawing.plates import PartKind
from mltasks.vision.drawing.scenes import draw_picture

DEFECTS = [PartKind.SCRATCH, PartKind.EXCESS, PartKind.NOVEL]


def pixels(part: DrawnPart) -> np.ndarray:
    return np.asarray(part.image, dtype=np.float32)


@pytest.mark.parametrize("kind", list(PartKind))
def test_it_draws_the_same_pixels_from_the_same_seed(kind: PartKind) -> None:
    first, second = draw_part(kind, 11), draw_part(kind, 11)

    assert np.array_equal(pixels(first), pixels(second))
    assert np.array_equal(first.mask, second.mask)


def test_it_draws_another_part_from_another_seed() -> None:
    assert not np.array_equal(pixels(draw_part(PartKind.GOOD, 1)), pixels(draw_part(PartKind.GOOD, 2)))


@pytest.mark.parametrize("size", [(288, 512), (360, 665), (96, 170)])
def test_it_draws_in_the_size_asked_for(size: tuple[int, int]) -> None:
    part = draw_part(PartKind.SCRATCH, 3, size)

    assert part.image.size == size
    assert part.image.mode == "RGB"
    assert part.mask.shape == (size[1], size[0])


def test_it_refuses_a_size_too_small_to_show_a_part() -> None:
    with pytest.raises(ValueError, match="at least 96"):
        draw_part(PartKind.GOOD, 0, (64, 128))


def test_it_says_of_a_good_part_that_nothing_is_wrong() -> None:
    part = draw_part(PartKind.GOOD, 5)

    assert part.defect_type == ""
    assert part.defect_box is None
    assert not part.mask.any()


@pytest.mark.parametrize("kind", DEFECTS)
@pytest.mark.parametrize("seed", range(6))
def test_its_mask_covers_pixels_that_stand_out(kind: PartKind, seed: int) -> None:
    part = draw_part(kind, seed)
    left, top, right, bottom = part.defect_box or (0, 0, 0, 0)

    assert part.defect_type
    assert 0 < part.mask.mean() < 0.2
    assert part.mask[top:bottom, left:right].sum() == part.mask.sum()
    grey = pixels(part).mean(axis=2)
    plate = np.median(grey[100:400, 60:230])
    assert np.abs(grey[part.mask] - plate).mean() > 2 * np.abs(grey[100:400, 60:230] - plate).mean()


def test_the_line_repeats_itself_from_its_seed_and_only_then() -> None:
    first, again, other = (list(islice(demo_line(seed), 6)) for seed in (4, 4, 5))

    assert all(np.array_equal(pixels(a), pixels(b)) for a, b in zip(first, again, strict=True))
    assert not any(np.array_equal(pixels(a), pixels(b)) for a, b in zip(first, other, strict=True))


def test_the_line_is_mostly_good_with_some_of_every_kind() -> None:
    assert sum(SHARES.values()) == pytest.approx(1)
    assert SHARES[PartKind.GOOD] > 0.5
    assert SHARES[PartKind.NOVEL] == min(SHARES.values()) > 0


def test_the_labeled_set_holds_what_was_asked_for_and_nothing_novel() -> None:
    kinds = [part.kind for part in labeled_set(2, good=3, scratch=2, excess=1)]

    assert kinds == [PartKind.GOOD] * 3 + [PartKind.SCRATCH] * 2 + [PartKind.EXCESS]


def test_the_labeled_set_and_the_line_share_no_part() -> None:
    labeled = {part.seed for part in labeled_set(0, good=2, scratch=1, excess=1)}

    assert labeled.isdisjoint(part.seed for part in islice(demo_line(0), 4))


def test_it_writes_a_folder_for_each_kind(tmp_path: Path) -> None:
    parts = labeled_set(1, good=2, scratch=1, excess=1)
    paths = write_image_folder(tmp_path, parts)

    names = ["good/good-0000.jpg", "good/good-0001.jpg", "scratch/scratch-0000.jpg", "excess/excess-0000.jpg"]
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == names
    with Image.open(paths[0]) as written:
        assert (written.format, written.size) == ("JPEG", parts[0].image.size)


def test_pictures_to_learn_from_depend_on_their_numbers_alone() -> None:
    series = [draw_picture(9, index, side=64) for index in range(12)]

    assert all(picture.shape == (64, 64, 3) and picture.dtype == np.uint8 for picture in series)
    assert np.array_equal(series[7], draw_picture(9, 7, side=64))
    assert len({picture.tobytes() for picture in series}) == 12
    assert np.mean([picture.std() for picture in series]) > 20


def test_drawing_needs_no_torch() -> None:
    code = "import sys, mltasks.vision.drawing.line, mltasks.vision.drawing.scenes; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
