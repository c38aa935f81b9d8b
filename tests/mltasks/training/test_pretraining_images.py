"""Which stored images teach a backbone: seeded, each once, and clear of the labeled ones where there are enough."""

from __future__ import annotations

from pathlib import Path

from mltasks.training.pretraining_images import MIN_UNLABELED, PretrainingImage, select_images
from mltasks.vision.types import Roi


def stored_images(count: int, *, labeled: bool = False) -> list[PretrainingImage]:
    kind = "labeled" if labeled else "free"
    return [PretrainingImage(f"{kind}-{number}.jpg", f"{kind}-{number}", "", labeled) for number in range(count)]


def test_the_sample_depends_on_the_seed_and_not_on_the_order() -> None:
    some = stored_images(100)
    assert select_images(some, 10, 7) == select_images(some[::-1] + some, 10, 7)
    assert len(set(select_images(some, 10, 7).images)) == 10
    assert select_images(some, 10, 7) != select_images(some, 10, 8)


def test_labeled_images_are_left_out_when_there_are_enough_others() -> None:
    for unlabeled, wanted in ((10, 10), (MIN_UNLABELED, 3000)):
        choice = select_images([*stored_images(unlabeled), *stored_images(30, labeled=True)], wanted, 7)
        assert not choice.saw_labeled
        assert len(choice.images) == unlabeled


def test_labeled_images_help_out_when_there_are_few_and_it_is_noted() -> None:
    choice = select_images([*stored_images(9), *stored_images(30, labeled=True)], 10, 7)
    assert choice.saw_labeled
    assert len(choice.images) == 10
    assert not select_images(stored_images(3), 10, 7).saw_labeled
    assert select_images([], 10, 7).images == ()


def test_a_picture_has_its_place_and_its_region() -> None:
    picture = PretrainingImage("images/a.jpg", "abc", "1,2,30,40").as_plant_image(Path("/media"))
    assert (picture.path, picture.roi) == (Path("/media/images/a.jpg"), Roi(1, 2, 30, 40))
