"""Only images that nothing names are removed, and nothing that is not ours."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from inspection.images import image_files, thumbnail_queue
from inspection.images.image_removal import FOLDER_COUNT, FreedSpace, clean_folder, remove_unreferenced
from inspection.models import Inspection
from tests.inspection.conftest import Receive
from tests.inspection.sample_images import jpeg

pytestmark = pytest.mark.django_db
SHA256 = "ab" + "0" * 62


def clean_all_folders() -> FreedSpace:
    return sum((clean_folder(number) for number in range(FOLDER_COUNT)), FreedSpace())


def make_old_file(path: Path, content: bytes = b"12345") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (0, 0))
    return path


@pytest.fixture
def root(settings: Any) -> Path:
    return Path(settings.MEDIA_ROOT)


def make_all_files_old(root: Path) -> None:
    for path in root.rglob("*"):
        if path.is_file():
            os.utime(path, (0, 0))


def test_it_removes_an_old_file_that_nothing_names_with_its_thumbnail(root: Path) -> None:
    image, thumb = make_old_file(root / f"images/ab/{SHA256}.png"), make_old_file(root / f"thumbs/ab/{SHA256}.jpg")
    assert clean_folder(0xAA) == FreedSpace()
    assert clean_folder(0xAB, dry_run=True) == FreedSpace(1, 10)
    assert clean_folder(0xAB) == FreedSpace(1, 10)
    assert not image.exists() and not thumb.exists()


def test_it_removes_an_old_thumbnail_without_an_image(root: Path) -> None:
    thumb = make_old_file(root / f"thumbs/ab/{SHA256}.jpg")
    assert clean_folder(0xAB) == FreedSpace(1, 5)
    assert not thumb.exists()


def test_it_keeps_what_a_row_names_however_old(root: Path, receive: Receive) -> None:
    part = receive(jpeg())
    thumbnail_queue.background_thumbnails.drain()
    make_all_files_old(root)
    before = {path for path in root.rglob("*") if path.is_file()}
    assert len(before) == 2
    assert clean_all_folders() == FreedSpace()
    assert remove_unreferenced({part.image_sha256: part.image_name}) == FreedSpace()
    assert {path for path in root.rglob("*") if path.is_file()} == before


def test_it_keeps_a_young_file_and_what_is_not_its_own(root: Path, tmp_path: Path) -> None:
    young = make_old_file(root / f"images/ab/{SHA256}.png")
    os.utime(young)
    outside = make_old_file(tmp_path / "outside")
    link = root / f"images/ab/{'ab' * 32}.png"
    link.symlink_to(outside)
    kept = [
        make_old_file(root / "images/ab/notes.txt"),
        make_old_file(root / f"images/ab/{SHA256}.png.bak"),
        make_old_file(root / f"images/{SHA256}.png"),
        make_old_file(root / f"images/drafts/{SHA256}.png"),
        make_old_file(root / f"images/abc/{SHA256}.png"),
    ]
    (root / f"images/ab/{'cd' * 32}.png").mkdir()
    assert clean_all_folders() == FreedSpace()
    assert all(path.exists() for path in [young, outside, link, *kept])


def test_a_file_that_is_gone_already_is_no_trouble(root: Path) -> None:
    assert remove_unreferenced({SHA256: f"images/ab/{SHA256}.png"}) == FreedSpace(1, 0)


def test_a_removed_image_that_comes_again_is_stored_again(receive: Receive) -> None:
    part = receive(jpeg())
    Inspection.objects.all().delete()
    assert remove_unreferenced({part.image_sha256: part.image_name}).images == 1
    again = receive(jpeg())
    with image_files.open_image(again) as stored:
        assert stored.read() == jpeg()
