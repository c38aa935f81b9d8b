"""Which stored images teach a backbone: seeded, each once, and clear of the labeled ones where there are enough."""

from __future__ import annotations

from pathlib import Path

from mltasks.training.pretraining_images import ENOUGH_UNLABELED, Stored, choose
from mltasks.vision.types import Roi


def stored(count: int, *, labeled: bool = False) -> list[Stored]:
    kind = "labeled" if labeled else "free"
    return [Stored(f"{kind}-{number}.jpg", f"{kind}-{number}", "", labeled) for number in range(count)]


def test_the_sample_depends_on_the_seed_and_not_on_the_order() -> None:
    some = stored(100)
    assert choose(some, 10, 7) == choose(some[::-1] + some, 10, 7)
    assert len(set(choose(some, 10, 7).images)) == 10
    assert choose(some, 10, 7) != choose(some, 10, 8)


def test_labeled_images_are_left_out_when_there_are_enough_others() -> None:
    for unlabeled, wanted in ((10, 10), (ENOUGH_UNLABELED, 3000)):
        choice = choose([*stored(unlabeled), *stored(30, labeled=True)], wanted, 7)
        assert not choice.saw_labeled
        assert len(choice.images) == unlabeled


def test_labeled_images_help_out_when_there_are_few_and_it_is_noted() -> None:
    choice = choose([*stored(9), *stored(30, labeled=True)], 10, 7)
    assert choice.saw_labeled
    assert len(choice.images) == 10
    assert not choose(stored(3), 10, 7).saw_labeled
    assert choose([], 10, 7).images == ()


def test_a_picture_has_its_place_and_its_region() -> None:
    picture = Stored("images/a.jpg", "abc", "1,2,30,40").picture(Path("/media"))
    assert (picture.path, picture.roi) == (Path("/media/images/a.jpg"), Roi(1, 2, 30, 40))
