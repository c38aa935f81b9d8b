"""Folders of labeled parts: which names hold good ones, and which files are images. Imports nothing."""

from __future__ import annotations

GOOD_FOLDERS = frozenset({"good", "ok", "pass"})
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
