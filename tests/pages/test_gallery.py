"""docs/pages.md shows each page that was photographed, and its pictures stay small."""

from __future__ import annotations

import re

from PIL import Image

from tests.chromium import DESKTOP, PHONE
from tests.pictures import gallery

MOST_BYTES = 150_000
MOST_BYTES_TOGETHER = 3_000_000


def test_the_gallery_says_what_its_table_says() -> None:
    assert gallery.GALLERY.read_text() == gallery.gallery_text(), "Take the pictures anew: make screenshots"


def test_each_picture_is_shown_has_its_size_and_is_small() -> None:
    shown = re.findall(r"img/pages/([a-z-]+\.png)", gallery.GALLERY.read_text())
    files = {file.name: file for file in gallery.FOLDER.glob("*")}
    assert sorted(shown) == sorted(files)
    for name, file in files.items():
        size = DESKTOP if name.endswith("-desktop.png") else PHONE
        assert Image.open(file).size == (size["width"], size["height"]), name
        assert file.stat().st_size < MOST_BYTES, name
    assert sum(file.stat().st_size for file in files.values()) < MOST_BYTES_TOGETHER
